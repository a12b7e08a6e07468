// A data directory is for its owner alone, and nobody else can put another one in its place.
#include "server/directory_access.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "server/data_directory.h"
#include "tests/unit/reactor/fake_file_io.h"

namespace once::server {
namespace directory_access_test {

namespace fs = std::filesystem;

constexpr uid_t kSomebody = 54321;

class DirectoryAccessTest : public testing::Test {
 protected:
  DirectoryAccessTest() { unsetenv("SUDO_UID"); }
  ~DirectoryAccessTest() override { umask(umask_); }

  static mode_t mode_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  void set_mode(const std::string& path, mode_t mode) { EXPECT_EQ(chmod(path.c_str(), mode), 0); }
  void format() {
    Configuration configuration;
    configuration.cluster = *parse_cluster_id("5eed");
    configuration.node = NodeId{1};
    configuration.segment_bytes = 1024 * 1024;
    configuration.members = *parse_members("1=a:1");
    const auto made = DataDirectory::format(path_, configuration, false);
    ASSERT_TRUE(made) << made.error().message;
  }
  void expect_all_private() {
    EXPECT_EQ(mode_of(path_), 0700u);
    for (const auto& file : fs::directory_iterator(path_)) {
      EXPECT_EQ(mode_of(file.path()), 0600u) << file.path();
    }
  }
  // By format and by start alike.
  void expect_refused(const std::string& where, const std::string& word) {
    const auto checked = check_path(path_);
    ASSERT_FALSE(checked);
    for (const std::string& part : {where, word}) {
      EXPECT_NE(checked.error().message.find(part), std::string::npos) << checked.error().message;
    }
    const auto opened = DataDirectory::open(path_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message, checked.error().message);
    EXPECT_FALSE(DataDirectory::format(path_, {}, false));
  }
  bool open(std::string* said) {
    const auto opened = DataDirectory::open(path_, [&](std::string_view line) {
      *said += line;
      *said += '\n';
    });
    return opened.has_value();
  }

  const mode_t umask_ = umask(022);
  TemporaryDirectory directory_;
  const std::string above_ = directory_.path() + "/above";
  const std::string path_ = above_ + "/node";
};

TEST_F(DirectoryAccessTest, WhatFormatMakesIsPrivateWhateverTheUmask) {
  for (const mode_t mask : {0, 022, 027, 077}) {
    SCOPED_TRACE(mask);
    umask(mask);
    format();
    umask(022);
    expect_all_private();
    EXPECT_EQ(mode_of(above_) & 022, 0u) << "what is made above it cannot be changed by others";
    std::string said;
    EXPECT_TRUE(open(&said));
    EXPECT_EQ(said, "");
    fs::remove_all(above_);
  }
}

TEST_F(DirectoryAccessTest, AnEmptyDirectoryThatIsOursIsMadePrivate) {
  fs::create_directories(path_);
  set_mode(path_, 0777);
  format();
  expect_all_private();
}

TEST_F(DirectoryAccessTest, OneOfAnEarlierVersionIsMadePrivateAtStartAndSaidSoOnce) {
  format();
  set_mode(path_, 0755);
  set_mode(path_ + "/log-0-1.seg", 0640);
  set_mode(path_ + "/peers", 0604);
  fs::create_symlink("/etc/hostname", path_ + "/link");
  const mode_t elsewhere = mode_of("/etc/hostname");
  std::string said;
  EXPECT_TRUE(open(&said));
  EXPECT_NE(said.find("mode 0755, 2 files"), std::string::npos) << said;
  EXPECT_EQ(said.find('\n'), said.size() - 1) << "one line";
  EXPECT_EQ(mode_of("/etc/hostname"), elsewhere);
  fs::remove(path_ + "/link");
  expect_all_private();
  said.clear();
  EXPECT_TRUE(open(&said));
  EXPECT_EQ(said, "");
  set_mode(path_, 0777);  // ours: mended too
  EXPECT_TRUE(open(&said));
  expect_all_private();
  set_mode(path_ + "/streams", 0666);  // in a directory that nobody else could enter
  EXPECT_TRUE(open(&said));
  expect_all_private();
}

TEST_F(DirectoryAccessTest, AParentThatOthersCanWriteIsRefused) {
  format();
  std::vector<mode_t> modes = {0777, 0757, 0702};
  // Of another user the group may be his alone; root's never counts as that.
  if (geteuid() == 0) modes.insert(modes.end(), {0775, 0720});
  for (const mode_t mode : modes) {
    set_mode(above_, mode);
    expect_refused(above_ + ", on the path of " + path_, "can be written by others");
    set_mode(above_, mode | S_ISVTX);  // others cannot rename what is not theirs
    EXPECT_TRUE(check_path(path_));
  }
  set_mode(above_, 0755);
  EXPECT_TRUE(check_path(path_));
  EXPECT_TRUE(check_path(path_ + "/"));
  EXPECT_TRUE(check_path(path_ + "/not/there/yet"));
  set_mode(above_, 0777);
  EXPECT_FALSE(check_path(path_ + "/"));
  EXPECT_FALSE(check_path(path_ + "/../node"));
  EXPECT_FALSE(check_path(path_ + "/not/there/yet"));
}

TEST_F(DirectoryAccessTest, TheWayBehindALinkCountsToo) {
  const std::string other = directory_.path() + "/other";
  fs::create_directories(other + "/real");
  fs::create_directories(above_);
  fs::create_directory_symlink(other + "/real", path_);
  EXPECT_TRUE(check_path(path_));
  set_mode(other, 0777);
  const auto checked = check_path(path_);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find(other), std::string::npos) << checked.error().message;
  set_mode(other, 0755);
  set_mode(above_, 0777);  // the link itself can be replaced
  EXPECT_FALSE(check_path(path_));
}

TEST_F(DirectoryAccessTest, WhatBelongsToSomebodyElseIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  format();
  ASSERT_EQ(chown(path_.c_str(), kSomebody, 0), 0);
  expect_refused(path_, "belongs to user 54321");
  // To give the directory to root would take it from the node that runs as its owner.
  expect_refused(path_, "run it as its owner, `sudo -u '#54321' onced ...`");
  EXPECT_EQ(check_path(path_).error().message.find("give a"), std::string::npos);
  ASSERT_EQ(chown(above_.c_str(), kSomebody, 0), 0);
  expect_refused(above_ + ", on the path of", "run it as its owner, `sudo -u '#54321' onced ...`");
  const auto not_there = check_path(above_ + "/new");
  ASSERT_FALSE(not_there);
  EXPECT_NE(not_there.error().message.find("onced ...`, or give another"), std::string::npos)
      << not_there.error().message;
  ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
  expect_refused(above_, "belongs to user 54321");
  expect_refused(above_, "give a directory that only its owner and root can change");
  if (getpwuid(65534) != nullptr) {
    ASSERT_EQ(chown(path_.c_str(), 65534, 0), 0);
    ASSERT_EQ(chown(above_.c_str(), 0, 0), 0);
    expect_refused(path_, std::string("`sudo -u ") + getpwuid(65534)->pw_name + " onced ...`");
    ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
    ASSERT_EQ(chown(above_.c_str(), kSomebody, 0), 0);
  }
  setenv("SUDO_UID", "54321", 1);  // his own command, with other rights
  EXPECT_TRUE(check_path(path_));
  setenv("SUDO_UID", "54322", 1);
  EXPECT_FALSE(check_path(path_));
  unsetenv("SUDO_UID");
}

}  // namespace directory_access_test
}  // namespace once::server
