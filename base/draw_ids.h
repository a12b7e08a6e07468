// Request ids: 128 bits from the kernel for each change, drawn when it is about to be sent. Nothing
// is counted up and nothing is kept for later, so that an id cannot be guessed from another one,
// and a process that was forked, or a machine that was started twice from one snapshot, does not
// draw what its twin draws.
#pragma once

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <type_traits>

#include "base/ids.h"

namespace once {

// False: the kernel gave nothing, or not enough.
inline bool kernel_random(void* out, size_t size) {
  char* at = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

inline constexpr const char* kNoRandomBits =
    "the system gives no random bits (getrandom fails), so no request id can be drawn";

// Fresh ids, one call for all of them; never 0, which names no request. False: there are none, and
// all of `ids` are 0, which everybody refuses.
template <class Source = decltype(&kernel_random)>
[[nodiscard]] bool draw_request_ids(std::span<RequestId> ids, Source source = &kernel_random) {
  static_assert(sizeof(RequestId) == 16 && std::is_trivially_copyable_v<RequestId>);
  bool drawn = source(ids.data(), ids.size_bytes());
  for (RequestId& id : ids) {
    // By chance it is 0 once in 2^128 draws: twice is a source that is broken.
    if (drawn && id == RequestId{}) drawn = source(&id, sizeof id) && id != RequestId{};
  }
  if (!drawn) std::fill(ids.begin(), ids.end(), RequestId{});
  return drawn;
}

// 0: see above.
inline RequestId draw_request_id() {
  RequestId id;
  (void)draw_request_ids({&id, 1});
  return id;
}

}  // namespace once
