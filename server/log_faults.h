// What is wrong with a log that the files alone do not show, said alike by whoever finds it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "base/lost_disk.h"

namespace once::server {

inline std::string missing_stream(uint32_t stream, const std::string& directory) {
  return fmt::format(
      "log stream {} is missing from {}: this node must not vote under its old identity: {}",
      stream, directory, kLeaveItOff);
}

inline std::string stream_still_written(uint32_t stream, uint32_t streams,
                                        const std::string& directory) {
  return fmt::format(
      "{0}/streams says that there are {1} log streams, and the last run wrote stream {2} as well: "
      "that file is older than the log. Nothing was removed. Put back the file that was there, "
      "or {3}",
      directory, streams, stream, kLeaveItOff);
}

// `why`: what was met in the stream.
inline std::string stream_not_left_over(uint32_t stream, uint32_t streams,
                                        const std::string& directory, const std::string& why) {
  return fmt::format(
      "{}/streams says that there are {} log streams, and which run wrote stream {} last cannot be "
      "read: that file may be older than the log. Nothing was removed. {}",
      directory, streams, stream, why);
}

inline std::string foreign_record(uint32_t stream, const std::string& directory) {
  return fmt::format(
      "log stream {} in {} holds a record that only a newer onced knows, or that no run of this "
      "node can have written: start the newest onced that ran here, or keep the directory and {}",
      stream, directory, kLeaveItOff);
}

}  // namespace once::server
