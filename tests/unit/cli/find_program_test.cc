#include "cli/commands/find_program.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace once::client {
namespace find_program_test {

namespace fs = std::filesystem;

struct FindProgram : testing::Test {
  FindProgram() {
    for (const char* folder : {"a", "b", "c"}) fs::create_directories(root / folder);
    put("a/plain", fs::perms::owner_read);
    put("b/plain", fs::perms::owner_read | fs::perms::owner_exec);
    put("a/only-plain", fs::perms::owner_read);
    fs::create_directories(root / "a/folder");
    put("c/tool", fs::perms::owner_read | fs::perms::owner_exec);
    setenv("PATH", (in("a") + ":" + in("b") + ":" + in("missing") + ":" + in("c")).c_str(), 1);
  }
  ~FindProgram() override {
    fs::current_path(before);
    setenv("PATH", path.c_str(), 1);
    fs::remove_all(root);
  }
  void put(const std::string& name, fs::perms perms) {
    std::ofstream(root / name) << "#!/bin/sh\n";
    fs::permissions(root / name, perms);
  }
  std::string in(const std::string& name) const { return (root / name).string(); }

  const fs::path root = fs::path(testing::TempDir()) / ("find-program-" + std::to_string(getpid()));
  const fs::path before = fs::current_path();
  const std::string path = std::getenv("PATH");
};

TEST_F(FindProgram, LooksThroughThePathToItsEnd) {
  EXPECT_EQ(why_no_program("tool"), 0) << "in the last folder";
  EXPECT_EQ(why_no_program("plain"), 0) << "the second one may be executed";
  EXPECT_EQ(why_no_program("nothing"), ENOENT);
  EXPECT_EQ(why_no_program(""), ENOENT);
  EXPECT_EQ(why_no_program("only-plain"), EACCES);
  EXPECT_EQ(why_no_program("folder"), EACCES);
}

TEST_F(FindProgram, TakesWhatHasASlashAsItIs) {
  EXPECT_EQ(why_no_program(in("c/tool")), 0);
  EXPECT_EQ(why_no_program(in("a/plain")), EACCES);
  EXPECT_EQ(why_no_program(in("a/folder")), EACCES);
  EXPECT_EQ(why_no_program(in("c/nothing")), ENOENT);
  EXPECT_EQ(why_no_program(in("c/tool/more")), ENOTDIR);
  fs::current_path(root);
  EXPECT_EQ(why_no_program("c/tool"), 0);
  EXPECT_EQ(why_no_program("./tool"), ENOENT) << "not by PATH";
}

TEST_F(FindProgram, AnEmptyFolderIsThisOneAndNoPathIsThatOfTheSystem) {
  fs::current_path(root / "c");
  for (const char* one : {":/nowhere", "/nowhere:", "/nowhere::/nowhere", ""}) {
    setenv("PATH", one, 1);
    EXPECT_EQ(why_no_program("tool"), 0) << one;
  }
  setenv("PATH", "/nowhere", 1);
  EXPECT_EQ(why_no_program("tool"), ENOENT);
  EXPECT_EQ(why_no_program("sh"), ENOENT);
  unsetenv("PATH");
  EXPECT_EQ(why_no_program("sh"), 0);
  EXPECT_EQ(why_no_program("tool"), ENOENT);
}

}  // namespace find_program_test
}  // namespace once::client
