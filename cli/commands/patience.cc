#include "cli/commands/patience.h"

#include <unistd.h>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "base/no_signals.h"
#include "cli/commands/terminal.h"

namespace once::client {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr int kLooksUntilSaid = 10;

enum class Awaited : uint8_t { kNothing, kAnyNode, kMajority };

std::pair<Awaited, std::string> awaited_of(const Client& client) {
  if (const std::string trouble = client.trouble(); !trouble.empty()) {
    return {Awaited::kAnyNode, "once: waiting for " + trouble +
                                   ", no node answers; is a cluster running? `make run` or "
                                   "`onced dev`"};
  }
  if (const std::string node = client.without_majority(); !node.empty()) {
    return {Awaited::kMajority, "once: waiting for a majority of the nodes: " + node +
                                    " answers, and reaches too few of the others; `once status` "
                                    "shows them"};
  }
  return {Awaited::kNothing, {}};
}

}  // namespace

bool somebody_watches(const Arguments& arguments) {
  return !arguments.json && isatty(STDERR_FILENO) != 0;
}

Patience::Patience(const Client& client, const Arguments& arguments) {
  if (!somebody_watches(arguments)) return;
  const NoSignals mask;
  try {
    thread_ = std::thread([this, &client] { watch(client); });
  } catch (const std::system_error&) {
    // No thread is to be had: the command does its work without this line.
  }
}

Patience::~Patience() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Patience::watch(const Client& client) {
  std::unique_lock lock(mutex_);
  int looks = 0;
  auto before = Awaited::kNothing;
  while (!changed_.wait_for(lock, kLook, [this] { return over_; })) {
    const auto [what, line] = awaited_of(client);
    looks = what == before ? looks + 1 : 1;
    before = what;
    if (what == Awaited::kNothing || looks != kLooksUntilSaid) continue;
    lock.unlock();
    complain(line);
    lock.lock();
  }
}

}  // namespace once::client
