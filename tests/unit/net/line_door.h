// A door for tests: one command a line, answers in the order of commands, each a line.
//   r NAME         asks a read                    w NAME VALUE   asks a write
//   W NAME         asks a wait                    c NAME         a read, and a write when it is
//   told m COUNT        so many reads                  p              is answered at once x is
//   answered, and is the last
//   u COUNT        a write, and so many reads when it is told
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "doors/door.h"

namespace once::test {

struct NoNode final : doors::NodeView {
  std::string_view version() const override { return "0"; }
  std::string metrics() const override { return {}; }
  doors::Health live() const override { return {}; }
  doors::Health ready() const override { return {}; }
  bool is_own_host(std::string_view) const override { return false; }
};

struct LineDoor final : doors::Door {
  explicit LineDoor(doors::DoorHost& host_in) : host(host_in) {}

  doors::Taken take(std::string_view bytes) override {
    ++takes;
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      return {doors::Taken::What::kNothing, bytes.size() + 1 + wanted_beyond};
    }
    std::string_view line = bytes.substr(0, end);
    answers.push_back({"", 0});
    const bool last = line == "x";
    if (line.starts_with("r ")) ask(paxos::Operation::kRead, line.substr(2), "");
    if (line.starts_with("W ")) ask(paxos::Operation::kWait, line.substr(2), "");
    if (line.starts_with("c ")) {
      chains[tickets + 1] = line.substr(2);
      ask(paxos::Operation::kRead, line.substr(2), "");
    }
    if (line.starts_with("w ")) {
      const size_t space = line.find(' ', 2);
      ask(paxos::Operation::kWrite, line.substr(2, space - 2), line.substr(space + 1));
    }
    if (line.starts_with("m ")) {
      for (int left = std::stoi(std::string(line.substr(2))); left > 0; --left) {
        ask(paxos::Operation::kRead, "m", "");
      }
    }
    if (line.starts_with("u ")) {
      const auto count = static_cast<size_t>(std::stoi(std::string(line.substr(2))));
      behind[tickets + 1] = count;
      reads_waiting += count;
      ask(paxos::Operation::kWrite, "u", "");
    }
    if (line == "p") answers.back().text = "pong";
    if (last) answers.back().text = "bye";
    say();
    return {last ? doors::Taken::What::kLast : doors::Taken::What::kCommand, end + 1};
  }
  void on_reply(uint64_t ticket, paxos::Operation, const paxos::ClientReply& reply) override {
    Answer& answer = *due.at(ticket);
    due.erase(ticket);
    answer.text += std::to_string(static_cast<int>(reply.status)) + std::string(reply.state.value);
    kept += reply.state.value.size();
    if (auto chain = chains.find(ticket); chain != chains.end()) {
      std::string name = std::move(chain->second);
      chains.erase(chain);
      ++answer.asks;
      due[++tickets] = &answer;
      host.ask(tickets, {0, paxos::Operation::kWrite, host.draw_id(), 9, name, "chained"});
      name.assign(name.size(), '?');
    }
    if (auto reads = behind.find(ticket); reads != behind.end()) {
      for (; reads->second > 0; --reads->second, --reads_waiting) {
        ++answer.asks;
        due[++tickets] = &answer;
        host.ask(tickets, {0, paxos::Operation::kRead, {}, 9, "u", ""});
      }
      behind.erase(reads);
    }
    --answer.asks;
    say();
  }
  size_t waiting() const override { return reads_waiting; }
  size_t unanswered() const override { return answers.size(); }
  bool serves_while_stopping() const override { return serves_to_the_end; }
  void say_farewell(Farewell why) override {
    const char* words[] = {"slow", "idle", "full", "stopping", "no place"};
    answers.push_back({words[static_cast<int>(why)], 0});
    say();
  }
  size_t kept_bytes() const override { return kept; }

  struct Answer {
    std::string text;
    size_t asks = 0;
  };
  void ask(paxos::Operation operation, std::string_view name, std::string_view value) {
    ++answers.back().asks;
    due[++tickets] = &answers.back();
    host.ask(tickets, {0, operation, host.draw_id(), 9, name, value});
  }
  void say() {
    while (!answers.empty() && answers.front().asks == 0) {
      if (std::vector<char>* out = host.out()) {
        const std::string line = answers.front().text + "\n";
        out->insert(out->end(), line.begin(), line.end());
      } else {
        ++said_to_nobody;
      }
      answers.pop_front();
    }
    if (answers.empty()) kept = 0;
  }

  doors::DoorHost& host;
  bool serves_to_the_end = false;
  uint64_t wanted_beyond = 0;  // so many bytes more are wanted than there are
  size_t takes = 0;
  uint64_t tickets = 0;
  std::deque<Answer> answers;
  std::map<uint64_t, Answer*> due;
  std::map<uint64_t, std::string> chains;
  std::map<uint64_t, size_t> behind;
  size_t reads_waiting = 0;
  size_t kept = 0;
  size_t said_to_nobody = 0;
};

struct LineDoors final : doors::DoorMaker {
  std::unique_ptr<doors::Door> make(doors::Speaks who, doors::DoorHost& host) const override {
    made.push_back(who);
    if (who == doors::Speaks::kHttp && !serve_http) return nullptr;
    auto door = std::make_unique<LineDoor>(host);
    latest = door.get();
    return door;
  }
  const doors::NodeView& node() const override { return no_node; }

  NoNode no_node;
  bool serve_http = false;
  mutable std::vector<doors::Speaks> made;
  mutable LineDoor* latest = nullptr;
};

}  // namespace once::test
