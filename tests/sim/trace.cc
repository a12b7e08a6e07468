#include "tests/sim/trace.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

namespace once::sim {
namespace {

constexpr std::string_view kMagic = "once-sim trace ";
constexpr uint64_t kVersion = 1;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  return text.str();
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <class T>
bool take_number(std::string_view& text, T* value, int base = 10) {
  const auto [at, code] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  if (code != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(at - text.data()));
  return true;
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool parse_head(std::string_view line, Trace* trace, uint64_t* build) {
  return take(line, "seed=") && take_number(line, &trace->options.seed) &&
         take(line, " seconds=") && take_number(line, &trace->options.seconds) &&
         trace->options.seconds > 0 && take(line, " build=") && take_number(line, build, 16) &&
         line.empty();
}

bool parse_tail(std::string_view line, uint64_t* lines, uint64_t* hash, uint64_t* sum) {
  return take(line, "end lines=") && take_number(line, lines) && take(line, " hash=") &&
         take_number(line, hash, 16) && take(line, " checksum=") && take_number(line, sum, 16) &&
         line.empty();
}

}  // namespace

uint64_t build_id() {
  static const uint64_t id = [] {
    const auto program = read_file("/proc/self/exe");
    return program ? checksum(program->data(), program->size()) : 0;
  }();
  return id;
}

Result<Trace> read_trace(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  std::string_view left = *text;
  std::string_view first = take_line(left);
  uint64_t version = 0;
  if (!take(first, kMagic) || !take_number(first, &version) || !first.empty()) {
    return error(
        fmt::format("{} is no trace of once-sim: make one with --seed N --trace FILE", path));
  }
  if (version != kVersion) {
    return error(
        fmt::format("{} has trace format {}, this once-sim reads {}: run its seed again "
                    "with --trace",
                    path, version, kVersion));
  }
  Trace trace;
  uint64_t build = 0;
  if (!parse_head(take_line(left), &trace, &build)) {
    return error(fmt::format("{} is damaged: its second line does not say how to run it", path));
  }
  const size_t tail_at = text->rfind("\nend lines=") + 1;
  uint64_t lines = 0;
  uint64_t sum = 0;
  std::string_view tail = std::string_view(*text).substr(tail_at);
  if (tail_at == 0 || !tail.ends_with('\n') ||
      !parse_tail(tail.substr(0, tail.size() - 1), &lines, &trace.hash, &sum)) {
    return error(fmt::format("{} is cut off: its last line is not an end line", path));
  }
  if (sum != checksum(text->data(), tail_at)) {
    return error(fmt::format("{} is damaged: its checksum does not fit", path));
  }
  left.remove_suffix(tail.size());
  while (!left.empty()) trace.lines.emplace_back(take_line(left));
  if (trace.lines.size() != lines) {
    return error(
        fmt::format("{} is damaged: {} lines, its end says {}", path, trace.lines.size(), lines));
  }
  if (build != build_id()) {
    return error(
        fmt::format("{} is old: build {:016x} made it, this is {:016x}. Run once-sim "
                    "--seed {} --seconds {} --trace FILE for a new one",
                    path, build, build_id(), trace.options.seed, trace.options.seconds));
  }
  return trace;
}

TraceWriter::TraceWriter(const Options& options)
    : text_(fmt::format("{}{}\nseed={} seconds={} build={:016x}\n", kMagic, kVersion, options.seed,
                        options.seconds, build_id())) {}

void TraceWriter::line(std::string_view text) {
  text_.append(text).push_back('\n');
  ++lines_;
}

Result<void> TraceWriter::save(const std::string& path, uint64_t hash) {
  const std::string tail = fmt::format("end lines={} hash={:016x} checksum={:016x}\n", lines_, hash,
                                       checksum(text_.data(), text_.size()));
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text_ << tail;
  out.close();
  if (!out) return error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return {};
}

void TraceComparer::line(std::string_view text) {
  const size_t number = at_++;
  if (!difference_.empty()) return;
  const std::string_view was =
      number < trace_.lines.size() ? std::string_view(trace_.lines[number]) : "(the end)";
  if (text == was) return;
  difference_ = fmt::format("line {} differs\n  trace: {}\n  now:   {}", number + 1, was, text);
}

std::string TraceComparer::difference(uint64_t hash) const {
  if (!difference_.empty()) return difference_;
  if (at_ != trace_.lines.size()) {
    return fmt::format("the trace goes on after line {}: {}", at_, trace_.lines[at_]);
  }
  if (hash != trace_.hash) {
    return fmt::format("the same lines, but another hash: trace {:016x}, now {:016x}", trace_.hash,
                       hash);
  }
  return "";
}

}  // namespace once::sim
