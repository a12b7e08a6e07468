// The file form: what is written reads back, and everything else is refused with the line it is in.
#include "tests/check/history_file.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/check/simulated.h"

namespace once::check {
namespace history_file_test {

std::string text_of(const History& history) {
  std::ostringstream out;
  write_history(history, out);
  return out.str();
}

Result<History> read_text(const std::string& text) {
  std::istringstream in(text);
  return read_history(in);
}

std::string error_of(const std::string& text) {
  const Result<History> history = read_text(text);
  return history ? "(none)" : history.error().message;
}

std::string error_of_line(const std::string& line) {
  const Result<Call> call = parse_line(line);
  return call ? "(none)" : call.error().message;
}

TEST(HistoryFile, ReadsBackWhatItWrote) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    History history = SimulatedRegister(seed).run(20);
    history[0].name = std::string("\0 %\xff\n=a", 7);
    history[1].name = "";
    const std::string text = text_of(history);
    const Result<History> read = read_text(text);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), history.size());
    EXPECT_EQ((*read)[0].name, history[0].name);
    EXPECT_EQ(text_of(*read), text);
  }
}

TEST(HistoryFile, Format) {
  Call call;
  call.client = 3;
  call.action = Action::kWrite;
  call.name = "a b";
  call.id = request_id(1, 0xff);
  call.value = "mine";
  call.call_ns = 5;
  EXPECT_EQ(to_line(call),
            "3 write name=a%20b id=000000000000000100000000000000ff value=mine call=5 return=never "
            "unknown");
  call.return_ns = 9;
  call.outcome = Outcome::kAlreadySet;
  call.version = 1;
  call.sealed = true;
  call.writer = request_id(0, 2);
  EXPECT_EQ(to_line(call),
            "3 write name=a%20b id=000000000000000100000000000000ff value=mine call=5 return=9 "
            "already_set version=1 sealed=1 writer=00000000000000000000000000000002 result=");
}

TEST(HistoryFile, RefusesWhatIsNoHistory) {
  EXPECT_EQ(error_of(""), "line 1: not a history: it must begin with \"once-history 2\"");
  EXPECT_EQ(error_of("hello\n"), "line 1: not a history: it must begin with \"once-history 2\"");
  EXPECT_EQ(error_of("once-history 3\n"),
            "line 1: this is \"once-history%203\"; this program reads \"once-history 2\"");
  EXPECT_EQ(error_of("once-history 2\n"), "cut after 0 calls: the line \"end 0\" is missing");
  EXPECT_EQ(error_of("once-history 2\nend 0\n"), "(none)");
  EXPECT_EQ(error_of("once-history 2\nend 0"), "line 2: \"end%200\" after 0 calls");
  EXPECT_EQ(error_of("once-history 2\nend 1\n"), "line 2: \"end%201\" after 0 calls");
  EXPECT_EQ(error_of("once-history 2\nend 0\n\n"), "line 3: behind the end");
  EXPECT_EQ(error_of("once-history 2\n\nend 0\n"), "line 2: the client is missing");
}

TEST(HistoryFile, RefusesABadLineWithItsReason) {
  const std::string id = "000000000000000100000000000000ff";
  const std::string read = "3 read name=a call=5 return=9 ";
  EXPECT_EQ(error_of_line(read + "empty"), "(none)");
  EXPECT_EQ(error_of_line(read + "empty "), "\"\" behind the last field");
  EXPECT_EQ(error_of_line(read + "empty x"), "\"x\" behind the last field");
  EXPECT_EQ(error_of_line(read + "lost"), "unknown outcome \"lost\"");
  EXPECT_EQ(error_of_line(read + "done"), "version= is missing");
  EXPECT_EQ(error_of_line(read + "done version=1 sealed=2 writer=" + id + " result=x"),
            "sealed= is neither 0 nor 1");
  EXPECT_EQ(error_of_line(read + "done version=1 sealed=1 writer=ff result=x"),
            "writer=ff is not 32 hex digits");
  EXPECT_EQ(error_of_line("-1 read name=a call=5 return=9 empty"), "client \"-1\" is not a number");
  EXPECT_EQ(error_of_line("3 swap name=a call=5 return=9 empty"), "unknown operation \"swap\"");
  EXPECT_EQ(error_of_line("3 cas name=a id=" + id + " call=5 return=9 nothing"),
            "asked= is expected, not \"call=5\"");
  EXPECT_EQ(error_of_line("3 wait name=a asked=x call=5 return=9 nothing"),
            "asked=x is not a number");
  EXPECT_EQ(error_of_line("3 read  name=a call=5 return=9 empty"), "name= is missing");
  EXPECT_EQ(error_of_line("3 read name=%4 call=5 return=9 empty"),
            "name=%4 is not escaped as it should be");
  EXPECT_EQ(error_of_line("3 read name=%41 call=5 return=9 empty"),
            "name=%41 is not escaped as it should be");
  EXPECT_EQ(error_of_line("3 read name=a call=05 return=9 empty"), "call=05 is not a number");
  EXPECT_EQ(error_of_line("3 read name=a call=5 return=soon empty"),
            "return=soon is neither a number nor \"never\"");
  EXPECT_EQ(error_of_line("3 write name=a value=x call=5 return=9 nothing"),
            "id= is expected, not \"value=x\"");
}

TEST(HistoryFile, NamesTheFile) {
  const Result<History> missing = load_history("/nowhere/h");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "cannot open /nowhere/h: No such file or directory");
}

}  // namespace history_file_test
}  // namespace once::check
