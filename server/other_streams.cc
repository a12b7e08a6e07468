#include "server/other_streams.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <variant>

#include "base/record_number.h"
#include "paxos/record.h"
#include "server/log_faults.h"
#include "server/log_place.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::server {
namespace {

// As far as it can be read: of one that is being removed some segments are gone.
Incarnation last_run_of(wal::Storage& storage, const DataDirectory& directory, uint32_t stream) {
  Incarnation last;
  const auto look_at = [&last](std::string_view bytes, RecordNumber, wal::SegmentUse&) {
    const auto record = paxos::decode_record(bytes);
    const auto* run = record ? std::get_if<paxos::IncarnationRecord>(&*record) : nullptr;
    if (run != nullptr) last = std::max(last, run->incarnation);
  };
  const Configuration& configuration = directory.configuration();
  (void)wal::recover(storage, log_identity(configuration),
                     log_place(configuration, directory.path(), stream), look_at);
  return last;
}

}  // namespace

Result<std::vector<uint32_t>> find_other_streams(wal::Storage& storage,
                                                 const DataDirectory& directory,
                                                 Incarnation latest) {
  const auto names = storage.list(directory.path());
  if (!names) return tl::unexpected(names.error());
  std::set<uint32_t> others;
  for (const std::string& name : *names) {
    const auto stream = wal::stream_of_segment(name);
    if (stream && *stream >= directory.streams()) others.insert(*stream);
  }
  for (const uint32_t stream : others) {
    const Incarnation last = last_run_of(storage, directory, stream);
    if (last == Incarnation{} || last < latest) continue;
    return tl::unexpected(
        Error{stream_still_written(stream, directory.streams(), directory.path()), true});
  }
  return std::vector<uint32_t>(others.begin(), others.end());
}

}  // namespace once::server
