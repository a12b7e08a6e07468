// What is said to those who ask for `/`.
#pragma once

#include <string_view>

namespace once::doors::http {

inline constexpr std::string_view kHelp =
    R"(once: names that are set one time, for ever. This is a node of it; NODE is its HOST:PORT.

  write   curl -d VALUE -X PUT -H 'If-None-Match: *' NODE/v1/names/NAME   412: the winner
  read    curl NODE/v1/names/NAME                                         404: empty
  set     curl -d VALUE -X PUT NODE/v1/names/NAME
  cas     curl -d VALUE -X PUT -H 'If-Match: "1"' NODE/v1/names/NAME      412: another version
  seal    curl -X POST 'NODE/v1/names/NAME/seal?version=2'
  next    curl -X POST NODE/v1/names/NAME/next                            a fencing token
  check   curl -X POST 'NODE/v1/names/NAME/check?token=7'
  wait    curl -H 'Prefer: wait=30' -H 'If-None-Match: "0"' NODE/v1/names/NAME

Send `Idempotency-Key: KEY` with what may be sent twice: it is done once. 503: nothing happened.
504: it may have happened. Also here: /metrics /livez /readyz /version
)";

inline constexpr std::string_view kAdministrationHelp =
    "once: a node of it. Here are /metrics, /livez, /readyz (both take ?verbose) and /version.\n";

}  // namespace once::doors::http
