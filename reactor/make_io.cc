#include "reactor/make_io.h"

#include <utility>

#include "reactor/epoll_operations.h"
#include "reactor/loop.h"
#include "reactor/uring_ring.h"

namespace once::reactor {
namespace {

template <class Kind>
Result<std::unique_ptr<Io>> make_over(const IoOptions& options) {
  auto operations = std::make_unique<Kind>();
  if (std::string failed = operations->open(options); !failed.empty()) {
    return error(std::move(failed));
  }
  auto io = std::make_unique<LoopIo>(options, std::move(operations));
  if (std::string failed = io->open(); !failed.empty()) return error(std::move(failed));
  return io;
}

}  // namespace

Result<std::unique_ptr<Io>> make_io(const IoOptions& options) {
  return options.backend == Backend::kUring ? make_over<UringRing>(options)
                                            : make_over<EpollOperations>(options);
}

ChosenBackend choose_backend(std::string_view word) {
  if (word == "epoll") return {.backend = Backend::kEpoll, .refusal = {}};
  std::string refusal = probe_uring();
  const bool falls_back = word == "auto" && !refusal.empty();
  return {.backend = falls_back ? Backend::kEpoll : Backend::kUring, .refusal = std::move(refusal)};
}

}  // namespace once::reactor
