// Whose group may write above a data directory: the one that has its owner as its only member. The
// lists of users and groups are the test's.
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "server/directory_access.h"
#include "tests/unit/reactor/fake_file_io.h"

namespace {

constexpr uid_t kUser = 54321;
constexpr gid_t kGroup = 54322;
char user_name[] = "me", other_name[] = "you";
gid_t group_of_user = kGroup;
char* group_name = user_name;
char* member_list[3] = {};

}  // namespace

// These stand before the C library's, for this program only.
extern "C" {
passwd* getpwuid(uid_t user) {
  static passwd found{};
  found.pw_name = user_name;
  found.pw_uid = user;
  found.pw_gid = group_of_user;
  return user == kUser ? &found : nullptr;
}
group* getgrgid(gid_t id) {
  static group found{};
  found.gr_name = group_name;
  found.gr_gid = id;
  found.gr_mem = member_list;
  return id == kGroup ? &found : nullptr;
}
}

namespace once::server {
namespace {

class PrivateGroup : public testing::Test {
 protected:
  PrivateGroup() {
    setenv("SUDO_UID", std::to_string(kUser).c_str(), 1);
    group_of_user = kGroup;
    group_name = user_name;
    std::fill(std::begin(member_list), std::end(member_list), nullptr);
    std::filesystem::create_directories(above_);
    EXPECT_EQ(chmod(above_.c_str(), 0775), 0);
    EXPECT_EQ(chown(above_.c_str(), kUser, kGroup), 0);
  }
  bool may_write() const { return check_path(above_ + "/node").has_value(); }

  TemporaryDirectory directory_;
  const std::string above_ = directory_.path() + "/above";
};

TEST_F(PrivateGroup, IsNobodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  EXPECT_TRUE(may_write()) << "nobody is listed beside whose first group it is";
  member_list[0] = user_name;
  EXPECT_TRUE(may_write());
}

TEST_F(PrivateGroup, IsNoneOnceAnotherIsInIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  member_list[0] = other_name;
  EXPECT_FALSE(may_write());
  member_list[0] = user_name;
  member_list[1] = other_name;
  EXPECT_FALSE(may_write());
}

TEST_F(PrivateGroup, IsNoOtherGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  group_of_user = kGroup + 1;
  EXPECT_FALSE(may_write()) << "not the user's first";
  group_of_user = kGroup;
  group_name = other_name;
  EXPECT_FALSE(may_write()) << "of another name";
}

}  // namespace
}  // namespace once::server
