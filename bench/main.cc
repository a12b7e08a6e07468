// once-bench: a load generator that runs on the same reactor and codec as the nodes.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/draw_ids.h"
#include "base/guarded_main.h"
#include "base/output.h"
#include "bench/floor.h"
#include "bench/interrupt.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/wait_load.h"
#include "reactor/make_io.h"

namespace once::bench {
namespace {

int complain(const std::string& what) {
  tell_line("once-bench: " + what);
  return 1;
}

int run(const Options& options) {
  if (draw_request_id() == RequestId{}) return complain(kNoRandomBits);
  std::optional<Floor> floor;
  if (options.floor) {
    Result<Floor> measured = measure_floor(options.floor_dir);
    if (!measured) return complain(measured.error().message);
    floor = *measured;
  }
  auto io =
      reactor::make_io({.backend = reactor::choose_backend("auto").backend, .reset_at_end = true});
  if (!io) return complain(io.error().message);
  end_on_signals(**io);
  const LoadResult result = options.operation == paxos::Operation::kWait
                                ? WaitLoad(**io, options).run()
                                : Load(**io, options).run();
  if (!result.failure.empty()) {
    const std::string left = leaves(options, result);
    (void)complain(left.empty() ? result.failure : result.failure + "; " + left);
    return result.interrupted == 0 ? 1 : 128 + result.interrupted;
  }
  if (result.connected < options.connections) {
    (void)complain(fmt::format("only {} of {} connections were open at the start", result.connected,
                               options.connections));
  }
  const bool shown = write_all(STDOUT_FILENO, options.json ? json_of(options, result, floor)
                                                           : table_of(options, result, floor));
  if (!shown) return complain(fmt::format("cannot write the results: {}", std::strerror(errno)));
  if (result.protocol_errors > 0) {
    return complain(fmt::format("{} protocol errors, the first: {}", result.protocol_errors,
                                result.first_protocol_error));
  }
  if (result.interrupted != 0) return 128 + result.interrupted;
  return result.done + result.refused > 0 ? 0 : 1;
}

}  // namespace
}  // namespace once::bench

int main(int argc, char** argv) {
  (void)once::hold_standard_descriptors(once::Held::kBroken);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return once::guarded_main("once-bench", [&] {
    const auto options = once::bench::parse_options(argc, argv);
    return options ? once::bench::run(*options) : once::say(options.error());
  });
}
