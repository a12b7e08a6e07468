#include "server/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/draw_ids.h"
#include "base/errno_text.h"
#include "base/limits.h"
#include "base/output.h"
#include "base/printable.h"
#include "base/progress_bar.h"
#include "base/record_number.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "server/data_directory.h"
#include "server/exit_codes.h"
#include "server/log_faults.h"
#include "server/log_line.h"
#include "server/log_place.h"
#include "server/other_streams.h"
#include "server/watched_storage.h"
#include "wal/log.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"

namespace once::server {
namespace {

// The node's own rules for what comes out of its log: a core for each stream, as the last run had
// them, for one alone may have no room for all names.
std::vector<std::unique_ptr<paxos::Replica>> make_replicas(const Configuration& configuration,
                                                           uint32_t cores) {
  paxos::ReplicaOptions options;
  options.cores = static_cast<uint16_t>(cores);
  options.hash_seed = configuration.hash_seed;
  options.shard_count = configuration.shard_count;
  options.max_operations = options.max_tasks = options.round_zero_window = 16;
  // Drawn, as a node's: a log may hold names that somebody chose to collide.
  ONCE_ASSERT(kernel_random(&options.index_key, sizeof options.index_key));
  for (const auto& member : configuration.members) options.members.push_back(member.first);
  std::vector<std::unique_ptr<paxos::Replica>> replicas;
  for (uint16_t core = 0; core < options.cores; ++core) {
    options.self = {configuration.node, CoreId{core}};
    replicas.push_back(paxos::Replica::make(options));
  }
  return replicas;
}

class Verification {
 public:
  Verification(const DataDirectory& directory, bool direct)
      : directory_(directory),
        configuration_(directory.configuration()),
        files_(direct),
        replicas_(make_replicas(configuration_, directory.streams())) {}

  int run() {
    std::vector<uint64_t> shares;
    for (uint32_t stream = 0; stream < directory_.streams(); ++stream) {
      shares.push_back(bytes_to_read(files_, configuration_, directory_.path(), stream));
    }
    ProgressBar bar(std::accumulate(shares.begin(), shares.end(), uint64_t{0}));
    uint64_t read = 0;  // of this stream
    WatchedStorage storage(files_, [&](uint64_t bytes) {
      bar.add(bytes);
      read += bytes;
    });
    for (uint32_t stream = 0; stream < directory_.streams(); ++stream) {
      read = 0;
      verify_stream(storage, stream);
      // What of its share did not have to be read is done too.
      if (read < shares[stream]) bar.add(shares[stream] - read);
    }
    look_at_others();
    return code_;
  }
  // One line a stream, then the verdict.
  std::string report() const {
    std::string text = report_;
    if (code_ != kExitDone) return text;
    uint64_t names = 0;
    for (const auto& replica : replicas_) names += replica->counters().names;
    return text + fmt::format("whole: {} names, {} records, last incarnation {}\n", names, records_,
                              last_incarnation().value);
  }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  void fault(int code, std::string what) {
    if (code_ != kExitCorrupt) code_ = code;
    faults_.push_back(std::move(what));
  }

  // Those that a start would remove are not part of what is verified.
  void look_at_others() {
    const auto others = find_other_streams(files_, directory_, last_incarnation());
    if (!others) {
      return fault(others.error().corrupt ? kExitCorrupt : kExitDirectory, others.error().message);
    }
    for (const uint32_t stream : *others) {
      report_ += fmt::format("log {}: needed no longer, the next start removes it\n", stream);
    }
  }

  Incarnation last_incarnation() const {
    Incarnation last;
    for (const auto& replica : replicas_) last = std::max(last, replica->recovered_incarnation());
    return last;
  }

  // False: no run of this node can have written it.
  bool take(std::string_view bytes) {
    const auto record = paxos::decode_record(bytes);
    if (!record) return false;
    const std::string_view name = paxos::name_of(*record);
    if (name.empty()) {
      return std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
        return replica->recover(*record, {}, {}, needless_);
      });
    }
    paxos::Replica& owner = *replicas_[replicas_[0]->core_of_name(name).value];
    return owner.recover(*record, owner.hash_of(name), {}, needless_);
  }

  void verify_stream(wal::Storage& storage, uint32_t stream) {
    const wal::LogOptions options = log_place(configuration_, directory_.path(), stream);
    const auto segments = wal::list_segments(storage, options.directory, stream);
    if (!segments) return fault(kExitDirectory, segments.error().message);
    if (segments->empty()) {
      return fault(kExitCorrupt, missing_stream(stream, options.directory));
    }
    uint64_t records = 0;
    uint64_t foreign = 0;
    const auto tail = wal::recover(storage, log_identity(configuration_), options,
                                   [&](std::string_view record, RecordNumber, wal::SegmentUse&) {
                                     ++records;
                                     if (!take(record)) ++foreign;
                                   });
    if (!tail) {
      return fault(tail.error().corrupt ? kExitCorrupt : kExitDirectory, tail.error().message);
    }
    records_ += records;
    if (foreign > 0) fault(kExitCorrupt, foreign_record(stream, options.directory));
    report_ += fmt::format("log {}: {} segments, {} blocks, {} records", stream, segments->size(),
                           tail->blocks_read, records);
    if (tail->torn_blocks > 0) {
      report_ += fmt::format(", {} blocks of a write that a crash cut short", tail->torn_blocks);
    }
    report_ += '\n';
  }

  const DataDirectory& directory_;
  const Configuration& configuration_;
  wal::PosixStorage files_;
  const std::vector<std::unique_ptr<paxos::Replica>> replicas_;
  std::vector<paxos::Needless> needless_;  // numbers are not kept, so it stays empty
  uint64_t records_ = 0;
  std::string report_;
  std::vector<std::string> faults_;
  int code_ = kExitDone;
};

}  // namespace

int run_verify(const std::string& data, bool direct) {
  const auto directory =
      DataDirectory::open(data, [](std::string_view line) { log_info(std::string(line)); });
  if (!directory) return log_error(directory.error().message), kExitDirectory;
  Verification verification(**directory, direct);
  const int code = verification.run();
  for (const std::string& what : verification.faults()) log_error(what);
  if (!write_all(STDOUT_FILENO, printable(verification.report(), Shown::kLines))) {
    log_error(fmt::format("cannot write to standard output: {}", errno_text(errno)));
    return code == kExitDone ? kExitError : code;
  }
  return code;
}

}  // namespace once::server
