#include "server/node_cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"
#include "server/exit_codes.h"
#include "server/log_faults.h"
#include "server/log_place.h"
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

tl::expected<void, StartRefusal> NodeCores::recover() {
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
  for (uint16_t index = 0; index < options_.cores; ++index) {
    options.self = {configuration_.node, CoreId{index}};
    options.random_seed = prng_.next();
    cores_[index].replica = paxos::Replica::make(options);
  }
  for (uint32_t stream = 0; stream < kMaxCores; ++stream) {
    if (auto recovered = recover_stream(stream); !recovered) return recovered;
  }
  if (!fits_) return tl::unexpected(does_not_fit());
  // What they say beside names must be in another before they go.
  adopts_ |= directory_.streams() > options_.cores;
  // Before anything can be said that rests on a new stream.
  if (options_.cores > directory_.streams()) {
    const auto remembered = directory_.remember_streams(options_.cores);
    if (!remembered) return refuse(kExitDirectory, remembered.error().message);
  }
  for (const Core& core : cores_) {
    incarnation_ = std::max(incarnation_, core.replica->recovered_incarnation());
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
  incarnation_ = incarnation_.next();
  host_.set_incarnation(incarnation_);
  return {};
}

tl::expected<void, StartRefusal> NodeCores::recover_stream(uint32_t stream) {
  const wal::LogOptions options = log_options(stream);
  if (stream == directory_.streams()) {
    const auto removed = directory_.remove_other_streams();
    if (!removed) return refuse(kExitDirectory, removed.error().message);
  }
  // What there need not be says nothing: a stream of which a part is removed already, or a new one.
  if (stream >= directory_.streams() && stream >= options_.cores) return {};
  const auto segments = wal::list_segments(storage_, options.directory, stream);
  if (!segments) return refuse(kExitDirectory, segments.error().message);
  if (segments->empty()) {
    if (stream < directory_.streams()) {
      return refuse(kExitCorrupt, missing_stream(stream, options.directory));
    }
    if (const auto made = wal::create_stream(storage_, identity(), options); !made) {
      return refuse(kExitDirectory, made.error().message);
    }
  }
  uint64_t records = 0;
  bool foreign = false;
  const auto tail = wal::recover(
      storage_, identity(), options,
      [&](std::span<const wal::RecoveredRecord> some, wal::SegmentUse& use) {
        records += some.size();
        foreign |= !take_records({stream, use}, some);
      });
  if (!tail) {
    return refuse(tail.error().corrupt ? kExitCorrupt : kExitDirectory, tail.error().message);
  }
  if (foreign) return refuse(kExitCorrupt, foreign_record(stream, options.directory));
  if (!fits_) return {};
  if (stream < options_.cores) {
    cores_[stream].tail = *tail;
    cores_[stream].replica->go_on_after(paxos::RecordNumber{tail->last_record});
  }
  host_.log_line(fmt::format("log {}: {} records in {} blocks, {} torn blocks dropped", stream,
                             records, tail->blocks_read, tail->torn_blocks));
  return {};
}

// What they will read is fetched for all of them first. False: one is not of this node's log.
bool NodeCores::take_records(const Stream& from, std::span<const wal::RecoveredRecord> records) {
  bool ours = true;
  decoded_.clear();
  for (const wal::RecoveredRecord& read : records) {
    auto record = paxos::decode_record(read.bytes);
    if (!record) {
      ours = false;
      continue;
    }
    Decoded& decoded = decoded_.emplace_back(Decoded{read, *record, {}, {}});
    const std::string_view name = paxos::name_of(*record);
    if (name.empty()) continue;
    decoded.hash = cores_[0].replica->hash_of(name);
    const ShardId shard = shard_of(decoded.hash.place, configuration_.shard_count);
    decoded.owner = core_of(shard, options_.cores).value;
    cores_[*decoded.owner].replica->prefetch_segment(decoded.hash);
  }
  for (const Decoded& decoded : decoded_) {
    if (decoded.owner) cores_[*decoded.owner].replica->prefetch(decoded.hash);
  }
  for (const Decoded& decoded : decoded_) ours &= take_record(from, decoded);
  return ours;
}

// Once it does not fit, what is left is only measured, to say how much is needed.
bool NodeCores::take_record(const Stream& from, const Decoded& decoded) {
  const wal::RecoveredRecord& read = decoded.read;
  if (!fits_) {
    bytes_too_many_ += read.bytes.size() + sizeof(uint64_t) * 16;
    return true;
  }
  bool ours = true;
  if (!decoded.owner) {
    for (uint32_t core = 0; core < cores_.size(); ++core) ours &= give(core, from, decoded);
  } else {
    ours = give(*decoded.owner, from, decoded);
    if (*decoded.owner != from.number) {  // it is written anew by its owner, before anything goes
      adopts_ = true;
      from.use.no_longer_needed(read.number, read.bytes.size());
    }
  }
  looked_at_ += read.bytes.size();
  if (looked_at_ < kMaxRecordBytes) return ours;
  looked_at_ = 0;
  fits_ = memory_bytes() <= memory_budget();
  return ours;
}

// News and facts are needless wherever they are.
bool NodeCores::give(uint32_t core, const Stream& from, const Decoded& decoded) {
  const paxos::RecordNumber number{core == from.number ? decoded.read.number : 0};
  needless_.clear();
  const bool ours =
      cores_[core].replica->recover(decoded.record, decoded.hash, number, needless_);
  wal::SegmentUse& use = core == from.number ? from.use : cores_[core].tail.use;
  for (const paxos::Needless& one : needless_) use.no_longer_needed(one.record.value, one.bytes);
  return ours;
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

StartRefusal NodeCores::does_not_fit() const {
  constexpr uint64_t kMebibyte = 1024 * 1024;
  const uint64_t fixed = kFixedMemoryPerCore * options_.cores;
  const uint64_t needed = memory_bytes() + bytes_too_many_;
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
