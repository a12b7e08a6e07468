#include "server/memory_budget.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "server/memory_account.h"

namespace once::server {
namespace {

constexpr uint64_t kMebibyte = 1024 * 1024;
constexpr uint64_t kReadyPart = 32;
constexpr uint64_t kMostReady = 256 * kMebibyte;  // room for two million names
constexpr uint64_t kMostReadyThatIsAskedFor = 4096 * kMebibyte;

tl::unexpected<Error> not_a_size(std::string_view text) {
  return error(
      fmt::format("memory '{}' is no size: give bytes (536870912), a multiple of them (512MiB, "
                  "2GiB), or a part of what there is (75%)",
                  text));
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// "max", and files that do not exist, are no limit.
uint64_t limit_in(const std::string& path) {
  const std::string text = content(path);
  uint64_t limit = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), limit);
  return problem == std::errc{} && limit > 0 ? limit : UINT64_MAX;
}

// Of a group and of all above it.
uint64_t least_limit(const std::string& mount, std::string group, const std::string& file) {
  uint64_t least = UINT64_MAX;
  while (true) {
    while (!group.empty() && group.back() == '/') group.pop_back();
    least = std::min(least, limit_in(mount + group + "/" + file));
    if (group.empty()) return least;
    const size_t slash = group.rfind('/');
    group.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

Result<MemorySize> parse_memory(std::string_view text) {
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || number == 0) return not_a_size(text);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (unit.empty()) return MemorySize{number, 0};
  if (unit == "%") {
    if (number > 100) return not_a_size(text);
    return MemorySize{0, static_cast<unsigned>(number)};
  }
  static constexpr std::pair<std::string_view, unsigned> kUnits[] = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  for (const auto& [name, shift] : kUnits) {
    if (unit != name) continue;
    if (number > UINT64_MAX >> shift) return not_a_size(text);
    return MemorySize{number << shift, 0};
  }
  return not_a_size(text);
}

// Each line is number:controllers:group; version 2 is number 0, without controllers.
uint64_t cgroup_limit(const std::string& mount, std::string_view self) {
  uint64_t least = UINT64_MAX;
  std::istringstream lines{std::string(self)};
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, least_limit(mount, group, "memory.max"));
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      least = std::min(least, least_limit(mount + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

uint64_t memory_there_is() {
  return memory_there_is("/sys/fs/cgroup", content("/proc/self/cgroup"));
}

uint64_t memory_there_is(const std::string& mount, std::string_view self) {
  const auto pages = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const uint64_t machine = pages * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return std::min(machine, cgroup_limit(mount, self));
}

Result<uint64_t> memory_for(const MemorySize& size, uint64_t there_is, uint16_t cores) {
  const uint64_t bytes = size.percent == 0 ? size.bytes : there_is / 100 * size.percent;
  const uint64_t least = kLeastMemoryPerCore * cores;
  if (bytes >= least) return bytes;
  const std::string asked = size.percent == 0
                                ? memory_text(bytes)
                                : fmt::format("{}% of {}", size.percent, memory_text(there_is));
  return error(
      fmt::format("{} of memory is too little: an empty node of {} core{} takes {}; give "
                  "--memory {}MiB or more{}",
                  asked, cores, cores == 1 ? "" : "s", memory_text(least),
                  (least + kMebibyte - 1) / kMebibyte, cores == 1 ? "" : ", or fewer --cores"));
}

Result<uint64_t> ready_for(const std::string& text, uint64_t memory, uint16_t cores) {
  if (text.empty()) return std::min(memory / kReadyPart, kMostReady);
  if (text == "0") return 0;
  const auto size = parse_memory(text);
  if (!size) return tl::unexpected(size.error());
  const uint64_t bytes = size->percent == 0 ? size->bytes : memory / 100 * size->percent;
  const uint64_t most =
      std::min(MemoryAccount(memory, cores).budget() / 2 * cores, kMostReadyThatIsAskedFor);
  if (bytes <= most) return bytes;
  return error(fmt::format("--ready {} is too much: {} at most, with this --memory", text,
                           memory_text(most)));
}

std::string memory_text(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMebibyte);
}

}  // namespace once::server
