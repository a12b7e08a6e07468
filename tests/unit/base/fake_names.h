// A name server for tests: names that it was told of are answered, all others keep their look-up
// waiting, as a name server that says nothing does.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/monotonic.h"
#include "base/name_resolver.h"

namespace once {

class FakeNames {
 public:
  ~FakeNames() {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
    state_->changed.notify_all();
  }
  void answer(const std::string& host, const std::vector<std::string>& addresses) {
    tell(host, Answer{addresses, {}});
  }
  void fail(const std::string& host, const std::string& why) { tell(host, Answer{{}, why}); }
  void silence(const std::string& host) { tell(host, std::nullopt); }
  int asked(const std::string& host) const {
    const std::lock_guard lock(state_->mutex);
    return state_->asked[host];
  }
  int at_once() const {  // look-ups of one name at the same time, the most there ever were
    const std::lock_guard lock(state_->mutex);
    return state_->at_once;
  }
  // The texts of the addresses. It may outlive this.
  auto texts() const {
    return [state = state_](const std::string& host) -> Result<std::vector<std::string>> {
      std::unique_lock lock(state->mutex);
      ++state->asked[host];
      state->at_once = std::max(state->at_once, ++state->waiting[host]);
      state->changed.wait(lock, [&] { return state->over || state->answers[host].has_value(); });
      --state->waiting[host];
      if (state->over) return error("the test is over");
      const Answer& answer = *state->answers[host];
      if (!answer.failure.empty()) return error(answer.failure);
      return answer.addresses;
    };
  }
  NameResolver::LookUp look_up() const {
    return [texts = texts()](const std::string& host) -> Result<SocketAddresses> {
      const auto known = texts(host);
      if (!known) return tl::unexpected<Error>(known.error());
      SocketAddresses addresses;
      for (const std::string& text : *known) {
        addresses.push_back(resolve_now(text + ":0", false).value().front());
      }
      return addresses;
    };
  }
  std::shared_ptr<NameResolver> resolver(int64_t refresh_after_ns = 5'000'000'000) const {
    NameResolver::Settings settings;
    settings.look_up = look_up();
    settings.refresh_after_ns = refresh_after_ns;
    return std::make_shared<NameResolver>(std::move(settings));
  }

 private:
  struct Answer {
    std::vector<std::string> addresses;
    std::string failure;
  };
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::optional<Answer>> answers;
    std::map<std::string, int> asked;
    std::map<std::string, int> waiting;
    int at_once = 0;
    bool over = false;
  };
  void tell(const std::string& host, std::optional<Answer> answer) {
    const std::lock_guard lock(state_->mutex);
    state_->answers[host] = std::move(answer);
    state_->changed.notify_all();
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// 127.0.0.2 at a port where connects get no answer at all: its queue is full.
class BlackHole {
 public:
  explicit BlackHole(uint16_t port) {
    where_.sin_family = AF_INET;
    where_.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    where_.sin_port = htons(port);
    const auto* at = reinterpret_cast<const sockaddr*>(&where_);
    for (int& fd : fds_) fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fds_[0], at, sizeof where_), 0);
    EXPECT_EQ(listen(fds_[0], 0), 0);
    for (size_t i = 1; i < std::size(fds_); ++i) (void)connect(fds_[i], at, sizeof where_);
  }
  ~BlackHole() {
    for (int fd : fds_) close(fd);
  }
  const sockaddr_in& where() const { return where_; }

 private:
  sockaddr_in where_{};
  int fds_[4];
};

inline uint16_t port_of(const std::string& address) {
  return static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

inline int64_t monotonic_ms() { return now_ns() / 1'000'000; }

}  // namespace once
