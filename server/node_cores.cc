#include "server/node_cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/thread_name.h"
#include "server/exit_codes.h"
#include "server/log_faults.h"
#include "server/log_place.h"
#include "server/other_streams.h"
#include "wal/segment.h"

namespace once::server {
namespace {

tl::unexpected<StartRefusal> refuse(int exit_code, std::string message) {
  return tl::unexpected(StartRefusal{exit_code, std::move(message)});
}

}  // namespace

NodeCores::NodeCores(const NodeOptions& options, DataDirectory& directory, wal::Storage& storage,
                     NodeHost& host, std::vector<reactor::Io*> ios)
    : options_(options),
      directory_(directory),
      configuration_(directory.configuration()),
      storage_(storage),
      host_(host),
      ios_(std::move(ios)),
      prng_(options.seed),
      office_(options.cores),
      cores_(options.cores) {
  ONCE_ASSERT(ios_.size() == options_.cores);
  for (uint16_t index = 0; index < options_.cores; ++index) {
    office_.set_io(CoreId{index}, ios_[index]);
    random_seeds_.push_back(prng_.next());
  }
}

wal::Identity NodeCores::identity() const { return log_identity(configuration_); }

wal::LogOptions NodeCores::log_options(uint32_t stream) const {
  wal::LogOptions options = log_place(configuration_, directory_.path(), stream);
  options.direct = options_.direct;
  options.sync = options_.sync;
  options.spares = 2;  // one is a reserve, so that a full disk can be cleaned
  return options;
}

void NodeCores::make_replicas() {
  paxos::ReplicaOptions options;
  options.cores = options_.cores;
  options.hash_seed = configuration_.hash_seed;
  options.index_key = options_.index_key;
  ONCE_ASSERT(options.index_key != SipKey{});  // else strangers know it
  options.shard_count = configuration_.shard_count;
  options.max_operations = options_.max_operations;
  options.max_tasks = options_.max_tasks;
  options.round_zero_window = options_.round_zero_window;
  options.linger_from = options_.linger_from;
  options.catch_up = options_.catch_up;
  for (const auto& member : configuration_.members) options.members.push_back(member.first);
  replayed_.clear();
  for (uint16_t index = 0; index < options_.cores; ++index) {
    options.self = {configuration_.node, CoreId{index}};
    options.random_seed = random_seeds_[index];
    Core& core = cores_[index];
    core.replica = paxos::Replica::make(options);
    core.tail = {};
    replayed_.push_back({core.replica.get(), &core.tail.use});
  }
}

tl::expected<void, StartRefusal> NodeCores::recover() {
  auto read = read_side_by_side();
  if (read && !*read) read = read_one_by_one();
  if (!read) return tl::unexpected(read.error());
  // What they say beside names must be in another before they go.
  adopts_ |= directory_.streams() > options_.cores;
  // Before anything can be said that rests on a new stream.
  if (options_.cores > directory_.streams()) {
    const auto remembered = directory_.remember_streams(options_.cores);
    if (!remembered) return refuse(kExitDirectory, remembered.error().message);
  }
  for (const NodeId peer : host_.peers()) {
    Incarnation known;
    for (const Core& core : cores_) {
      known = std::max(known, core.replica->recovered_incarnation_of(peer));
    }
    host_.set_known_incarnation(peer, known);
  }
  if (const auto opened = host_.admission().open(); !opened) {
    return refuse(kExitDirectory, opened.error().message);
  }
  incarnation_ = recovered_incarnation().next();
  host_.set_incarnation(incarnation_);
  make_ready();
  return {};
}

// False: there is more in the streams than names of their own cores, or may be.
tl::expected<bool, StartRefusal> NodeCores::read_side_by_side() {
  if (directory_.streams() != options_.cores) return false;
  make_replicas();
  ReplayMemory memory(options_.cores, memory_budget());
  std::vector<StreamRead> streams;
  for (uint32_t stream = 0; stream < options_.cores; ++stream) {
    streams.push_back(begin_read(stream, Takes::kOwn, memory));
  }
  read_at_once(streams);
  bool mixed = false;
  for (const StreamRead& stream : streams) {
    if (auto ended = end_read(stream); !ended) return tl::unexpected(ended.error());
    mixed |= stream.replay->mixed();
  }
  if (mixed) return false;
  if (!memory.fits()) return tl::unexpected(does_not_fit(memory));
  for (const StreamRead& stream : streams) {
    for (const paxos::Record& fact : stream.replay->facts()) tell_others(stream.number, fact);
    say_read(stream);
  }
  if (const auto removed = remove_other_streams(); !removed) {
    return tl::unexpected(removed.error());
  }
  return true;
}

tl::expected<bool, StartRefusal> NodeCores::read_one_by_one() {
  make_replicas();
  ReplayMemory memory(options_.cores, memory_budget());
  for (uint32_t number = 0; number < directory_.streams(); ++number) {
    if (auto read = read_alone(number, memory); !read) return tl::unexpected(read.error());
  }
  // Until here nothing in the directory was changed.
  if (!memory.fits()) return tl::unexpected(does_not_fit(memory));
  if (auto removed = remove_other_streams(); !removed) return tl::unexpected(removed.error());
  for (uint32_t number = directory_.streams(); number < options_.cores; ++number) {
    const auto made = wal::create_stream(storage_, identity(), log_options(number));
    if (!made) return refuse(kExitDirectory, made.error().message);
    if (auto read = read_alone(number, memory); !read) return tl::unexpected(read.error());
  }
  return true;
}

tl::expected<void, StartRefusal> NodeCores::read_alone(uint32_t number, ReplayMemory& memory) {
  StreamRead stream = begin_read(number, Takes::kAll, memory);
  read_stream(stream);
  if (auto ended = end_read(stream); !ended) return ended;
  adopts_ |= stream.replay->mixed();
  if (memory.fits()) say_read(stream);
  return {};
}

// What there need not be says nothing: a stream of which a part is removed already, or one that was
// made for a core by a start that did not end.
tl::expected<void, StartRefusal> NodeCores::remove_other_streams() {
  const auto others = find_other_streams(storage_, directory_, recovered_incarnation());
  if (!others) {
    const Error& error = others.error();
    return refuse(error.corrupt ? kExitCorrupt : kExitDirectory, error.message);
  }
  const auto removed = directory_.remove_other_streams();
  if (!removed) return refuse(kExitDirectory, removed.error().message);
  if (*removed > 0) {
    host_.log_line(
        fmt::format("{} files of log streams from {} on are needed no longer, and removed",
                    *removed, directory_.streams()));
  }
  return {};
}

NodeCores::StreamRead NodeCores::begin_read(uint32_t number, Takes takes, ReplayMemory& memory) {
  StreamRead stream;
  stream.number = number;
  stream.replay =
      std::make_unique<StreamReplay>(number, takes, configuration_.shard_count, replayed_, memory);
  return stream;
}

// Of any thread. What it throws is thrown by end_read().
void NodeCores::read_stream(StreamRead& stream) const {
  try {
    const wal::LogOptions options = log_options(stream.number);
    const auto segments = wal::list_segments(storage_, options.directory, stream.number);
    if (segments && segments->empty()) return;  // `tail` stays away
    stream.tail =
        wal::recover(storage_, identity(), options,
                     [&stream](std::span<const wal::RecoveredRecord> records,
                               wal::SegmentUse& use) { stream.replay->take(records, use); });
  } catch (...) {
    stream.thrown = std::current_exception();
  }
}

// The first on this thread, and those for which no other can be had.
void NodeCores::read_at_once(std::vector<StreamRead>& streams) const {
  std::vector<std::thread> threads;
  std::vector<StreamRead*> own;
  // From the first thread on nothing else may throw here.
  threads.reserve(streams.size());
  own.reserve(streams.size());
  for (StreamRead& stream : streams) {
    try {
      if (!options_.threads || own.empty()) {
        own.push_back(&stream);
      } else {
        threads.emplace_back([this, &stream] {
          name_thread(fmt::format("replay-{}", stream.number).c_str());
          read_stream(stream);
        });
      }
    } catch (const std::system_error&) {
      own.push_back(&stream);
    }
  }
  for (StreamRead* stream : own) read_stream(*stream);
  for (std::thread& thread : threads) thread.join();
}

tl::expected<void, StartRefusal> NodeCores::end_read(const StreamRead& stream) {
  if (stream.thrown) std::rethrow_exception(stream.thrown);
  if (!stream.tail) return refuse(kExitCorrupt, missing_stream(stream.number, directory_.path()));
  const Result<wal::Tail>& tail = *stream.tail;
  if (!tail) {
    return refuse(tail.error().corrupt ? kExitCorrupt : kExitDirectory, tail.error().message);
  }
  if (!stream.replay->ours()) {
    return refuse(kExitCorrupt, foreign_record(stream.number, directory_.path()));
  }
  if (stream.number < options_.cores) {
    cores_[stream.number].tail = *tail;
    cores_[stream.number].replica->go_on_after(tail->last_record);
  }
  return {};
}

void NodeCores::tell_others(uint32_t stream, const paxos::Record& fact) {
  for (uint32_t core = 0; core < options_.cores; ++core) {
    if (core == stream) continue;
    const bool ours = cores_[core].replica->recover(fact, {}, {}, needless_);
    ONCE_ASSERT(ours && needless_.empty());  // its own core has taken it
  }
}

void NodeCores::say_read(const StreamRead& stream) const {
  const wal::Tail& tail = **stream.tail;
  host_.log_line(fmt::format("log {}: {} records in {} blocks, {} torn blocks dropped",
                             stream.number, stream.replay->records(), tail.blocks_read,
                             tail.torn_blocks));
}

Incarnation NodeCores::recovered_incarnation() const {
  Incarnation highest;
  for (const Core& core : cores_) {
    highest = std::max(highest, core.replica->recovered_incarnation());
  }
  return highest;
}

// Beyond what was read. It is for small values alone: half of the account is left to others.
void NodeCores::make_ready() {
  const uint64_t half = MemoryAccount(options_.memory_bytes, options_.cores).budget() / 2;
  for (Core& core : cores_) {
    const uint64_t used = core.replica->memory_bytes();
    const uint64_t room = used < half ? half - used : 0;
    core.replica->make_ready(std::min(options_.ready_bytes / options_.cores, room));
  }
}

uint64_t NodeCores::memory_bytes() const {
  uint64_t bytes = 0;
  for (const Core& core : cores_) bytes += core.replica->memory_bytes();
  return bytes;
}

uint64_t NodeCores::memory_budget() const {
  const MemoryAccount account(options_.memory_bytes, options_.cores);
  return account.is_bounded() ? account.budget() * options_.cores : kUnboundedMemory;
}

StartRefusal NodeCores::does_not_fit(const ReplayMemory& memory) const {
  constexpr uint64_t kMebibyte = 1024 * 1024;
  const uint64_t fixed = kFixedMemoryPerCore * options_.cores;
  const uint64_t needed = memory_bytes() + memory.too_many();
  if (needed > kMostGrowthPerCore * options_.cores) {
    return {kExitMemory,
            fmt::format("the log does not fit into memory: what it holds needs {} MiB at most, and "
                        "the table of a core takes {} MiB, whatever --memory says; nothing is "
                        "changed, give at least --cores {}",
                        needed / kMebibyte + 1, kMostGrowthPerCore / kMebibyte,
                        needed / kMostGrowthPerCore + 1)};
  }
  // With a tenth on top, so that new names are taken again.
  const uint64_t advice = (fixed + needed + needed / 9) / kMebibyte + 1;
  return {kExitMemory,
          fmt::format("the log does not fit into memory: what it holds needs {} MiB at most, and "
                      "{} MiB of --memory {} MiB are for that; nothing is changed, give --memory "
                      "{}MiB",
                      needed / kMebibyte + 1, memory_budget() / kMebibyte,
                      options_.memory_bytes / kMebibyte, advice)};
}

void NodeCores::build() {
  ONCE_ASSERT(incarnation_ > Incarnation{});
  for (uint16_t index = 0; index < options_.cores; ++index) build_core(index);
  host_.set_doors(cores_[0].listener->listen_handler(), cores_[0].links->listen_handler());
}

void NodeCores::build_core(uint16_t index) {
  Core& core = cores_[index];
  reactor::Io& io = *ios_[index];
  ShardOptions options;
  options.self = {configuration_.node, CoreId{index}};
  options.peers = host_.peers();
  options.max_operations = options_.max_operations;
  options.memory = MemoryAccount(options_.memory_bytes, options_.cores);
  options.segment_bytes = configuration_.segment_bytes;
  options.adopts = adopts_;
  core.shard = std::make_unique<Shard>(options, io, *core.replica, host_,
                                       options_.cores > 1 ? &office_ : nullptr);
  core.log = wal::open_log(io, identity(), log_options(index), core.tail, core.shard.get());

  net::PeerLinksOptions links;
  links.self.cluster = configuration_.cluster;
  links.self.disk = configuration_.disk;
  links.self.epoch = configuration_.epoch;
  links.self.hash_seed = configuration_.hash_seed;
  links.self.node = configuration_.node;
  links.self.core = CoreId{index};
  links.self.cores = options_.cores;
  links.self.incarnation = incarnation_;
  links.self.client_address = options_.client_address;
  links.shard_count = configuration_.shard_count;
  links.seed = prng_.next();
  links.max_greetings = options_.peer_greetings;
  for (const auto& member : configuration_.members) {
    links.self.members.add(member.first);
    if (member.first != configuration_.node) links.peers.push_back(member);
  }
  core.links = net::make_peer_links(io, links, core.shard.get());
  core.listener = net::make_client_listener(io, CoreId{index}, options_.cores,
                                            core.shard->client_handler(), options_.clients);
  core.shard->attach(core.log.get(), core.links.get(), core.listener.get());
}

void NodeCores::start() {
  for (Core& core : cores_) core.shard->start(incarnation_);
}

}  // namespace once::server
