// The data directory: what format makes, what open refuses, and that a refusal changes nothing.
#include "server/data_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/hash.h"
#include "base/limits.h"
#include "tests/unit/reactor/fake_file_io.h"
#include "wal/log.h"
#include "wal/posix_storage.h"

namespace once::server {
namespace data_directory_test {

class DataDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = directory_.path() + "/deep/node1";
    configuration_.cluster = *parse_cluster_id("c0ffee");
    configuration_.node = NodeId{1};
    configuration_.segment_bytes = 1024 * 1024;
    configuration_.members = *parse_members("2=b:2,1=a:1,3=[::1]:3");
  }
  void format() { ASSERT_TRUE(DataDirectory::format(path_, configuration_, false)); }
  std::string content(const std::string& name) {
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(path_ + "/" + name, std::ios::binary | std::ios::trunc) << text;
  }
  void expect_refused(const std::string& word) {
    auto opened = DataDirectory::open(path_);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find(word), std::string::npos) << opened.error().message;
  }
  // As the kernel holds it whose last write has not returned; closed, it is free.
  int lock_for_one_that_has_ended() {
    const pid_t gone = fork();
    if (gone == 0) _exit(0);
    EXPECT_EQ(waitpid(gone, nullptr, 0), gone);
    write("lock", std::to_string(gone) + "\n");
    const int held = ::open((path_ + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(flock(held, LOCK_EX), 0);
    return held;
  }
  static std::string sealed(const std::string& text) {
    char line[64];
    std::snprintf(line, sizeof line, "checksum=%016lx\n", checksum(text.data(), text.size()));
    return text + line;
  }

  TemporaryDirectory directory_;
  std::string path_;
  Configuration configuration_;
};

TEST_F(DataDirectoryTest, WhatWasFormattedIsRead) {
  format();
  auto opened = DataDirectory::open(path_);
  ASSERT_TRUE(opened) << opened.error().message;
  const Configuration& read = (*opened)->configuration();
  EXPECT_EQ(read.cluster, configuration_.cluster);
  EXPECT_EQ(read.cluster.low, 0xc0ffeeu);
  EXPECT_EQ(read.node, NodeId{1});
  EXPECT_EQ(read.epoch, 1u);
  EXPECT_EQ(read.shard_count, kShardCount);
  EXPECT_EQ(read.segment_bytes, 1024u * 1024);
  EXPECT_EQ(read.members, configuration_.members);
  EXPECT_EQ(read.members[0].first, NodeId{2});
  EXPECT_NE(read.hash_seed, 0u);
  EXPECT_NE(read.disk, DiskId{});
  EXPECT_EQ((*opened)->path(), path_);
  EXPECT_EQ(content("lock"), std::to_string(getpid()) + "\n");
}

TEST_F(DataDirectoryTest, MembersShareTheSeedAndNeverTheDisk) {
  format();
  auto one = DataDirectory::read_configuration(path_);
  path_ += "-other";
  configuration_.node = NodeId{2};
  format();
  auto two = DataDirectory::read_configuration(path_);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->hash_seed, two->hash_seed);
  EXPECT_NE(one->disk, two->disk);
}

TEST_F(DataDirectoryTest, TheFirstLogSegmentIsThere) {
  format();
  auto read = DataDirectory::read_configuration(path_);
  ASSERT_TRUE(read);
  wal::LogOptions options;
  options.directory = path_;
  options.segment_bytes = read->segment_bytes;
  wal::PosixStorage storage(false);
  EXPECT_TRUE(wal::recover(storage, {read->cluster, read->node, read->disk}, options,
                           [](auto, auto, auto&) {}));
}

TEST_F(DataDirectoryTest, FormatRefusesADirectoryThatIsNotEmpty) {
  format();
  std::string before = content("identity");
  auto again = DataDirectory::format(path_, configuration_, false);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("not empty"), std::string::npos);
  EXPECT_EQ(content("identity"), before);
}

TEST_F(DataDirectoryTest, FormatRefusesANodeThatIsNoMember) {
  configuration_.node = NodeId{9};
  EXPECT_FALSE(DataDirectory::format(path_, configuration_, false));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(DataDirectoryTest, AFailedFormatLeavesAnEmptyDirectory) {
  configuration_.segment_bytes = 4097;
  EXPECT_FALSE(DataDirectory::format(path_, configuration_, false));
  EXPECT_TRUE(std::filesystem::is_empty(path_));
}

// As a kill leaves it. It may be a node's that lost its identity, so nothing is cleared up.
TEST_F(DataDirectoryTest, AFormatThatDidNotEndIsTold) {
  format();
  for (const char* last : {"identity", "streams", "peers", "lock"}) {
    std::filesystem::remove(path_ + "/" + last);
    write("streams.tmp", "half");
    const auto again = DataDirectory::format(path_, configuration_, false);
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find("that did not end: delete the directory"),
              std::string::npos)
        << again.error().message;
    EXPECT_TRUE(std::filesystem::exists(path_ + "/log-0-1.seg"));
  }
  write("log-0-2.seg", "a node ran here");
  const auto of_a_node = DataDirectory::format(path_, configuration_, false);
  ASSERT_FALSE(of_a_node);
  EXPECT_NE(of_a_node.error().message.find("is not empty; format a new"), std::string::npos);
}

TEST_F(DataDirectoryTest, OpenRefusesWhatIsMissingOrNotFormatted) {
  expect_refused("onced format");
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::filesystem::create_directories(path_);
  expect_refused("not formatted");
  EXPECT_TRUE(std::filesystem::is_empty(path_));
}

TEST_F(DataDirectoryTest, OpenRefusesADamagedIdentity) {
  format();
  std::string text = content("identity");
  for (size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] ^= 1;
    write("identity", damaged);
    ASSERT_FALSE(DataDirectory::open(path_)) << at;
  }
  write("identity", text.substr(0, text.size() / 2));
  expect_refused("damaged");
  write("identity", "");
  expect_refused("damaged");
}

TEST_F(DataDirectoryTest, OpenRefusesANewerFormat) {
  format();
  write("identity", sealed("format=3\nsomething=else\n"));
  expect_refused("has format 3, this program reads format 2; start a newer onced");
}

// Also when nothing but the version is old: what it says of the members had another meaning.
TEST_F(DataDirectoryTest, OpenRefusesAnOlderFormatAndSaysWhatToDo) {
  format();
  const std::string now = content("identity");
  const size_t end = now.find("checksum=");
  ASSERT_EQ(now.substr(0, 9), "format=2\n");
  write("identity", sealed("format=1\n" + now.substr(9, end - 9)));
  expect_refused(
      "identity has format 1 of an older release, this program reads format 2: use that release "
      "to read what is there, or format all nodes of a new cluster in empty directories");
  EXPECT_FALSE(DataDirectory::read_configuration(path_));
}

// The order in which members are given is that of the slots, and is kept.
TEST_F(DataDirectoryTest, TheOrderOfTheMembersIsKept) {
  for (const std::string members :
       {"1=a:1,2=b:2,3=c:3", "4=d:4,1=a:1,3=c:3", "3=c:3,2=b:2,1=a:1"}) {
    path_ += "-other";
    configuration_.members = *parse_members(members);
    format();
    EXPECT_NE(content("identity").find("\nmembers=" + members + "\n"), std::string::npos);
    const auto read = DataDirectory::read_configuration(path_);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->members, configuration_.members);
  }
  EXPECT_FALSE(parse_members("2=b:2,1=a:1,2=c:3"));
}

TEST_F(DataDirectoryTest, OneProcessAtATime) {
  format();
  {
    auto first = DataDirectory::open(path_);
    ASSERT_TRUE(first);
    expect_refused("in use by process " + std::to_string(getpid()));
    EXPECT_TRUE(DataDirectory::read_configuration(path_));
  }
  EXPECT_TRUE(DataDirectory::open(path_));
}

// Of a process that was killed while its last write stalled, the kernel gives the lock up late: the
// start behind it waits for that, longer than it would for one that lives.
TEST_F(DataDirectoryTest, ALockWithoutAProcessIsWaitedFor) {
  format();
  const int held = lock_for_one_that_has_ended();
  std::thread freed([held] {
    std::this_thread::sleep_for(std::chrono::milliseconds(3500));
    ::close(held);
  });
  const auto opened = DataDirectory::open(path_);
  freed.join();
  EXPECT_TRUE(opened) << opened.error().message;
}

// But not for ever: where the disk hangs, somebody has to be told.
TEST_F(DataDirectoryTest, ALockWithoutAProcessIsWaitedForTwoMinutes) {
  EXPECT_EQ(LockPatience{}.tries * LockPatience::kPause, std::chrono::seconds(2));
  EXPECT_EQ(LockPatience{}.orphaned_tries * LockPatience::kPause, std::chrono::minutes(2));
  format();
  const int held = lock_for_one_that_has_ended();
  std::atomic<bool> refused = false;
  std::thread freed([&] {
    for (int n = 0; n < 200 && !refused; ++n) std::this_thread::sleep_for(LockPatience::kPause);
    ::close(held);
  });
  const auto opened = DataDirectory::open(path_, {}, {.tries = 2, .orphaned_tries = 4});
  refused = true;
  freed.join();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("see whether the disk hangs"), std::string::npos)
      << opened.error().message;
}

TEST_F(DataDirectoryTest, PeersAreRememberedAndAnotherDiskIsRefused) {
  format();
  DiskId disk{{7, 8}};
  {
    auto opened = DataDirectory::open(path_);
    ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)->check_peer_disk(NodeId{2}, disk), "");
    EXPECT_EQ((*opened)->check_peer_disk(NodeId{2}, disk), "");
    EXPECT_EQ((*opened)->check_peer_disk(NodeId{3}, DiskId{{1, 1}}), "");
    EXPECT_NE((*opened)->check_peer_disk(NodeId{0}, disk), "");
  }
  auto opened = DataDirectory::open(path_);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->check_peer_disk(NodeId{2}, disk), "");
  EXPECT_EQ((*opened)->check_peer_disk(NodeId{2}, DiskId{{7, 9}}),
            "node 2 has another disk than before (00000000000000070000000000000009, known: "
            "00000000000000070000000000000008): its data directory was lost or replaced. It must "
            "not vote, and it cannot be replaced yet (see A lost disk in docs/deploy.md)");
}

TEST_F(DataDirectoryTest, OpenRefusesDamagedOrMissingPeers) {
  format();
  write("peers", "2=7\n");
  expect_refused("damaged");
  std::filesystem::remove(path_ + "/peers");
  expect_refused("peers");
}

TEST(ParseMembers, RefusesWhatIsNotAList) {
  for (const char* text : {"", ",", "1", "1=", "1=host", "1=host:", "1=:5", "1=h:0", "1=h:65536",
                           "0=h:1", "16=h:1", "x=h:1", "1=h:1,", "1=h:1,1=g:2", "1=h:1 ,2=g:2"}) {
    EXPECT_FALSE(parse_members(text)) << text;
  }
}

TEST_F(DataDirectoryTest, AFileIsSaidToBeNoDirectory) {
  for (const char* content : {"", "something"}) {
    const std::string file = directory_.path() + "/file";
    std::ofstream(file) << content;
    const auto formatted = DataDirectory::format(file, configuration_, false);
    const auto opened = DataDirectory::open(file);
    const auto read_from = DataDirectory::read_configuration(file);
    ASSERT_FALSE(formatted || opened || read_from);
    for (const std::string& said :
         {formatted.error().message, opened.error().message, read_from.error().message}) {
      EXPECT_NE(said.find(file + " is not a directory"), std::string::npos) << said;
    }
    std::ifstream kept(file);
    std::string read;
    kept >> read;
    EXPECT_EQ(read, content);
  }
}

// What is wrong is said, and nothing else.
TEST(ParseMembers, TheWrongPartIsNamed) {
  const std::pair<const char*, const char*> slips[] = {
      {"1=10.0.0.1:99999", "its address has the port 99999, and ports go from 1 to 65535"},
      {"1=10.0.0.1:0", "the port 0"},
      {"1=10.0.0.1", "no port"},
      {"1=", "neither a host nor a port"},
      {"1=:7501", "no host"},
      {"1=h:1, 2=g:2", "a blank"},
      {"1=h :1", "a blank"}};
  for (const auto& [text, words] : slips) {
    const auto members = parse_members(text);
    ASSERT_FALSE(members) << text;
    const std::string& message = members.error().message;
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_EQ(message.find("1..15"), std::string::npos) << "the number is right: " << message;
  }
  for (const char* text : {"0=h:1", "16=h:1", "x=h:1", "h:1"}) {
    EXPECT_NE(parse_members(text).error().message.find("NODE in 1..15"), std::string::npos) << text;
  }
}

// It can never be changed, and a start would wait for it for ever.
TEST(CheckMemberList, RefusesWhatCanNeverBeAnAddress) {
  const std::pair<const char*, const char*> slips[] = {
      {"10.0.0.300:7501", "a host that is no IPv4 address"},
      {"http://10.0.0.1:7501", "a scheme"},
      {"::1:7501", "an IPv6 address without its brackets"},
      {"10.0.0.1:7501:7501", "':' in the host"},
      {"/tmp/x:7501", "'/' in the host"}};
  for (const auto& [address, words] : slips) {
    const std::string text = std::string("1=h:1,2=") + address + ",3=i:1";
    const auto members = parse_members(text);
    ASSERT_TRUE(members) << text << ": directories of earlier releases are read as they are";
    const auto checked = check_member_list(*members);
    ASSERT_FALSE(checked) << text;
    EXPECT_NE(checked.error().message.find(address), std::string::npos);
    EXPECT_NE(checked.error().message.find(words), std::string::npos) << checked.error().message;
  }
  EXPECT_TRUE(check_member_list(*parse_members("1=node-1.example:7501,2=[fd00::1]:7501,3=n_3:1")));
}

TEST(CheckMemberList, RefusesOneAddressTwiceHoweverItIsWritten) {
  for (const char* text : {"1=h:1,2=h:1", "1=h:1,2=g:1,3=h:1", "1=127.0.0.1:80,2=127.0.0.1:080",
                           "1=Host:1,2=hOST:1", "1=h:1,2=h.:1", "1=[::A]:1,2=[::a]:1"}) {
    const auto members = parse_members(text);
    ASSERT_TRUE(members) << text;
    EXPECT_FALSE(check_member_list(*members)) << text;
  }
  for (const char* text : {"1=h:1", "1=h:1,2=h:2,3=h:3", "1=h:1,2=g:1,3=i:1"}) {
    const auto checked = check_member_list(*parse_members(text));
    ASSERT_TRUE(checked) << text;
    EXPECT_EQ(*checked, "") << text;
  }
  EXPECT_NE(check_member_list(*parse_members("1=h:1,2=h:2"))->find("2 nodes survive the loss of 0"),
            std::string::npos);
  EXPECT_NE(check_member_list(*parse_members("1=h:1,2=h:2,3=h:3,5=h:5"))->find("no more than 3"),
            std::string::npos);
}

// The others would dial themselves, or nobody.
TEST(ParseMembers, EachMustBeDialled) {
  for (const char* text : {"1=0.0.0.0:7501,2=h:1,3=i:1", "1=h:1,2=[::]:7501,3=i:1", "1=*:7501",
                           "1=h:1,2=[::0]:7501", "1=0:7501", "1=224.0.0.1:7501"}) {
    const auto members = parse_members(text);
    ASSERT_TRUE(members) << text;
    const auto checked = check_member_list(*members);
    ASSERT_FALSE(checked) << text;
    EXPECT_NE(checked.error().message.find("--cluster"), std::string::npos);
    EXPECT_NE(checked.error().message.find("=HOST:7501"), std::string::npos)
        << checked.error().message;
  }
}

TEST(ParseClusterId, TakesUpTo32HexDigits) {
  EXPECT_EQ(parse_cluster_id("0123456789abcdef0123456789ABCDEF")->high, 0x0123456789abcdefu);
  EXPECT_EQ(parse_cluster_id("1ffffffffffffffff")->high, 1u);
  for (const char* text : {"", "g", "0x1", "-1", "000000000000000000000000000000001"}) {
    EXPECT_FALSE(parse_cluster_id(text)) << text;
  }
}

}  // namespace data_directory_test
}  // namespace once::server
