// A run that is written down: it comes back as it was, and whatever is not one is refused.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/sim/run.h"
#include "tests/sim/trace.h"
#include "wal/block_format.h"

namespace once::sim {
namespace trace_test {

Options short_run(uint64_t seed) {
  Options options;
  options.seed = seed;
  options.seconds = 2;
  return options;
}

class TraceTest : public testing::Test {
 protected:
  TraceTest() {
    TraceWriter writer(short_run(5));
    writer.line("one");
    writer.line("two");
    EXPECT_TRUE(writer.save(path_, 0xabc));
    std::ifstream in(path_);
    text_.assign(std::istreambuf_iterator<char>(in), {});
  }
  ~TraceTest() override { std::filesystem::remove(path_); }
  std::string why_refused(const std::string& text) {
    std::ofstream(path_) << text;
    const auto trace = read_trace(path_);
    return trace ? "" : trace.error().message;
  }
  std::string changed(const std::string& from, const std::string& to) {
    std::string text = text_;
    return text.replace(text.find(from), from.size(), to);
  }
  // With a checksum that fits.
  std::string sealed(std::string text) {
    text.resize(text.rfind("\nend ") + 1);
    const uint64_t sum = checksum(text.data(), text.size());
    return text + fmt::format("end lines=2 hash=abc checksum={:016x}\n", sum);
  }
  const std::string path_ = testing::TempDir() + "once-sim-trace-" + std::to_string(::getpid());
  std::string text_;
};

TEST_F(TraceTest, GivesBackWhatWasWritten) {
  const auto trace = read_trace(path_);
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->options.seed, 5u);
  EXPECT_EQ(trace->options.seconds, 2);
  EXPECT_EQ(trace->lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(trace->hash, 0xabcu);
}

TEST_F(TraceTest, RefusesWhatIsNoTraceOrOldOrDamagedWithTheReason) {
  EXPECT_NE(why_refused("").find("is no trace"), std::string::npos);
  EXPECT_NE(why_refused(changed("trace 1", "trace 2")).find("format 2"), std::string::npos);
  EXPECT_NE(why_refused(changed("one", "won")).find("checksum"), std::string::npos);
  EXPECT_NE(why_refused(text_.substr(0, text_.size() - 20)).find("cut off"), std::string::npos);
  EXPECT_NE(why_refused(changed("seed=5", "seed=x")).find("second line"), std::string::npos);
  const std::string build = fmt::format("build={:016x}", build_id());
  const std::string old = sealed(changed(build, "build=0000000000000001"));
  EXPECT_NE(why_refused(old).find("is old"), std::string::npos) << why_refused(old);
}

TEST_F(TraceTest, TellsTheFirstLineThatDiffers) {
  const auto trace = read_trace(path_);
  ASSERT_TRUE(trace);
  TraceComparer same(*trace), other(*trace), shorter(*trace);
  same.line("one"), same.line("two");
  EXPECT_EQ(same.difference(0xabc), "");
  EXPECT_NE(same.difference(0xabd).find("another hash"), std::string::npos);
  other.line("one"), other.line("three");
  EXPECT_NE(other.difference(0xabc).find("line 2 differs"), std::string::npos);
  shorter.line("one");
  EXPECT_NE(shorter.difference(0xabc).find("goes on"), std::string::npos);
}

}  // namespace trace_test
}  // namespace once::sim
