#include "server/dev_console.h"

#include <fmt/format.h>

#include <array>
#include <sstream>

#include "base/nearest_word.h"
#include "base/parse_number.h"

namespace once::server {
namespace {

struct Word {
  const char* text;
  ConsoleWord word;
};

constexpr std::array<Word, 8> kWords = {{{"kill", ConsoleWord::kKill},
                                         {"start", ConsoleWord::kStart},
                                         {"status", ConsoleWord::kStatus},
                                         {"help", ConsoleWord::kHelp},
                                         {"quit", ConsoleWord::kQuit},
                                         {"?", ConsoleWord::kHelp},
                                         {"exit", ConsoleWord::kQuit},
                                         {"stop", ConsoleWord::kQuit}}};

tl::unexpected<Error> no_such_word(const std::string& text) {
  std::array<std::string_view, kWords.size()> words;
  for (size_t i = 0; i < words.size(); ++i) words[i] = kWords[i].text;
  const std::string meant = nearest_word(text, words);
  return error(fmt::format("there is no command \"{}\"{}; help lists them", text,
                           meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
}

}  // namespace

Result<ConsoleCommand> parse_console(std::string_view line, uint16_t nodes) {
  if (line.size() > ConsoleLines::kMaxBytes) return error("that is too long for a command");
  std::istringstream stream{std::string(line)};
  std::string text, number, more;
  stream >> text >> number >> more;
  ConsoleCommand command;
  if (text.empty()) return command;
  const Word* found = nullptr;
  for (const Word& word : kWords) {
    if (text == word.text) found = &word;
  }
  if (found == nullptr) return no_such_word(text);
  command.word = found->word;
  const bool about_a_node =
      command.word == ConsoleWord::kKill || command.word == ConsoleWord::kStart;
  if (!about_a_node) {
    if (number.empty()) return command;
    return error(fmt::format("{} stands alone", text));
  }
  const uint64_t node = parse_number<uint64_t>(number).value_or(0);
  if (!more.empty() || node < 1 || node > nodes) {
    return error(fmt::format("{} needs the number of one node, 1 to {}: {} 1", text, nodes, text));
  }
  command.node = static_cast<uint16_t>(node);
  return command;
}

std::string dev_verdict(size_t running, size_t all) {
  const size_t majority = all / 2 + 1;
  const std::string count = fmt::format("{} of {} nodes run", running, all);
  if (running < majority) {
    return fmt::format("{}: no majority, so nothing can be written; {} must run", count, majority);
  }
  if (running == majority) {
    return fmt::format("{}: writes go on, and one more failure stops them", count);
  }
  return fmt::format("{}: writes go on, and after {} more failure{} too", count, running - majority,
                     running - majority == 1 ? "" : "s");
}

}  // namespace once::server
