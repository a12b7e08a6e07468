// A program of somebody else: every public form of a call, one line for each outcome.
// Usage: consumer ENDPOINT TIMEOUT_MS
#include <once/awaitable.h>
#include <once/client.h>
#include <once/lock.h>
#include <once/version.h>
#include <exception>
#include <future>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace {

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Task ask(once::client::Client& client, std::promise<once::client::Result>& told) {
  told.set_value(co_await once::client::async(client).read("door"));
}

void show(std::string_view what, const once::client::Result& result) {
  std::cout << what << ": " << outcome_name(result.outcome) << ' ' << refusal_name(result.refusal)
            << ' ' << result.version << ' ' << result.value << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  once::client::Options options;
  options.endpoints = {argv[1]};
  options.timeout_ms = std::stoll(argv[2]);
  once::client::Client client(options);
  std::cout << "version: " << once::kVersion << '\n';
  show("write", client.write("door", "open"));
  show("write again", client.write("door", "closed"));
  show("next", client.next("line"));

  std::promise<once::client::Result> called, awaited;
  client.set_async("light", "on", {}, [&](auto&& result) { called.set_value(std::move(result)); });
  show("set, with a callback", called.get_future().get());
  ask(client, awaited);
  show("read, awaited", awaited.get_future().get());

  std::promise<once::client::Result> cancelled;
  client.cancel(client.wait_async("never", 0, {},
                                  [&](auto&& result) { cancelled.set_value(std::move(result)); }));
  show("wait, cancelled", cancelled.get_future().get());

  once::client::Lock lock(client, "lock", {.timeout_ms = options.timeout_ms});
  const once::client::LockResult held = lock.acquire();
  std::cout << "lock: " << lock_outcome_name(held.outcome) << ' ' << held.token << '\n';
}
