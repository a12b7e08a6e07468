// What somebody says to the door for HTTP, and what the node behind it answers. Input: u8 count of
// fragment sizes, the sizes; u8 count of answers, the answers (how many requests are left under way
// before the next ones are answered, and with what); then the stream. However the stream is cut,
// the node is asked the same and the client is told the same, one answer for each command.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "doors/http/http_door.h"
#include "tests/fuzz/input.h"
#include "tests/unit/doors/fake_http_host.h"

namespace once::fuzz {
namespace {

using doors::Taken;

// What came of a stream. `told` is all that the client was told.
struct Talk {
  std::string asked;
  std::string told;
  std::vector<bool> heads;  // of each command: whether its answer has no body
  bool last = false;
  friend bool operator==(const Talk&, const Talk&) = default;
};

class Session {
 public:
  explicit Session(std::string_view answers) : answers_(answers) {}

  template <class NextSize>
  Talk run(std::string_view stream, NextSize next_size) {
    std::string kept;
    size_t wanted = 0;
    while (!stream.empty() && !talk_.last) {
      const std::string_view piece = stream.substr(0, next_size());
      stream.remove_prefix(piece.size());
      kept += piece;
      while (!talk_.last && !kept.empty() && kept.size() >= wanted) {
        wanted = 0;
        const Exact there(kept);
        const Taken taken = door_.take(there.view());
        note_asked();
        if (taken.what == Taken::What::kNothing) {
          ONCE_ASSERT(taken.bytes > kept.size() && taken.bytes <= doors::kMostDoorBytes);
          wanted = taken.bytes;
          break;
        }
        ONCE_ASSERT(taken.bytes > 0 && taken.bytes <= kept.size());
        note_command(kept, taken.what == Taken::What::kLast);
        kept.erase(0, taken.bytes);
        answer_down_to(next_answer() % 4);
      }
    }
    answer_down_to(0);
    ONCE_ASSERT(door_.unanswered() == 0);
    talk_.told += host_.said();
    return talk_;
  }

 private:
  uint8_t next_answer() {
    return answers_.empty() ? 0 : static_cast<uint8_t>(answers_[at_++ % answers_.size()]);
  }

  void note_command(std::string_view bytes, bool last) {
    if (bytes.starts_with("\r\n")) return;  // empty lines are no request
    talk_.heads.push_back(bytes.starts_with("HEAD "));
    talk_.last = last;
  }

  void note_asked() {
    for (; noted_ < host_.asked.size(); ++noted_) {
      const auto& one = host_.asked[noted_];
      ONCE_ASSERT(!one.name.empty() && one.name.size() <= kMaxNameBytes);
      ONCE_ASSERT(one.value.size() <= kMaxValueBytes);
      const paxos::Operation operation = one.request.operation;
      ONCE_ASSERT(one.value.empty() || paxos::takes_value(operation));
      ONCE_ASSERT((one.request.id == RequestId{}) != paxos::changes(operation));
      ONCE_ASSERT(one.request.timeout_ms <= kLongestTimeoutMs);
      talk_.asked += one.name + '\n' + one.value + '\n' + static_cast<char>(operation) +
                     std::to_string(one.request.version) + '\n';
      open_.push_back(noted_);
      const auto changes = [&](size_t asked) {
        return paxos::changes(host_.asked[asked].request.operation);
      };
      ONCE_ASSERT(open_.size() == 1 || std::none_of(open_.begin(), open_.end(), changes));
    }
  }

  // In any order: one byte says who is answered, one with what.
  void answer_down_to(size_t count) {
    while (open_.size() > count) {
      const size_t place = next_answer() % open_.size();
      const auto& one = host_.asked[open_[place]];
      open_.erase(open_.begin() + static_cast<ptrdiff_t>(place));
      const uint8_t what = next_answer();
      const uint8_t last = static_cast<uint8_t>(paxos::kLastStatus);
      const auto status = static_cast<paxos::Status>(what % (last + 1));
      door_.on_reply(one.ticket, one.request.operation,
                     doors::reply_of(status, what % 3, std::string(what, 'v'), what % 2 == 0));
      note_asked();
      talk_.told += host_.said();
    }
  }

  doors::FakeHost host_;
  doors::http::HttpDoor door_{host_};
  std::string_view answers_;
  size_t at_ = 0;
  size_t noted_ = 0;
  std::vector<size_t> open_;
  Talk talk_;
};

size_t length_in(std::string_view head) {
  constexpr std::string_view kField = "\r\nContent-Length: ";
  const size_t at = head.find(kField);
  if (at == std::string_view::npos) return 0;
  return std::stoul(std::string(head.substr(at + kField.size(), 10)));
}

// As a client reads: one answer for each command, each as long as it says, and nothing else.
void expect_answers(const Talk& talk) {
  std::string_view left = talk.told;
  size_t answered = 0;
  while (!left.empty()) {
    const size_t end = left.find("\r\n\r\n");
    ONCE_ASSERT(end != std::string_view::npos && left.starts_with("HTTP/1.1 "));
    const std::string_view head = left.substr(0, end + 2);
    left.remove_prefix(end + 4);
    const std::string_view status = head.substr(9, 3);
    if (status == "100") continue;
    ONCE_ASSERT(answered < talk.heads.size());
    const bool last = ++answered == talk.heads.size() && talk.last;
    ONCE_ASSERT(!last || head.find("\r\nConnection: close\r\n") != std::string_view::npos);
    if (status == "304" || status == "204") continue;
    if (talk.heads[answered - 1]) continue;
    ONCE_ASSERT(left.size() >= length_in(head));
    left.remove_prefix(length_in(head));
  }
  ONCE_ASSERT(answered == talk.heads.size());
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once;
  fuzz::Input input(data, size);
  const std::string_view sizes = input.bytes(input.byte() % 8);
  const std::string_view answers = input.bytes(input.byte() % 32);
  const std::string_view stream = input.rest();
  const auto whole = fuzz::Session(answers).run(stream, [] { return SIZE_MAX; });
  size_t at = 0;
  const auto parts = fuzz::Session(answers).run(stream, [&]() -> size_t {
    if (sizes.empty()) return 1;
    return 1 + static_cast<uint8_t>(sizes[at++ % sizes.size()]);
  });
  ONCE_ASSERT(parts == whole);
  fuzz::expect_answers(whole);
  return 0;
}
