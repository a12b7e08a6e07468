// What every program of tests begins with. --from=NAME: of the sources that it is made of, only the
// tests of NAME.cc, and of them those that --gtest_filter leaves. Exit code 2 if there is no such
// test, or if an argument means nothing.
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kFrom = "--from=";

// Of patterns between colons, as GoogleTest has them.
bool is_like_one_of(std::string_view patterns, const std::string& name) {
  while (true) {
    const size_t end = std::min(patterns.find(':'), patterns.size());
    const std::string pattern(patterns.substr(0, end));
    if (fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0) return true;
    if (end == patterns.size()) return false;
    patterns.remove_prefix(end + 1);
  }
}

// A filter: what to run, and, behind a minus sign, what not.
bool passes(std::string_view filter, const std::string& name) {
  const size_t minus = filter.find('-');
  const std::string_view wanted = filter.substr(0, minus);
  if (!wanted.empty() && !is_like_one_of(wanted, name)) return false;
  return minus == std::string_view::npos || !is_like_one_of(filter.substr(minus + 1), name);
}

template <class Visit>
void each_test(Visit visit) {
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const testing::TestInfo& test = *suite.GetTestInfo(j);
      visit(std::filesystem::path(test.file()).stem().string(),
            std::string(suite.name()) + "." + test.name());
    }
  }
}

// Whether there is anything to run.
bool choose_tests_of(const std::string& wanted) {
  const std::string filter = testing::GTEST_FLAG(filter);
  std::set<std::string> sources;
  std::string chosen;
  each_test([&](const std::string& source, const std::string& name) {
    sources.insert(source);
    if (source == wanted && passes(filter, name)) chosen += name + ":";
  });
  if (!chosen.empty()) {
    testing::GTEST_FLAG(filter) = chosen;
    return true;
  }
  if (sources.contains(wanted)) {
    std::fprintf(stderr, "no test of %s.cc is like %s\n", wanted.c_str(), filter.c_str());
    return false;
  }
  std::fprintf(stderr, "no test is from %s.cc; they are from", wanted.c_str());
  for (const std::string& source : sources) std::fprintf(stderr, " %s", source.c_str());
  std::fprintf(stderr, "\n");
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kFrom)) {
      std::fprintf(stderr, "unknown argument: %s\n", argv[i]);
      return 2;
    }
    if (!choose_tests_of(std::string(argument.substr(kFrom.size())))) return 2;
  }
  return RUN_ALL_TESTS();
}
