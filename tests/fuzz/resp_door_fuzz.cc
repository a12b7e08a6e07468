// What a client of Redis sends, and what a node answers. Input: u8 how many bytes choose the pieces
// in which it comes and the order of the answers, those, then the stream. However it comes and in
// whatever order it is answered, the client hears the same: one whole answer for each command, and
// nothing is kept behind it.
#include <deque>
#include <string>

#include "base/assert.h"
#include "base/limits.h"
#include "doors/resp/door.h"
#include "tests/fuzz/input.h"

namespace once::fuzz {
namespace {

using doors::Taken;
using paxos::Status;

struct Node final : doors::NodeView {
  std::string_view version() const override { return "0"; }
  std::string metrics() const override { return {}; }
  doors::Health live() const override { return {}; }
  doors::Health ready() const override { return {}; }
  bool is_own_host(std::string_view) const override { return false; }
};

struct Asked {
  uint64_t ticket = 0;
  paxos::Operation operation = paxos::Operation::kRead;
};

struct Host final : doors::DoorHost {
  void ask(uint64_t ticket, const paxos::ClientRequest& request) override {
    ONCE_ASSERT(!request.name.empty() && request.name.size() <= kMaxNameBytes);
    ONCE_ASSERT(request.value.size() <= kMaxValueBytes);
    ONCE_ASSERT(!paxos::changes(request.operation) || request.id != RequestId{});
    asked.push_back({ticket, request.operation});
  }
  std::string_view keep(std::vector<char>&& bytes) override {
    kept.push_back(std::move(bytes));
    return view(kept.back());
  }
  RequestId draw_id() override { return request_id(1, ++drawn); }
  std::vector<char>* out() override { return &said; }
  const doors::NodeView& node() override { return view_of_node; }
  CoreId core() const override { return CoreId{0}; }

  Node view_of_node;
  std::deque<Asked> asked;
  std::deque<std::vector<char>> kept;
  std::vector<char> said;
  uint64_t drawn = 0;
};

// The same for the same question, whenever it comes.
paxos::ClientReply answer_to(const Asked& asked) {
  static constexpr std::string_view kValues[] = {"", "a", "old", "v\r\n"};
  const uint64_t mixed =
      (asked.ticket * 31 + static_cast<uint64_t>(asked.operation)) * 0x9e3779b97f4a7c15u >> 40;
  paxos::ClientReply reply;
  reply.status = static_cast<Status>(mixed % (static_cast<uint64_t>(paxos::kLastStatus) + 1));
  if (mixed & 64) reply.status = Status::kDone;
  if (reply.status == Status::kEmpty) return reply;
  reply.state.version = mixed / 256 % 9;
  reply.state.sealed = (mixed & 32) != 0;
  reply.state.value = kValues[mixed / 4096 % 4];
  return reply;
}

struct Heard {
  std::string text;
  size_t commands = 0;
};

class Talk {
 public:
  explicit Talk(std::string_view choices) : choices_(choices) {}

  Heard of(std::string_view stream) {
    while (!stream.empty() && !last_) {
      const size_t size =
          std::min<size_t>(choices_.empty() ? stream.size() : choose(), stream.size());
      there_ += stream.substr(0, size);
      stream.remove_prefix(size);
      take();
      if (!choices_.empty() && choose() % 2 == 0) answer(choose());
    }
    // What is broken shows before the rest has come, or only when it has: here it has.
    wanted_ = 0;
    take();
    while (!host_.asked.empty()) answer(choices_.empty() ? 0 : choose());
    // Where the words of a command are that has not come whole is kept.
    ONCE_ASSERT(door_.unanswered() == 0 && (door_.kept_bytes() == 0 || !there_.empty()));
    return {std::string(view(host_.said)), commands_};
  }

 private:
  size_t choose() { return static_cast<uint8_t>(choices_[chosen_++ % choices_.size()]) + 1u; }
  void answer(size_t which) {
    if (host_.asked.empty()) return;
    const auto at = host_.asked.begin() + static_cast<long>(which % host_.asked.size());
    const Asked asked = *at;
    host_.asked.erase(at);
    door_.on_reply(asked.ticket, asked.operation, answer_to(asked));
  }
  void take() {
    while (!last_ && !there_.empty() && there_.size() >= wanted_) {
      exact_.emplace_back(there_);
      const size_t before = door_.unanswered() + host_.said.size();
      const Taken taken = door_.take(exact_.back().view());
      if (taken.what == Taken::What::kNothing) {
        ONCE_ASSERT(taken.bytes <= doors::kMostDoorBytes);
        wanted_ = taken.bytes;
        return;
      }
      wanted_ = 0;
      ONCE_ASSERT(taken.bytes > 0 && taken.bytes <= there_.size());
      if (door_.unanswered() + host_.said.size() != before) ++commands_;
      there_.erase(0, taken.bytes);
      last_ = taken.what == Taken::What::kLast;
    }
  }

  std::string_view choices_;
  size_t chosen_ = 0;
  Host host_;
  doors::RespDoor door_{host_, 7};
  std::string there_;
  std::deque<Exact> exact_;
  size_t wanted_ = 0;
  size_t commands_ = 0;
  bool last_ = false;
};

// Takes one answer off.
void skip_answer(std::string_view& text, int depth = 0) {
  ONCE_ASSERT(depth < 8 && !text.empty());
  const char kind = text.front();
  const size_t end = text.find("\r\n");
  ONCE_ASSERT(end != std::string_view::npos);
  const std::string line(text.substr(1, end - 1));
  text.remove_prefix(end + 2);
  if (kind == '$' && line != "-1") {
    const size_t size = std::stoul(line);
    ONCE_ASSERT(text.size() >= size + 2 && text.substr(size, 2) == "\r\n");
    text.remove_prefix(size + 2);
  } else if (kind == '*' || kind == '%') {
    for (size_t left = std::stoul(line) * (kind == '%' ? 2 : 1); left > 0; --left) {
      skip_answer(text, depth + 1);
    }
  } else {
    ONCE_ASSERT(std::string_view("+-:$_#").find(kind) != std::string_view::npos);
  }
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once::fuzz;
  Input input(data, size);
  const std::string_view choices = input.bytes(input.byte() % 16);
  const std::string_view stream = input.rest();
  const Heard whole = Talk({}).of(stream);
  std::string_view left = whole.text;
  for (size_t i = 0; i < whole.commands; ++i) skip_answer(left);
  ONCE_ASSERT(left.empty());
  const Heard pieces = Talk(choices).of(stream);
  ONCE_ASSERT(pieces.text == whole.text && pieces.commands == whole.commands);
  return 0;
}
