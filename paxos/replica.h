// The sans-IO core of one core of one node (DESIGN 2, 3, 4): acceptor, proposer and home for the
// names of its shards. No clock, thread, socket or file inside: events in, outputs out.
// Single-threaded. Deterministic: the same events and seed give the same outputs.
//
// Persist before send, as a type: records are numbered as they are made, every outgoing message
// names the last record that it rests on, and whoever runs the core releases a message only when
// its log reports that record durable (DESIGN 3.3). A client reply rests on nothing more.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/sip_hash.h"
#include "base/types.h"
#include "paxos/catch_up_figures.h"
#include "paxos/explanation.h"
#include "paxos/listing.h"
#include "paxos/messages.h"
#include "paxos/name_hasher.h"
#include "paxos/record.h"

namespace once::paxos {

struct ReplicaOptions {
  Endpoint self;
  uint16_t cores = 1;           // of this node
  std::vector<NodeId> members;  // by slot, self among them
  uint64_t hash_seed = 0;
  SipKey index_key = {};  // of this process alone, and drawn by it: see name_hasher.h
  uint16_t shard_count = 0;
  uint64_t random_seed = 0;  // of back-off jitter
  // Memory of the core; what does not fit waits or is answered `overloaded`. Members may differ.
  size_t max_operations = kMaxOperationsPerCore;  // at most that
  size_t max_tasks = kMaxTasksPerCore;            // rounds and reads under way; at most that
  size_t round_zero_window = kRoundZeroWindow;    // proposals outstanding; a power of two, >= 2
  // Changes made by one proposal, after which the next one waits for more; >= 1: core_linger.cc.
  size_t linger_from = kLingerFrom;
  CatchUpOptions catch_up = {};
};

// Record number that must be durable before a message may leave; 0: nothing.
struct RestsOn {
  RecordNumber record;
};

struct Outgoing {
  Endpoint to;
  RestsOn rests_on;
  Message message;
  bool repeats = false;  // it is the message before this one, to somebody else
};

// A record of this core's log, earlier runs' too, that nobody needs any more: what it said is in a
// later one, or was news.
struct Needless {
  RecordNumber record;
  size_t bytes = 0;
};

// Filled by a step, emptied by its caller before the next. Views live until then.
struct Output {
  std::vector<char> records;          // encoded, end to end
  std::vector<uint32_t> record_ends;  // end offset of each in `records`
  size_t news = 0;                    // so many of them are news: nobody waits for those
  std::vector<Outgoing> messages;
  std::vector<ClientReply> replies;
  std::vector<Needless> needless;  // each record once, those of this step too
  int64_t step_again_ns =
      0;  // not 0: a step is wanted then, with or without events; a tick does too
  std::array<NodeId, kOffences> offenders{};  // the last of each kind; 0: nobody

  void clear() {
    records.clear();
    record_ends.clear();
    news = 0;
    messages.clear();
    replies.clear();
    needless.clear();
    step_again_ns = 0;
    offenders = {};
  }
};

struct LinkUp {
  uint16_t cores = 1;  // of the peer
};
struct LinkDown {};

struct Event {
  Endpoint from;  // of messages and links
  std::variant<ClientRequest, Message, LinkUp, LinkDown> body;
};

struct ReplicaCounters {
  uint64_t fast_path_writes = 0;  // proposals decided in round 0 by this node as home
  uint64_t confirmations = 0;     // of a chosen state: no log write, for reads and refusals
  uint64_t changes = 0;           // decided versions that this node's proposals made, each once
  uint64_t composed = 0;          // proposals of this node that made several changes
  uint64_t lingered = 0;          // proposals that waited for more changes
  uint64_t classic_rounds = 0;    // prepares begun
  uint64_t takeovers = 0;         // classic rounds on names homed elsewhere
  uint64_t local_reads = 0;
  uint64_t quorum_reads = 0;
  uint64_t forwarded = 0;
  uint64_t forwarded_full = 0;  // of these: because there was no room here
  uint64_t refused = 0;         // already set, conflict, sealed, request id reused
  uint64_t overloaded = 0;
  uint64_t unavailable = 0;
  uint64_t unknown = 0;
  uint64_t rejected = 0;          // by this acceptor, for a higher ballot
  uint64_t ignored_messages = 0;  // that break the protocol: the sum of the seven below
  uint64_t contradictions = 0;    // Offence::kContradiction
  uint64_t far_ballots = 0;       // Offence::kFarBallot
  uint64_t ignored_senders = 0;   // not another member, or not one of its cores
  uint64_t ignored_ballots = 0;   // not the sender's, or of a round that nobody may use so
  uint64_t ignored_names = 0;     // none, too long, or not of this core
  uint64_t ignored_states = 0;    // that nobody can have accepted so
  uint64_t ignored_numbers = 0;   // of round 0: none, or never given out
  uint64_t names = 0;
  uint64_t unsettled = 0;
  uint64_t claimed = 0;  // 1: round 0 is open here
  uint64_t waiting = 0;  // waits that are not answered yet
  CatchUpFigures catch_up;
};

// What stands in the log of this core, and its number there.
struct LoggedRecord {
  std::string_view bytes;
  RecordNumber number;
};

// How much is left of the memory that names, values and requests may take.
enum class Memory : uint8_t {
  kEnough,
  kShort,  // no new names and no changes, as on a full disk; what was begun is finished
  kLow,    // and no acceptor takes the first value of a name
  kNone,   // and nothing is asked of others, for what they answer must be kept
};

enum class Disk : uint8_t {
  kEnough,
  kFull,   // no new names and no changes; what was begun is finished
  kSpent,  // and nothing that could lead to a record
};

class Replica {
 public:
  static std::unique_ptr<Replica> make(const ReplicaOptions& options);
  virtual ~Replica() = default;

  // Before start(): every record of the log, oldest first, of any core and of earlier runs. Records
  // of shards that belong to other cores are skipped. `hash`: of its name, if it has one. `number`:
  // in the log of this core; 0: it is in another's. False: no run of this node can have written it
  // (corrupt).
  virtual bool recover(const Record& record, const NameHash& hash, RecordNumber number,
                       std::vector<Needless>& needless) = 0;
  // False also: not a record of ours.
  bool recover(std::string_view record, RecordNumber number, std::vector<Needless>& needless) {
    const auto decoded = decode_record(record);
    return decoded && recover(*decoded, hash_of(name_of(*decoded)), number, needless);
  }
  bool recover(std::string_view record) {  // of unknown place
    std::vector<Needless> needless;
    return recover(record, RecordNumber{}, needless);
  }
  virtual NameHash hash_of(std::string_view) const { return {}; }
  // Fetch what it takes to recover records of some names of this core: first the one for all of
  // them, then the other.
  virtual void prefetch_segment(const NameHash&) const {}
  virtual void prefetch(const NameHash&) const {}
  // Before start(): the log of this core has the records up to this one; its next are numbered on.
  virtual void go_on_after(RecordNumber) {}
  // The highest incarnation seen by recover().
  virtual Incarnation recovered_incarnation() const = 0;
  // The same of another member, as far as this node heard of its runs; 0: never.
  virtual Incarnation recovered_incarnation_of(NodeId) const { return {}; }
  // Begins this run; `incarnation` is above every earlier one of this node. Its record is the
  // first.
  virtual void start(Incarnation incarnation, int64_t now_ns, Output& out) = 0;

  // A batch of events, in the order of arrival.
  virtual void step(const Event* events, size_t count, int64_t now_ns, Output& out) = 0;
  virtual void on_durable(RecordNumber record, int64_t now_ns, Output& out) = 0;
  // Every few milliseconds: time-outs, retries, lazy announcements.
  virtual void on_tick(int64_t now_ns, Output& out) = 0;
  // Of records of this core's log that are to go, in ascending order: what is in none but these is
  // written anew. Once the records that were made up to the end of this are durable, these may go
  // (DESIGN 5, C1). REQUIRES: no name of this core is in the log of another alone.
  virtual void keep(const LoggedRecord*, size_t, int64_t, Output&) {}
  // What this core knows beside names: to be called before the last of the records goes.
  virtual void keep_facts(int64_t, Output&) {}
  // Names of this core that are in the log of another are written anew, some at each call; false:
  // none is left.
  virtual bool adopt(int64_t, Output&) { return false; }
  // Nobody wants the answers any more. Those of them that are waits are answered within some ticks,
  // with not_yet. `tokens`: of requests of clients, ascending; unknown ones do no harm.
  virtual void forget_waits(const std::vector<uint64_t>& tokens) = 0;
  virtual void set_disk(Disk disk) = 0;
  virtual void set_memory(Memory) {}
  // So many bytes of records wait for the disk: catching up is not to add to a long queue.
  virtual void set_log_waiting(size_t) {}
  virtual size_t memory_bytes() const { return 0; }  // allocated for names, values and requests
  // So many bytes for names to come are touched in time, before the names do; they count from now.
  virtual void make_ready(size_t) {}
  // The core that `name` belongs to in this process.
  virtual CoreId core_of_name(std::string_view name) const = 0;
  virtual ListPage list(const ListQuery&) { return {}; }
  // REQUIRES: a name of this core.
  virtual Explanation explain(std::string_view) { return {}; }

  virtual const ReplicaCounters& counters() const = 0;
};

}  // namespace once::paxos
