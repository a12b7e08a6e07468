// Scripts: one order a line, in words. `once-sim --help` and the stories themselves are the manual.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hash.h"
#include "tests/sim/node.h"
#include "tests/sim/story.h"

namespace once::sim {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kLosable[] = {"prepare", "promise", "accept", "accepted", "chosen",
                                    "forward", "answer",  "ask",    "told",     "refusal"};

Words words_of(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool number_of(const std::string& word, uint64_t& number) {
  const char* end = word.data() + word.size();
  const auto [at, code] = std::from_chars(word.data(), end, number);
  return code == std::errc{} && at == end;
}

// Milliseconds, with a point.
bool time_of(const std::string& word, int64_t& time_ns) {
  double ms = 0;
  const char* end = word.data() + word.size();
  const auto [at, code] = std::from_chars(word.data(), end, ms);
  if (code != std::errc{} || at != end || ms < 0 || ms > 100'000) return false;
  time_ns = static_cast<int64_t>(ms * 1000 + 0.5) * kUs;
  return true;
}

bool node_of(const std::string& word, HostId& node) {
  uint64_t number = 0;
  if (!number_of(word, number) || number < 1 || number > kStoryNodes) return false;
  node = static_cast<HostId>(number - 1);
  return true;
}

class Parser {
 public:
  explicit Parser(Script& script) : script_(script) {}

  bool take(const std::string& line) {
    const Words words = words_of(line);
    if (words.empty() || words[0].starts_with('#')) return true;
    if (words[0] == "title") return take_title(line);
    if (words[0] == "name" && words.size() == 2) return script_.name = words[1], true;
    if (words[0] == "seed" && words.size() == 2) return number_of(words[1], script_.seed);
    if (words[0] == "clients") {
      script_.clients.assign(words.begin() + 1, words.end());
      return !script_.clients.empty() && script_.clients.size() <= 3;
    }
    if (words[0] == "until" && words.size() == 2) return time_of(words[1], script_.until_ns);
    if (words[0] == "lose") return take_loss(words);
    return words[0] == "at" && words.size() > 3 && take_order(words);
  }

 private:
  bool take_title(const std::string& line) {
    script_.title = line.substr(std::min(line.size(), size_t{6}));
    return !script_.title.empty();
  }

  // lose KIND from N to N [N times]
  bool take_loss(const Words& words) {
    Loss loss;
    uint64_t times = 1;
    if (words.size() != 6 && (words.size() != 8 || words[7] != "times")) return false;
    if (words.size() == 8 && !number_of(words[6], times)) return false;
    loss.kind = words[1];
    loss.times = static_cast<uint32_t>(times);
    if (words[2] != "from" || words[4] != "to") return false;
    if (std::ranges::find(kLosable, loss.kind) == std::end(kLosable)) return false;
    if (!node_of(words[3], loss.from) || !node_of(words[5], loss.to)) return false;
    script_.losses.push_back(loss);
    return true;
  }

  bool take_order(const Words& words) {
    Order order;
    if (!time_of(words[1], order.at_ns)) return false;
    const Words what(words.begin() + 2, words.end());
    const bool fine = what[0] == "hold"   ? take_hold(what, order)
                      : what[0] == "node" ? take_fate(what, order)
                                          : take_question(what, order);
    if (fine) script_.orders.push_back(order);
    return fine;
  }

  // hold N to N until TIME
  bool take_hold(const Words& what, Order& order) {
    order.kind = Order::Kind::kHold;
    return what.size() == 6 && what[2] == "to" && what[4] == "until" &&
           node_of(what[1], order.who) && node_of(what[3], order.to) &&
           time_of(what[5], order.until_ns);
  }

  bool take_fate(const Words& what, Order& order) {
    static constexpr std::pair<const char*, Order::Kind> kFates[] = {
        {"crashes", Order::Kind::kCrash}, {"loses power", Order::Kind::kPowerOff},
        {"starts", Order::Kind::kStart},  {"is paused", Order::Kind::kPause},
        {"goes on", Order::Kind::kGoOn},
    };
    if (what.size() < 3 || !node_of(what[1], order.who)) return false;
    std::string fate = what[2];
    for (size_t i = 3; i < what.size(); ++i) fate += " " + what[i];
    for (const auto& [word, kind] : kFates) {
      if (fate == word) return order.kind = kind, true;
    }
    return false;
  }

  // CLIENT DOES [VERSION] [VALUE] through N
  bool take_question(const Words& what, Order& order) {
    const auto client = std::ranges::find(script_.clients, what[0]);
    if (client == script_.clients.end() || what.size() < 4) return false;
    if (what[what.size() - 2] != "through" || !node_of(what.back(), order.to)) return false;
    order.who =
        static_cast<HostId>(kStoryNodes + static_cast<size_t>(client - script_.clients.begin()));
    const Words rest(what.begin() + 2, what.end() - 2);
    if (what[1] == "asks") {
      order.kind = Order::Kind::kAskAgain;
      return rest == Words{"again"};
    }
    return take_operation(what[1], rest, order);
  }

  static bool take_operation(const std::string& verb, Words rest, Order& order) {
    static constexpr std::pair<const char*, paxos::Operation> kVerbs[] = {
        {"writes", paxos::Operation::kWrite}, {"reads", paxos::Operation::kRead},
        {"sets", paxos::Operation::kSet},     {"cas", paxos::Operation::kCas},
        {"seals", paxos::Operation::kSeal},   {"next", paxos::Operation::kNext},
        {"checks", paxos::Operation::kCheck},
    };
    const auto found =
        std::ranges::find(kVerbs, verb, [](auto& one) { return std::string(one.first); });
    if (found == std::end(kVerbs)) return false;
    order.operation = found->second;
    if (paxos::takes_version(order.operation)) {
      if (rest.empty() || !number_of(rest[0], order.version)) return false;
      rest.erase(rest.begin());
    }
    if (!paxos::takes_value(order.operation)) return rest.empty();
    if (rest.size() != 1) return false;
    order.value = rest[0];
    return true;
  }

  Script& script_;
};

std::filesystem::path folder() { return ONCE_STORIES; }

}  // namespace

Result<Script> parse_script(std::string_view text) {
  Script script;
  Parser parser(script);
  std::istringstream lines{std::string(text)};
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!parser.take(line)) return error(fmt::format("line {}: \"{}\" says nothing", number, line));
  }
  if (script.title.empty() || script.name.empty() || script.orders.empty() ||
      script.until_ns == 0) {
    return error("a story needs title, name, clients, an order (\"at ...\") and \"until\"");
  }
  const uint32_t home = home_slot_of(name_hash(script.name, kHashSeed), kStoryNodes).value;
  if (home != 0) {
    return error(fmt::format("the home of {} is node {}; a story wants a name of node 1",
                             script.name, home + 1));
  }
  return script;
}

Result<Script> read_script(const std::string& name_or_file) {
  std::filesystem::path path = folder() / (name_or_file + ".txt");
  if (!std::filesystem::exists(path)) path = name_or_file;
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) {
    std::string names;
    for (const std::string& name : story_names()) names += " " + name;
    return error(fmt::format("no story and no file \"{}\"; there are:{}", name_or_file, names));
  }
  auto script = parse_script(text.str());
  if (!script) return error(fmt::format("{}: {}", name_or_file, script.error().message));
  return script;
}

std::vector<std::string> story_names() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder(), none)) {
    names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace once::sim
