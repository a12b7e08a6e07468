#include "server/other_streams.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <variant>

#include "base/record_number.h"
#include "paxos/record.h"
#include "server/log_faults.h"
#include "server/log_place.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::server {
namespace {

// Of one that can be read to its end: where it is damaged, or a file is missing or cannot be read
// now, the last run may be behind that.
Result<Incarnation> last_run_of(wal::Storage& storage, const DataDirectory& directory,
                                uint32_t stream) {
  const auto segments = wal::list_segments(storage, directory.path(), stream);
  if (!segments) return tl::unexpected(segments.error());
  if (segments->empty()) return Incarnation{};  // files that are not whole yet
  Incarnation last;
  const auto look_at = [&last](std::string_view bytes, RecordNumber, wal::SegmentUse&) {
    const auto record = paxos::decode_record(bytes);
    const auto* run = record ? std::get_if<paxos::IncarnationRecord>(&*record) : nullptr;
    if (run != nullptr) last = std::max(last, run->incarnation);
  };
  const Configuration& configuration = directory.configuration();
  const auto tail = wal::recover(storage, log_identity(configuration),
                                 log_place(configuration, directory.path(), stream), look_at);
  if (!tail) return tl::unexpected(tail.error());
  return last;
}

}  // namespace

Result<std::vector<uint32_t>> find_other_streams(wal::Storage& storage,
                                                 const DataDirectory& directory,
                                                 Incarnation latest) {
  const auto names = storage.list(directory.path());
  if (!names) return tl::unexpected(names.error());
  std::set<uint32_t> others, being_removed;
  for (const std::string& name : *names) {
    if (const auto going = wal::stream_of_removed_segment(name)) being_removed.insert(*going);
    const auto stream = wal::stream_of_segment(name);
    if (!stream || *stream < directory.streams()) continue;
    // A folder is somebody else's, whatever it is called, and stays.
    std::error_code failure;
    if (std::filesystem::is_directory(directory.path() + "/" + name, failure)) continue;
    others.insert(*stream);
  }
  for (const uint32_t stream : others) {
    if (being_removed.contains(stream)) continue;  // which was found to be right before
    const Result<Incarnation> last = last_run_of(storage, directory, stream);
    if (!last) {
      const std::string& why = last.error().message;
      return tl::unexpected(
          Error{stream_not_left_over(stream, directory.streams(), directory.path(), why),
                last.error().corrupt});
    }
    if (*last == Incarnation{} || *last < latest) continue;
    return tl::unexpected(
        Error{stream_still_written(stream, directory.streams(), directory.path()), true});
  }
  return std::vector<uint32_t>(others.begin(), others.end());
}

}  // namespace once::server
