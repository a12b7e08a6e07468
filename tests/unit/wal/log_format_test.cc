// The worked example of docs/log-format.md, byte by byte.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/unit/wal/log_stream.h"
#include "wal/block_format.h"
#include "wal/needed_segments.h"

namespace once::wal {
namespace {

struct Line {
  size_t offset = 0;
  std::string hex;
};

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    hex += fmt::format("{}{:02x}", hex.empty() ? "" : " ", static_cast<unsigned char>(byte));
  }
  return hex;
}

// "OFFSET  BYTES   words": the offset has eight digits, three spaces end the bytes.
std::vector<Line> example_lines() {
  std::ifstream file(ONCE_DOCS "/log-format.md");
  std::vector<Line> lines;
  for (std::string text; std::getline(file, text);) {
    if (text.size() < 12 || text.find_first_not_of("0123456789abcdef") != 8) continue;
    if (text.substr(8, 2) != "  ") continue;
    lines.push_back(
        {std::stoul(text.substr(0, 8), nullptr, 16), text.substr(10, text.find("   ", 10) - 10)});
  }
  return lines;
}

TEST(LogFormat, TheWorkedExampleIsWhatTheLogWrites) {
  MemoryStorage disk;
  Stream stream(disk, 0);
  stream.identity = {ClusterId{{0, 0xc0ffee}}, NodeId{1},
                     DiskId{{0x1111111111111111, 0x2222222222222222}}};
  ASSERT_TRUE(create_stream(disk, stream.identity, stream.options));
  stream.start();
  stream.write({"hello", "once"});
  stream.io.now = 50'000'000;
  stream.log->on_tick(stream.io.now);
  stream.io.complete_all();
  std::string bytes(4 * kBlockBytes, '\0');
  ASSERT_TRUE(disk.read(stream.path(1), 0, bytes));

  const std::vector<Line> lines = example_lines();
  ASSERT_EQ(lines.size(), 7u + 9 + 7) << "docs/log-format.md";
  for (const Line& line : lines) {
    const size_t size = (line.hex.size() + 1) / 3;
    EXPECT_EQ(line.hex, hex_of(std::string_view(bytes).substr(line.offset, size)))
        << fmt::format("at {:08x}", line.offset);
  }
}

TEST(LogFormat, TheWorkedExampleOfAListIsWhatTheLogWrites) {
  std::ifstream file(ONCE_DOCS "/log-format.md");
  std::stringstream text;
  text << file.rdbuf();
  const auto range = [](uint64_t first, uint64_t last, uint64_t last_blocks) {
    return NeededRange{Generation{first}, Generation{last}, last_blocks};
  };
  const std::string list =
      hex_of(encode_needed({range(1, 1, 255), range(3, 4, 20'000), range(6, 6, 100)}));
  EXPECT_NE(text.str().find("\n" + list + "\n"), std::string::npos) << list;
}

}  // namespace
}  // namespace once::wal
