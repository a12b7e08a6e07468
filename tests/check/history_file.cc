#include "tests/check/history_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

#include "tests/check/checks.h"
#include "tests/check/escape.h"

namespace once::check {
namespace {

constexpr std::string_view kHeader = "once-history 2";
constexpr std::string_view kHeaderOfAny = "once-history ";

template <class Number>
bool parse_number(std::string_view text, Number* number, int base = 10) {
  if (text.empty() || (text.size() > 1 && text[0] == '0' && base == 10)) return false;
  const auto [end, code] = std::from_chars(text.begin(), text.end(), *number, base);
  return code == std::errc() && end == text.end();
}

bool parse_id(std::string_view text, RequestId* id) {
  return text.size() == 32 && parse_number(text.substr(0, 16), &id->high, 16) &&
         parse_number(text.substr(16), &id->low, 16) && describe(*id) == text;
}

// The fields of one line, from left to right; the first that is wrong is remembered.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  std::string_view next(std::string_view what) {
    const size_t space = rest_.find(' ');
    const std::string_view field = rest_.substr(0, space);
    if (field.empty()) fail(fmt::format("{} is missing", what));
    rest_ = space == std::string_view::npos ? "" : rest_.substr(space + 1);
    ended_ = space == std::string_view::npos;
    return field;
  }

  // The text behind `key=`.
  std::string_view value(std::string_view key) {
    const std::string_view field = next(fmt::format("{}=", key));
    if (field.size() <= key.size() || !field.starts_with(key) || field[key.size()] != '=') {
      fail(fmt::format("{}= is expected, not \"{}\"", key, field));
      return {};
    }
    return field.substr(key.size() + 1);
  }

  template <class Number>
  void number(std::string_view key, Number* number) {
    const std::string_view text = value(key);
    if (!parse_number(text, number)) fail(fmt::format("{}={} is not a number", key, text));
  }
  void bytes(std::string_view key, std::string* bytes) {
    const std::string_view text = value(key);
    auto parsed = unescaped(text);
    if (!parsed) fail(fmt::format("{}={} is not escaped as it should be", key, text));
    *bytes = std::move(parsed).value_or("");
  }
  void id(std::string_view key, RequestId* id) {
    const std::string_view text = value(key);
    if (!parse_id(text, id)) fail(fmt::format("{}={} is not 32 hex digits", key, text));
  }

  void end() {
    if (!ended_) fail(fmt::format("\"{}\" behind the last field", rest_));
  }
  void fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
  }
  const std::string& why() const { return why_; }

 private:
  std::string_view rest_;
  bool ended_ = false;
  std::string why_;
};

void parse_return(Fields& fields, int64_t* return_ns) {
  const std::string_view text = fields.value("return");
  if (text == "never") {
    *return_ns = kNever;
  } else if (!parse_number(text, return_ns)) {
    fields.fail(fmt::format("return={} is neither a number nor \"never\"", text));
  }
}

void parse_action(Fields& fields, Action* action) {
  const std::string_view text = fields.next("the operation");
  for (size_t i = 0; i < kActions; ++i) {
    *action = static_cast<Action>(i);
    if (text == action_name(*action)) return;
  }
  fields.fail(fmt::format("unknown operation \"{}\"", escaped(text)));
}

void parse_outcome(Fields& fields, Outcome* outcome) {
  const std::string_view text = fields.next("the outcome");
  for (size_t i = 0; i < kOutcomes; ++i) {
    *outcome = static_cast<Outcome>(i);
    if (text == outcome_name(*outcome)) return;
  }
  fields.fail(fmt::format("unknown outcome \"{}\"", text));
}

void parse_state(Fields& fields, Call* call) {
  int sealed = 0;
  fields.number("version", &call->version);
  fields.number("sealed", &sealed);
  if (sealed != 0 && sealed != 1) fields.fail("sealed= is neither 0 nor 1");
  call->sealed = sealed == 1;
  fields.id("writer", &call->writer);
  if (shows_value(*call)) fields.bytes("result", &call->result);
}

Error at_line(size_t line, std::string_view why) {
  return Error{fmt::format("line {}: {}", line, why)};
}

std::string check_header(const std::string& line) {
  if (line == kHeader) return {};
  if (line.starts_with(kHeaderOfAny)) {
    return fmt::format("this is \"{}\"; this program reads \"{}\"", escaped(line), kHeader);
  }
  return fmt::format("not a history: it must begin with \"{}\"", kHeader);
}

}  // namespace

std::string to_line(const Call& call) {
  std::string line =
      fmt::format("{} {} name={}", call.client, action_name(call.action), escaped(call.name));
  if (changes(call.action)) line += fmt::format(" id={}", describe(call.id));
  if (takes_version(call.action)) line += fmt::format(" asked={}", call.asked);
  if (takes_value(call.action)) line += fmt::format(" value={}", escaped(call.value));
  line += fmt::format(" call={} return={} {}", call.call_ns,
                      call.return_ns == kNever ? "never" : fmt::to_string(call.return_ns),
                      outcome_name(call.outcome));
  if (shows_state(call)) {
    line += fmt::format(" version={} sealed={} writer={}", call.version, call.sealed ? 1 : 0,
                        describe(call.writer));
  }
  if (shows_value(call)) line += fmt::format(" result={}", escaped(call.result));
  return line;
}

Result<Call> parse_line(const std::string& line) {
  Call call;
  Fields fields(line);
  const std::string_view client = fields.next("the client");
  if (!parse_number(client, &call.client)) {
    fields.fail(fmt::format("client \"{}\" is not a number", escaped(client)));
  }
  parse_action(fields, &call.action);
  fields.bytes("name", &call.name);
  if (changes(call.action)) fields.id("id", &call.id);
  if (takes_version(call.action)) fields.number("asked", &call.asked);
  if (takes_value(call.action)) fields.bytes("value", &call.value);
  fields.number("call", &call.call_ns);
  parse_return(fields, &call.return_ns);
  parse_outcome(fields, &call.outcome);
  if (shows_state(call)) parse_state(fields, &call);
  fields.end();
  if (!fields.why().empty()) return error(fields.why());
  return call;
}

void write_history(const History& history, std::ostream& out) {
  out << kHeader << '\n';
  for (const Call& call : history) out << to_line(call) << '\n';
  out << "end " << history.size() << '\n';
}

Result<History> read_history(std::istream& in) {
  std::string line;
  std::getline(in, line);
  if (const std::string why = check_header(line); !why.empty()) {
    return tl::unexpected(at_line(1, why));
  }
  History history;
  for (size_t number = 2; std::getline(in, line); ++number) {
    if (line.starts_with("end ")) {
      if (line != fmt::format("end {}", history.size()) || in.eof()) {
        return tl::unexpected(
            at_line(number, fmt::format("\"{}\" after {} calls", escaped(line), history.size())));
      }
      if (std::getline(in, line)) return tl::unexpected(at_line(number + 1, "behind the end"));
      return history;
    }
    Result<Call> call = parse_line(line);
    if (!call) return tl::unexpected(at_line(number, call.error().message));
    history.push_back(std::move(*call));
  }
  return error(fmt::format("cut after {} calls: the line \"end {}\" is missing", history.size(),
                           history.size()));
}

Result<void> save_history(const History& history, const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  write_history(history, file);
  file.close();
  if (!file) return error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return {};
}

Result<History> load_history(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  Result<History> history = read_history(file);
  if (!history) return error(fmt::format("{}: {}", path, history.error().message));
  return history;
}

}  // namespace once::check
