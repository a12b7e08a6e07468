#include "tests/sim/node.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "server/exit_codes.h"
#include "wal/segment.h"
#include "wal/stream_files.h"

namespace once::sim {
namespace {

enum What : uint64_t { kCrashNow = 1, kStartAgain = 2, kCrashSoon = 3 };

constexpr uint64_t kSegmentBytes = kMaxBatchBytes;

uint32_t stream_of(const std::string& path) {
  const size_t at = path.find("log-");
  ONCE_ASSERT(at != std::string::npos);
  return static_cast<uint32_t>(std::stoul(path.substr(at + 4)));
}

template <class Each>
void each_counter(paxos::ReplicaCounters& to, const paxos::ReplicaCounters& from, Each each) {
  using C = paxos::ReplicaCounters;
  for (auto field :
       {&C::fast_path_writes, &C::classic_rounds, &C::takeovers, &C::local_reads, &C::quorum_reads,
        &C::forwarded, &C::refused, &C::overloaded, &C::unavailable, &C::unknown, &C::rejected,
        &C::ignored_messages, &C::changes, &C::composed, &C::lingered}) {
    each(to.*field, from.*field);
  }
}

}  // namespace

std::string peer_address(size_t node) { return fmt::format("node{}:peers", node + 1); }
std::string client_address(size_t node) { return fmt::format("node{}:clients", node + 1); }

std::string SimDirectory::check_peer_disk(NodeId node, DiskId disk) {
  if (disks_.names_another(node, disk)) return "another disk than before";
  if (disks_.names(node, disk)) return "";
  if (disk_.full) return "its disk cannot be remembered: the disk is full";
  disks_.set(node, disk);
  return "";
}

Result<size_t> SimDirectory::remove_other_streams() {
  std::vector<std::string> renamed;
  for (const std::string& path : disk_.paths()) {
    const size_t at = path.rfind('/') + 1;
    const bool is_renamed = wal::stream_of_removed_segment(path.substr(at)).has_value();
    if (!is_renamed && stream_of(path) < streams_) continue;
    renamed.push_back(path);
    if (is_renamed) continue;
    renamed.back() = path.substr(0, at) + wal::removed_segment_name(path.substr(at));
    disk_.rename(path, renamed.back());
  }
  disk_.sync_names();
  for (const std::string& path : renamed) disk_.remove(path);
  disk_.sync_names();
  return renamed.size();
}

Result<void> SimDirectory::remember_standing(server::Standing standing) {
  if (disk_.full) return error("the disk is full");
  if (standing == server::Standing::kAdmitted) {
    oracle_.on_admitted(configuration_.node, configuration_.disk);
  }
  standing_ = standing;
  return {};
}

void SimDirectory::remember_all() {
  for (const auto& [node, address] : configuration_.members) {
    if (node != configuration_.node) disks_.set(node, DiskId{{node.value, 1}});
  }
  ONCE_ASSERT(remember_standing(server::Standing::kAdmitted));
}

// The host that ships, but for two things: a failed log ends the simulated process, and lines go to
// the story.
class SimNode::Host final : public server::NodeHost {
 public:
  Host(SimNode& node, uint16_t cores)
      : NodeHost(*node.directory_, cores, client_address(node.index_)), node_(node) {}
  void log_failed(std::string_view what) override { node_.fail(what); }
  void log_line(std::string_view line) override {
    node_.world_.tell("node {}: {}", node_.index_ + 1, line);
  }
  void warn_line(std::string_view line) override { log_line(line); }
  void on_peer(const net::PeerHello& hello) override {
    node_.oracle_.on_link(node_.index_, hello.node, hello.disk);
    NodeHost::on_peer(hello);
  }

 private:
  SimNode& node_;
};

SimNode::SimNode(World& world, Network& network, Oracle& oracle, const Plan& plan, size_t index)
    : world_(world),
      network_(network),
      oracle_(oracle),
      plan_(plan),
      index_(index),
      disk_(world),
      clock_(world),
      wanted_cores_(plan.cores[index]) {
  if (world_.chance(plan.drift)) {
    world_.count(Fault::kClockDrift);
    clock_.set_drift(world_.between(-100'000, 100'000));
  }
  DiskRates disk = plan.disk;
  if (world_.chance(plan.slow_node)) {
    const int64_t times = world_.between(2, 20);
    disk.latency_ns *= times;
    disk.jitter_ns *= times;
  }
  for (size_t core = 0; core < kMaxSimCores; ++core) {
    ios_.push_back(std::make_unique<SimIo>(
        SimIo::Surroundings{world, network, disk_, clock_, *this, static_cast<HostId>(index)}, disk,
        plan.round_delay_ns));
  }
  format();
  if (plan_.met) directory_->remember_all();
}

SimNode::~SimNode() = default;

void SimNode::format() {
  server::Configuration configuration;
  configuration.cluster = ClusterId{{0x73696d, 1}};
  configuration.disk = DiskId{{index_ + 1, ++disks_made_}};
  configuration.node = NodeId{static_cast<uint16_t>(index_ + 1)};
  configuration.hash_seed = kHashSeed;
  configuration.shard_count = kShardCount;
  configuration.segment_bytes = kSegmentBytes;
  for (size_t i = 0; i < plan_.nodes; ++i) {
    configuration.members.emplace_back(NodeId{static_cast<uint16_t>(i + 1)}, peer_address(i));
  }
  directory_ = std::make_unique<SimDirectory>(std::move(configuration), disk_, oracle_);
  const auto made = wal::create_stream(disk_, identity(), log_options(0));
  ONCE_ASSERT(made);
}

wal::Identity SimNode::identity() const {
  const server::Configuration& mine = directory_->configuration();
  return {mine.cluster, mine.node, mine.disk};
}

wal::LogOptions SimNode::log_options(uint32_t stream) const {
  wal::LogOptions options;
  options.directory = directory_->path();
  options.stream = stream;
  options.segment_bytes = kSegmentBytes;
  return options;
}

bool SimNode::knows_another_disk_of(const SimNode& other) const {
  return directory_->known_disks().names_another(other.number(), other.disk_id());
}

// --- start and end of the process
// -----------------------------------------------------------------

// What recovery gives must be what had landed, before the node builds on it.
bool SimNode::audit() {
  oracle_.begin_audit(index_);
  for (uint32_t stream = 0; stream < directory_->streams(); ++stream) {
    const auto tail = wal::recover(disk_, identity(), log_options(stream),
                                   [&](std::string_view record, RecordNumber, wal::SegmentUse&) {
                                     oracle_.on_recovered(index_, stream, record);
                                   });
    if (!tail) {
      world_.violation(fmt::format("node {} cannot start though its disk is only torn: {}",
                                   index_ + 1, tail.error().message));
      return false;
    }
  }
  oracle_.end_audit(index_);
  return true;
}

void SimNode::start_late(int64_t after_ns) {
  world_.count(Fault::kLateStart);
  world_.after(after_ns, this, kStartAgain);
}

void SimNode::start() {
  if (up() || (lost_ && !impostor_)) return;
  disk_.sync_names();  // as `onced start` does it
  if (!damaged_ && !impostor_ && !audit()) return;
  running_cores_ = wanted_cores_;
  std::vector<reactor::Io*> ios;
  for (uint16_t core = 0; core < running_cores_; ++core) {
    ios_[core]->boot();
    ios.push_back(ios_[core].get());
  }
  server::NodeOptions options;
  options.cores = running_cores_;
  options.client_address = client_address(index_);
  options.seed = world_.prng().next();
  options.index_key = SipKey{1, options.seed};
  options.max_operations = plan_.max_operations;
  options.max_tasks = plan_.max_tasks;
  options.round_zero_window = plan_.round_zero_window;
  options.linger_from = plan_.linger_from;
  host_ = std::make_unique<Host>(*this, running_cores_);
  cores_ = std::make_unique<server::NodeCores>(options, *directory_, disk_, *host_, ios);
  failing_ = false;
  const auto recovered = cores_->recover();
  if (!recovered) {
    world_.tell("node {} refuses to start: {}", index_ + 1, recovered.error().message);
    const bool disk_full = disk_.full && recovered.error().exit_code == server::kExitDirectory;
    if (!damaged_ && !disk_full) {
      world_.violation(
          fmt::format("node {} refuses to start: {}", index_ + 1, recovered.error().message));
    }
    crash(true);
    if (damaged_) lost_ = true;
    if (disk_full) world_.after(kSecond, this, kStartAgain);
    return;
  }
  if (damaged_) {
    world_.violation(
        fmt::format("node {} starts though its log is damaged below the watermark", index_ + 1));
    return;
  }
  ++starts_;
  world_.tell("node {} starts: incarnation {}, {} cores", index_ + 1, cores_->incarnation().value,
              running_cores_);
  network_.host_up(static_cast<HostId>(index_));
  const auto peers = ios_[0]->listen(peer_address(index_), &host_->peer_door());
  const auto clients = ios_[0]->listen(client_address(index_), &host_->client_door());
  ONCE_ASSERT(peers && clients);
  cores_->build();
  built_ = true;
  watches_.assign(running_cores_, invariants::Watch(invariants::Pace::kByTurns));
  cores_->start();
  for (uint16_t core = 0; core < running_cores_; ++core) ios_[core]->serve(&cores_->shard(core));
}

// The product ends the process at once; here its objects end when they are off the stack.
void SimNode::fail(std::string_view what) {
  if (failing_) return;
  failing_ = true;
  world_.tell("node {} stops: {}", index_ + 1, what);
  for (auto& io : ios_) io->freeze();
  world_.after(0, this, kCrashNow);
}

void SimNode::on_event(uint64_t what, uint64_t detail) {
  if (what == kStartAgain) return start();
  if (what == kCrashSoon) {
    if (calm_ || !up() || starts_ != detail) return;
    const bool silent = world_.chance(plan_.silent);
    world_.count(silent ? Fault::kPowerCut : Fault::kCrash);
    crash(silent);
  } else {
    if (!failing_ || !up()) return;
    crash(false);
  }
  world_.after(world_.between(kMs, plan_.down_ns), this, kStartAgain);
}

void SimNode::crash(bool silent) {
  if (!up()) return;
  world_.tell("node {} crashes{}", index_ + 1, silent ? " with its machine" : "");
  failing_ = false;
  paused_ = false;
  for (auto& io : ios_) io->freeze();
  network_.kill_host(static_cast<HostId>(index_), silent);
  add_counters();
  cleaned_ = segments_cleaned();
  built_ = false;
  cores_.reset();
  host_.reset();
  for (auto& io : ios_) io->crash();
  if (silent) disk_.forget_names(world_.below(disk_.unsynced_names() + 1));
}

void SimNode::set_paused(bool paused) {
  if (!up() || paused_ == paused) return;
  world_.tell("node {} {}", index_ + 1, paused ? "is paused" : "goes on");
  paused_ = paused;
  for (auto& io : ios_) io->set_paused(paused);
}

void SimNode::jump_clock(int64_t forward_ns) {
  world_.tell("node {}: the clock jumps {} ms", index_ + 1, forward_ns / kMs);
  clock_.jump(forward_ns);
  for (auto& io : ios_) io->clock_jumped();
}

void SimNode::stall_disk() {
  calm_ = true;
  world_.tell("node {}: each write takes seconds from now on", index_ + 1);
  for (auto& io : ios_) io->disk_rates().latency_ns = 3 * kSecond;
}

void SimNode::calm() {
  calm_ = true;
  disk_.full = false;
  for (auto& io : ios_) {
    DiskRates& rates = io->disk_rates();
    rates.slow = rates.error = rates.short_write = 0;
  }
}

void SimNode::set_disk_pace(int64_t latency_ns, int64_t jitter_ns) {
  for (auto& io : ios_) {
    io->disk_rates().latency_ns = latency_ns;
    io->disk_rates().jitter_ns = jitter_ns;
  }
}

bool SimNode::claimed() const {
  if (!up() || !admitted()) return false;
  for (uint16_t core = 0; core < running_cores_; ++core) {
    if (cores_->replica(core).counters().claimed == 0) return false;
  }
  return true;
}

bool SimNode::in_sync() const {
  if (!up()) return false;
  for (uint16_t core = 0; core < running_cores_; ++core) {
    if (cores_->replica(core).counters().catch_up.in_sync == 0) return false;
  }
  return true;
}

bool SimNode::knows_final(const std::string& name) {
  if (!up()) return false;
  const CoreId core = cores_->replica(0).core_of_name(name);
  const paxos::Explanation told = cores_->replica(core.value).explain(name);
  return told.decided && told.sealed;
}

uint64_t SimNode::segments_cleaned() const {
  uint64_t sum = cleaned_;
  for (uint16_t core = 0; built_ && core < running_cores_; ++core) {
    sum += cores_->shard(core).segments_cleaned();
  }
  return sum;
}

void SimNode::add_counters() {
  for (uint16_t core = 0; core < running_cores_; ++core) {
    each_counter(total_, cores_->replica(core).counters(),
                 [](uint64_t& to, uint64_t from) { to += from; });
  }
}

const paxos::ReplicaCounters& SimNode::counters() {
  if (up()) add_counters();
  return total_;
}

// The moments at which most can go wrong: what was sent is not on the disk yet, or not yet known to
// be there.
void SimNode::on_submitted(int64_t latency_ns) {
  if (calm_ || !world_.chance(plan_.crash_on_write)) return;
  world_.after(world_.between(0, 2 * latency_ns), this, kCrashSoon, starts_);
}

void SimNode::on_failure_told() {
  if (!failing_) world_.violation(fmt::format("node {} goes on after a failed write", index_ + 1));
}

void SimNode::on_landed(const std::string& path, uint64_t, std::string_view bytes) {
  if (!impostor_) oracle_.on_landed(index_, stream_of(path), bytes);
}

void SimNode::on_turn_end(const SimIo& io) {
  for (uint16_t core = 0; core < running_cores_; ++core) {
    if (ios_[core].get() != &io) continue;
    const std::string broken = watches_[core].look(cores_->replica(core));
    if (!broken.empty()) world_.violation(fmt::format("node {}: {}", index_ + 1, broken));
  }
}

// --- what happens to a disk while its node is down
// ------------------------------------------------

// Of the segments that count: what is left in the files of others is nobody's.
SimNode::Survey SimNode::survey(uint32_t stream) {
  Survey found;
  wal::AlignedBytes block = wal::allocate_aligned(kBlockBytes);
  const auto files =
      wal::find_stream_files(disk_, identity(), log_options(stream), wal::kNoEnd, block.get());
  if (!files) return found;  // damaged before
  for (const wal::SegmentFile& segment : files->counted) {
    uint64_t first_sequence = 0;
    for (uint64_t at = 0; at < disk_.size_of(segment.path); at += kBlockBytes) {
      const auto got = disk_.read(segment.path, at, {block.get(), kBlockBytes});
      ONCE_ASSERT(got);
      wal::BlockHeader header;
      std::memcpy(&header, block.get(), sizeof header);
      if (header.magic == 0) found.empty.push_back({segment.path, at, 0});
      if (header.magic != wal::kBlockMagic || header.generation != segment.generation.value)
        continue;
      if (header.checksum != wal::block_checksum(block.get())) continue;
      found.watermark = std::max(found.watermark, header.durable_sequence);
      if (at == 0) {  // what an unfinished batch left behind here is no part of the log
        first_sequence = header.segment_first_sequence;
        std::erase_if(found.blocks,
                      [&](const Block& one) { return one.sequence >= first_sequence; });
      }
      if (header.segment_first_sequence != first_sequence) continue;
      found.blocks.push_back({segment.path, at, header.sequence});
    }
  }
  std::erase_if(found.blocks, [&](const Block& one) { return one.sequence >= found.watermark; });
  return found;
}

// Only below the watermark: above it, nobody can tell damage from a torn tail.
bool SimNode::damage(bool misdirect) {
  const auto stream = static_cast<uint32_t>(world_.below(directory_->streams()));
  const Survey found = survey(stream);
  if (found.blocks.empty()) return false;
  const Block& victim = found.blocks[world_.below(found.blocks.size())];
  damaged_ = true;
  if (misdirect && !found.empty.empty()) {
    world_.count(Fault::kMisdirectedWrite);
    const Block& instead = found.empty[world_.below(found.empty.size())];
    std::string bytes(kBlockBytes, '\0');
    const auto got = disk_.read(victim.path, victim.offset, bytes);
    ONCE_ASSERT(got);
    disk_.write(instead.path, instead.offset, bytes);
    disk_.write(victim.path, victim.offset, std::string(kBlockBytes, '\0'));
    world_.tell("node {} disk: the write of {} block {} went to block {}", index_ + 1, victim.path,
                victim.offset / kBlockBytes, instead.offset / kBlockBytes);
    return true;
  }
  world_.count(Fault::kBitFlip);
  disk_.flip_bit(victim.path, victim.offset + world_.below(kBlockBytes),
                 static_cast<unsigned>(world_.below(8)));
  world_.tell("node {} disk: a bit flips in {} block {}", index_ + 1, victim.path,
              victim.offset / kBlockBytes);
  return true;
}

void SimNode::litter() {
  const auto stream = static_cast<uint32_t>(world_.below(directory_->streams()));
  const Survey found = survey(stream);
  if (found.empty.empty()) return;
  // From the last segment on: a hole before it would be read as damage, and rightly.
  const std::string last = found.empty.back().path;
  std::vector<const Block*> places;
  for (const Block& block : found.empty) {
    if (block.path == last && block.offset > 0) places.push_back(&block);
  }
  if (places.empty()) return;
  world_.count(Fault::kGarbageTail);
  const Block& place = *places[world_.below(places.size())];
  std::string bytes(kBlockBytes, '\0');
  for (char& byte : bytes) byte = static_cast<char>(world_.below(256));
  disk_.write(place.path, place.offset, bytes);
}

void SimNode::wipe() {
  ONCE_ASSERT(!up());
  world_.count(admitted() ? Fault::kWipe : Fault::kWipeBeforeAllMet);
  world_.tell("node {} loses its disk{} and is formatted anew", index_ + 1,
              admitted() ? "" : ", which never voted,");
  oracle_.forget_disk(index_);
  disk_.wipe();
  disk_.full = false;
  damaged_ = false;
  // A disk that never voted has promised nobody anything: the new one may be let in, unless
  // somebody knows the old one.
  impostor_ |= admitted();
  lost_ = impostor_;
  format();
}

}  // namespace once::sim
