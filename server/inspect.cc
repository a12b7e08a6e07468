#include "server/inspect.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "base/hex.h"
#include "base/limits.h"
#include "base/output.h"
#include "base/printable.h"
#include "paxos/record.h"
#include "server/data_directory.h"
#include "server/exit_codes.h"
#include "server/log_line.h"
#include "server/log_place.h"
#include "wal/log.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"

namespace once::server {
namespace {

using namespace paxos;

constexpr std::array<const char*, std::variant_size_v<Record>> kKinds = {
    "incarnation",  "promise",       "accept",  "range promise",
    "chosen range", "home progress", "decided", "kept"};
constexpr size_t kShownBytes = 64;

std::string shortened(std::string_view bytes) {
  std::string text = printable(bytes.substr(0, kShownBytes));
  if (bytes.size() > kShownBytes) text += fmt::format("... ({} bytes)", bytes.size());
  return text;
}

std::string text_of(const Ballot& ballot) {
  return fmt::format("({}, node {}, incarnation {})", ballot.round.value, ballot.node.value,
                     ballot.incarnation.value);
}

// A page at a time: what nobody can read any more is not put together either.
class Output {
 public:
  template <class... T>
  void put(fmt::format_string<T...> format, T&&... parts) {
    if (failed_ != 0) return;
    fmt::format_to(std::back_inserter(page_), format, std::forward<T>(parts)...);
    if (page_.size() >= kPageBytes) flush();
  }
  // 0, or the error number of what could not be written.
  int flush() {
    if (failed_ == 0 && !write_all(STDOUT_FILENO, page_)) failed_ = errno;
    page_.clear();
    return failed_;
  }

 private:
  static constexpr size_t kPageBytes = 16 * 1024;
  std::string page_;
  int failed_ = 0;
};

Output& output() {
  static Output one;
  return one;
}

template <class... T>
void put(fmt::format_string<T...> format, T&&... parts) {
  output().put(format, std::forward<T>(parts)...);
}

class Inspection {
 public:
  explicit Inspection(std::string name) : name_(std::move(name)) {}

  void visit(std::string_view bytes) {
    const auto record = decode_record(bytes);
    if (!record) {
      ++unknown_;
      return;
    }
    ++counts_[record->index()];
    bytes_[record->index()] += bytes.size();
    if (!name_.empty()) std::visit([this](const auto& one) { show(one); }, *record);
    if (const auto* one = std::get_if<IncarnationRecord>(&*record)) {
      incarnation_ = std::max(incarnation_, one->incarnation);
    }
  }
  void summary() const {
    for (size_t kind = 0; kind < kKinds.size(); ++kind) {
      put("  {:<14} {:>12} records {:>14} bytes\n", kKinds[kind], counts_[kind], bytes_[kind]);
    }
    if (unknown_ > 0) put("  {:<14} {:>12} records\n", "not known", unknown_);
    put("  last incarnation {}\n", incarnation_.value);
    if (!name_.empty() && shown_ == 0) put("  nothing about {}\n", shortened(name_));
  }
  bool sound() const { return unknown_ == 0; }

 private:
  template <class Other>
  void show(const Other&) {}
  void show(const PromiseRecord& record) {
    if (record.name != name_) return;
    ++shown_;
    put("promised {}\n", text_of(record.ballot));
  }
  void show(const AcceptRecord& record) {
    if (record.name != name_) return;
    ++shown_;
    put("accepted {} version {}{} writer {} value {}\n", text_of(record.ballot),
        record.state.version, record.state.sealed ? " sealed" : "", hex_of(record.state.writer),
        shortened(record.state.value));
  }
  void show(const DecidedRecord& record) {
    if (record.name != name_) return;
    ++shown_;
    put("decided  {} version {}\n", text_of(record.ballot), record.version);
  }

  void show(const KeptRecord& record) {
    if (record.name != name_) return;
    ++shown_;
    put("kept     promised {}, accepted {} version {}{}{} writer {} value {}\n",
        text_of(record.promised), text_of(record.accepted), record.state.version,
        record.state.sealed ? " sealed" : "", record.decided ? " decided" : "",
        hex_of(record.state.writer), shortened(record.state.value));
  }

  std::string name_;
  std::array<uint64_t, kKinds.size()> counts_{};
  std::array<uint64_t, kKinds.size()> bytes_{};
  uint64_t unknown_ = 0;
  uint64_t shown_ = 0;
  Incarnation incarnation_;
};

void print_configuration(const Configuration& configuration) {
  put("cluster {}  disk {}  node {}  epoch {}  shards {}\n", hex_of(configuration.cluster),
      hex_of(configuration.disk), configuration.node.value, configuration.epoch,
      configuration.shard_count);
  size_t slot = 0;
  for (const auto& [node, address] : configuration.members) {
    put("slot {}: node {} at {}\n", slot++, node.value, printable(address));
  }
}

}  // namespace

int run_inspect(const std::string& data, const std::string& name, bool direct) {
  const auto configuration = DataDirectory::read_configuration(data);
  if (!configuration) return log_error(configuration.error().message), kExitDirectory;
  const auto streams = DataDirectory::read_streams(data);
  if (!streams) return log_error(streams.error().message), kExitDirectory;
  print_configuration(*configuration);
  Inspection inspection(name);
  wal::LogOptions options = log_place(*configuration, data, 0);
  wal::PosixStorage storage(direct, wal::PosixStorage::Sync::kIfItCan);
  const wal::Identity identity = log_identity(*configuration);
  int code = kExitDone;
  for (uint32_t stream = 0; stream < *streams; ++stream) {
    if (output().flush() != 0) break;
    options.stream = stream;
    const auto segments = wal::list_segments(storage, data, stream);
    if (!segments) return log_error(segments.error().message), kExitDirectory;
    if (segments->empty()) {
      log_error(fmt::format("log stream {} is missing from {}", stream, data));
      code = kExitCorrupt;
      continue;
    }
    const Inspection before = inspection;
    const auto tail = wal::read_beside_writer(
        storage, identity, options, [&](std::string_view record) { inspection.visit(record); },
        [&] {
          inspection = before;
          put("log {}: segments were recycled meanwhile, it is read again\n", stream);
        });
    if (!tail) {
      (void)output().flush();
      log_error(tail.error().message);
      if (code != kExitCorrupt) code = tail.error().corrupt ? kExitCorrupt : kExitDirectory;
      continue;
    }
    put("log {}: {} segments, {} blocks, {} torn blocks\n", stream, segments->size(),
        tail->blocks_read, tail->torn_blocks);
  }
  inspection.summary();
  if (const int wrong = output().flush(); wrong != 0) {
    // Whoever reads the first lines only wants no more.
    if (wrong != EPIPE) {
      log_error(fmt::format("cannot write to standard output: {}", std::strerror(wrong)));
    }
    if (code == kExitDone) code = kExitError;
  }
  return inspection.sound() ? code : kExitCorrupt;
}

}  // namespace once::server
