// Who may vote: nobody before every other member has said, durably, that it knows this very disk.
#include "server/admission.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/server/formatted_directory.h"

namespace once::server {
namespace admission_test {

constexpr NodeId kOne{1}, kTwo{2}, kThree{3};

class AdmissionTest : public testing::Test {
 protected:
  void format(const std::string& members, uint16_t node = 1) {
    ASSERT_TRUE(format_directory(path_, members, node));
    start();
  }
  void start() {
    admission_.reset();
    data_.reset();
    auto opened = DataDirectory::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    data_ = std::move(*opened);
    disk_ = data_->configuration().disk;
    jobs_.clear();
    admission_ = std::make_unique<Admission>(
        *data_, [this](std::string_view line) { log_ += std::string(line) + "\n"; },
        [this](std::function<void()> job) {
          if (at_once_) return job();
          jobs_.push_back(std::move(job));
        });
    ASSERT_TRUE(admission_->open());
  }
  // What that node says: it knows `of_us` as our disk, or nothing of us.
  static net::PeerHello hello(NodeId from, const DiskId* of_us, uint64_t disk = 1) {
    net::PeerHello hello;
    hello.node = from;
    hello.disk = DiskId{{from.value, disk}};
    for (const NodeId node : {kOne, kTwo, kThree}) hello.members.add(node);
    if (of_us != nullptr) hello.known.set(kOne, *of_us);
    return hello;
  }
  net::Meeting take(const net::PeerHello& hello) {
    admission_->on_contact(hello);
    return admission_->meet(hello);
  }
  void do_jobs() {
    for (const auto& job : std::exchange(jobs_, {})) job();
  }
  bool logged(std::string_view text) const { return log_.find(text) != std::string::npos; }
  void block_file(const std::string& name) {  // nothing can be written under it
    std::filesystem::create_directories(path_ + "/" + name + ".tmp/x");
  }
  void unblock_file(const std::string& name) {
    std::filesystem::remove_all(path_ + "/" + name + ".tmp");
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/node";
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<Admission> admission_;
  DiskId disk_;
  std::string log_;
  bool at_once_ = true;  // else each write to the disk waits until do_jobs()
  std::vector<std::function<void()>> jobs_;
};

constexpr const char* kThreeMembers = "1=a:1,2=b:2,3=c:3";

TEST_F(AdmissionTest, VotesOnlyOnceEveryOtherMemberKnowsThisDisk) {
  format(kThreeMembers);
  EXPECT_FALSE(admission_->may_vote());
  EXPECT_TRUE(take(hello(kTwo, nullptr)).learned);
  EXPECT_TRUE(take(hello(kThree, nullptr)).learned);
  EXPECT_FALSE(admission_->may_vote()) << "this node knows them, but they do not know it";
  EXPECT_TRUE(take(hello(kTwo, &disk_)).learned);
  EXPECT_FALSE(take(hello(kTwo, &disk_)).learned) << "nothing new";
  EXPECT_TRUE(admission_->met_by(kTwo));
  EXPECT_FALSE(admission_->met_by(kThree));
  EXPECT_FALSE(admission_->may_vote()) << "one is missing";
  EXPECT_TRUE(take(hello(kThree, &disk_)).learned);
  EXPECT_TRUE(admission_->may_vote());
  start();
  EXPECT_TRUE(admission_->may_vote()) << "asked again by a later start";
}

TEST_F(AdmissionTest, AsksAgainAfterAStartThatWasNotLetIn) {
  format(kThreeMembers);
  take(hello(kTwo, &disk_));
  start();
  take(hello(kThree, &disk_));
  EXPECT_FALSE(admission_->may_vote());
  take(hello(kTwo, &disk_));
  EXPECT_TRUE(admission_->may_vote());
}

TEST_F(AdmissionTest, WhoKnowsAnotherDiskKeepsThisOneOutWhateverOthersSay) {
  format(kThreeMembers);
  const DiskId old{{7, 7}};
  const net::Meeting meeting = take(hello(kTwo, &old));
  EXPECT_NE(meeting.stranger, "");
  EXPECT_TRUE(logged("node 2 (b:2) knows another disk under number 1"));
  take(hello(kThree, &disk_));
  EXPECT_FALSE(admission_->may_vote());
  // A second disk of node 2, which knows nothing of the old one, changes nothing.
  EXPECT_NE(take(hello(kTwo, &disk_, 2)).stranger, "");
  EXPECT_FALSE(admission_->may_vote());
  admission_->on_tick(1);
  EXPECT_TRUE(logged("this disk is not let in: another disk is known under number 1 by node 2"));
}

// A stranger is not shown which disks are known: he is told that his is another.
TEST_F(AdmissionTest, WhoRefusesThisDiskKeepsItOutToo) {
  format(kThreeMembers);
  admission_->on_other_disk(kTwo);
  EXPECT_TRUE(logged("node 2 (b:2) knows another disk under number 1: this one is not let in"));
  take(hello(kTwo, &disk_));
  take(hello(kThree, &disk_));
  EXPECT_FALSE(admission_->may_vote());
}

// A contradiction counts whatever else is wrong with who tells of it.
TEST_F(AdmissionTest, AContactThatDoesNotFitIsHeardAllTheSame) {
  format(kThreeMembers);
  const DiskId old{{7, 7}};
  admission_->on_contact(hello(kTwo, &old));
  take(hello(kTwo, &disk_));
  take(hello(kThree, &disk_));
  EXPECT_FALSE(admission_->may_vote());
}

TEST_F(AdmissionTest, AnotherDiskOfAPeerGetsNoLinkButSpeaksForItsNumber) {
  format(kThreeMembers);
  EXPECT_EQ(take(hello(kTwo, nullptr)).stranger, "");
  const net::Meeting second = take(hello(kTwo, &disk_, 2));
  EXPECT_EQ(second.refusal, "");
  EXPECT_NE(second.stranger.find("another disk than before"), std::string::npos);
  EXPECT_TRUE(data_->known_disks().names(kTwo, DiskId{{2, 1}})) << "the first one stays known";
  take(hello(kThree, &disk_));
  EXPECT_TRUE(admission_->may_vote());
  EXPECT_NE(take(hello(kTwo, &disk_, 2)).stranger, "") << "also afterwards";
}

TEST_F(AdmissionTest, SaysNothingOfADiskThatItCouldNotWriteDown) {
  format(kThreeMembers);
  block_file("peers");
  EXPECT_NE(take(hello(kTwo, nullptr)).refusal, "");
  EXPECT_FALSE(data_->known_disks().nodes.has(kTwo));
  EXPECT_FALSE(admission_->met_by(kTwo));
  unblock_file("peers");
  EXPECT_EQ(take(hello(kTwo, nullptr)).refusal, "");
  EXPECT_TRUE(data_->known_disks().names(kTwo, DiskId{{2, 1}}));
}

TEST_F(AdmissionTest, DoesNotVoteBeforeThatIsWrittenDown) {
  format(kThreeMembers);
  block_file("standing");
  take(hello(kTwo, &disk_));
  take(hello(kThree, &disk_));
  EXPECT_FALSE(admission_->may_vote());
  EXPECT_TRUE(logged("cannot be remembered"));
  unblock_file("standing");
  take(hello(kThree, &disk_));
  EXPECT_TRUE(admission_->may_vote());
}

// A slow disk: whoever asks is not kept waiting.
TEST_F(AdmissionTest, ADiskThatIsBeingWrittenDownIsNotKnownYet) {
  format(kThreeMembers);
  at_once_ = false;
  EXPECT_TRUE(take(hello(kTwo, &disk_)).later);
  EXPECT_TRUE(take(hello(kTwo, &disk_)).later);
  EXPECT_TRUE(take(hello(kTwo, &disk_, 2)).later) << "another disk under that number";
  EXPECT_EQ(jobs_.size(), 1u) << "one for each member";
  EXPECT_FALSE(data_->known_disks().nodes.has(kTwo));
  EXPECT_FALSE(admission_->met_by(kTwo)) << "it may be another disk that is written down";
  EXPECT_TRUE(take(hello(kThree, nullptr)).later) << "others have a job of their own";
  EXPECT_EQ(jobs_.size(), 2u);
  do_jobs();
  EXPECT_TRUE(data_->known_disks().names(kTwo, DiskId{{2, 1}}));
  const net::Meeting again = take(hello(kTwo, &disk_));
  EXPECT_FALSE(again.later);
  EXPECT_TRUE(again.learned) << "that node 2 knows this disk";
  EXPECT_NE(take(hello(kTwo, &disk_, 2)).stranger, "") << "the first one is known";
  EXPECT_TRUE(jobs_.empty());
}

TEST_F(AdmissionTest, WhyADiskCouldNotBeWrittenDownIsToldAndItIsTriedAgain) {
  format(kThreeMembers);
  at_once_ = false;
  block_file("peers");
  EXPECT_TRUE(take(hello(kTwo, nullptr)).later);
  do_jobs();
  const net::Meeting told = take(hello(kTwo, nullptr));
  EXPECT_NE(told.refusal.find("the disk of node 2 cannot be remembered"), std::string::npos);
  EXPECT_TRUE(jobs_.empty());
  unblock_file("peers");
  EXPECT_TRUE(take(hello(kTwo, nullptr)).later);
  do_jobs();
  EXPECT_TRUE(data_->known_disks().names(kTwo, DiskId{{2, 1}}));
  EXPECT_FALSE(take(hello(kTwo, nullptr)).later);
}

TEST_F(AdmissionTest, DoesNotVoteWhileThatIsBeingWrittenDown) {
  format(kThreeMembers);
  take(hello(kTwo, &disk_));
  take(hello(kThree, nullptr));
  at_once_ = false;
  EXPECT_TRUE(take(hello(kThree, &disk_)).learned);
  EXPECT_EQ(jobs_.size(), 1u);
  EXPECT_FALSE(take(hello(kThree, &disk_)).learned) << "nobody hurries while it is written down";
  EXPECT_EQ(jobs_.size(), 1u);
  EXPECT_FALSE(admission_->may_vote());
  do_jobs();
  EXPECT_TRUE(admission_->may_vote());
  start();
  EXPECT_TRUE(admission_->may_vote());
}

TEST_F(AdmissionTest, WhatCouldNotBeWrittenDownIsWrittenAtTheNextHello) {
  format(kThreeMembers);
  take(hello(kTwo, &disk_));
  take(hello(kThree, nullptr));
  at_once_ = false;
  block_file("standing");
  take(hello(kThree, &disk_));
  do_jobs();
  EXPECT_FALSE(admission_->may_vote());
  unblock_file("standing");
  take(hello(kThree, &disk_));
  ASSERT_EQ(jobs_.size(), 1u);
  do_jobs();
  EXPECT_TRUE(admission_->may_vote());
}

TEST_F(AdmissionTest, WhoIsNotAloneVotesNoMoreBeforeThatIsWrittenDown) {
  format("1=a:1");
  at_once_ = false;
  ASSERT_TRUE(admission_->may_vote());
  admission_->on_contact(hello(kTwo, nullptr));
  EXPECT_FALSE(admission_->may_vote());
  admission_->on_contact(hello(kThree, nullptr));
  EXPECT_EQ(jobs_.size(), 1u);
  do_jobs();
  admission_->on_contact(hello(kTwo, nullptr));
  EXPECT_TRUE(jobs_.empty());
  start();
  EXPECT_EQ(admission_->standing(), Standing::kWithdrawn);
}

TEST_F(AdmissionTest, TellsOnceOfDisksThatOthersKnowOtherwise) {
  format(kThreeMembers);
  take(hello(kThree, nullptr));
  net::PeerHello two = hello(kTwo, &disk_);
  two.known.set(kThree, DiskId{{3, 9}});
  const net::Meeting meeting = take(two);
  EXPECT_EQ(meeting.stranger + meeting.refusal, "") << "the two are as good as before";
  EXPECT_TRUE(logged("node 2 knows node 3 (c:3) by disk"));
  log_.clear();
  take(two);
  EXPECT_EQ(log_, "");
  EXPECT_TRUE(data_->known_disks().names(kThree, DiskId{{3, 1}})) << "hearsay is not written down";
}

TEST_F(AdmissionTest, AClusterOfOneVotesAtOnceUntilAnotherCallsIt) {
  format("1=a:1");
  EXPECT_TRUE(admission_->may_vote());
  net::PeerHello own = hello(kTwo, nullptr);
  own.disk = disk_;
  admission_->on_contact(own);
  EXPECT_TRUE(admission_->may_vote()) << "it met itself";
  block_file("standing");
  admission_->on_contact(hello(kTwo, nullptr));
  EXPECT_FALSE(admission_->may_vote());
  EXPECT_TRUE(logged("formatted with no member but itself"));
  unblock_file("standing");
  admission_->on_contact(hello(kTwo, nullptr));
  start();
  EXPECT_FALSE(admission_->may_vote());
  EXPECT_EQ(admission_->standing(), Standing::kWithdrawn);
  admission_->on_tick(1);
  EXPECT_TRUE(logged("this node votes no more"));
  std::filesystem::remove(path_ + "/standing");  // as docs/operations.md has it
  start();
  EXPECT_TRUE(admission_->may_vote());
}

TEST_F(AdmissionTest, SaysWhatItWaitsForAndDoesNotRepeatItselfMuch) {
  format(kThreeMembers);
  constexpr int64_t kSecond = 1'000'000'000;
  admission_->on_tick(kSecond);
  EXPECT_EQ(log_,
            "waiting until every member has met this disk: not yet node 2 (b:2), node 3 (c:3); "
            "clients are told unavailable until then\n");
  log_.clear();
  for (int64_t second = 1; second < 30; ++second) admission_->on_tick(second * kSecond);
  EXPECT_EQ(log_, "");
  admission_->on_tick(31 * kSecond);
  EXPECT_TRUE(logged("not yet node 2 (b:2), node 3"));
  log_.clear();
  take(hello(kTwo, &disk_));
  admission_->on_tick(31 * kSecond + 1);
  EXPECT_EQ(log_, "");
  admission_->on_tick(32 * kSecond);
  EXPECT_TRUE(logged("not yet node 3 (c:3); clients"));
}

TEST_F(AdmissionTest, AStandingThatIsDamagedOrOfAnotherDiskIsNotBelieved) {
  format("1=a:1");
  admission_.reset();
  data_.reset();
  const std::string file = path_ + "/standing";
  const std::string kept = file + ".kept";
  std::filesystem::copy(file, kept);
  std::filesystem::resize_file(file, 20);
  EXPECT_FALSE(DataDirectory::open(path_));
  std::filesystem::remove_all(path_ + "-other");
  Configuration configuration;
  configuration.cluster = *parse_cluster_id("c0ffee");
  configuration.node = NodeId{1};
  configuration.segment_bytes = kMaxBatchBytes;
  configuration.members = *parse_members("1=a:1,2=b:2");
  ASSERT_TRUE(DataDirectory::format(path_ + "-other", configuration, false));
  ASSERT_TRUE(DataDirectory::open(path_ + "-other"));
  std::filesystem::copy(kept, path_ + "-other/standing");
  EXPECT_FALSE(DataDirectory::open(path_ + "-other"));
}

}  // namespace admission_test
}  // namespace once::server
