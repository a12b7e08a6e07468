// What a node that has links may say of itself, whoever speaks in its name; and what else its cores
// share.
#include <gtest/gtest.h>

#include <memory>

#include "server/exit_codes.h"
#include "server/node_host.h"
#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/server/formatted_directory.h"

namespace once::server {
namespace seats_test {

constexpr NodeId kTwo{2}, kThree{3};

class SeatsTest : public testing::Test {
 protected:
  SeatsTest() {
    EXPECT_TRUE(format_directory(path_, "1=a:1,2=b:2,3=c:3"));
    data_ = *DataDirectory::open(path_);
    host_ = std::make_unique<NodeHost>(*data_, uint16_t{1}, "here");
    host_->on_tick(CoreId{0}, now_ns_);
  }
  static net::PeerHello hello(uint32_t incarnation, uint16_t cores = 1,
                              std::string address = "there") {
    net::PeerHello hello;
    hello.node = kTwo;
    hello.incarnation = Incarnation{incarnation};
    hello.cores = cores;
    hello.client_address = std::move(address);
    return hello;
  }
  // What is said against it; nothing: it has a seat.
  std::optional<net::PeerRefusal> refused(const net::PeerHello& hello) {
    const auto refusal = host_->take_seat(hello);
    return refusal ? std::optional(refusal->kind) : std::nullopt;
  }
  void pass(int64_t ns) { host_->on_tick(CoreId{0}, now_ns_ += ns); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/node";
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<NodeHost> host_;
  int64_t now_ns_ = 1'000'000'000;
};

// A core must not let go of a segment that holds what another core has not written anew yet.
TEST_F(SeatsTest, AllHaveAdoptedOnceTheLastHas) {
  NodeHost host(*data_, uint16_t{3}, "here");
  for (uint16_t core = 0; core < 3; ++core) {
    EXPECT_FALSE(host.all_adopted()) << core;
    host.on_adopted(CoreId{core});
  }
  EXPECT_TRUE(host.all_adopted());
}

TEST_F(SeatsTest, TermsChangeOnlyWhileNoLinkIsUp) {
  EXPECT_FALSE(refused(hello(1)));
  EXPECT_FALSE(refused(hello(1))) << "another of its cores";
  for (int links = 2; links > 0; --links) {
    EXPECT_EQ(refused(hello(1, 64)), net::PeerRefusal::kOtherTerms);
    EXPECT_EQ(refused(hello(1, 1, "stranger")), net::PeerRefusal::kOtherTerms);
    host_->leave_seat(kTwo);
  }
  EXPECT_FALSE(refused(hello(2, 4, "moved")));
  EXPECT_EQ(refused(hello(2)), net::PeerRefusal::kOtherTerms) << "and these hold from now on";
  net::PeerHello third = hello(1, 9, "third");
  third.node = kThree;
  EXPECT_FALSE(refused(third)) << "each node has its own";
}

// However often he comes: it is not so much a link, but so much a time.
TEST_F(SeatsTest, ARunFarAheadIsNotBelieved) {
  EXPECT_FALSE(refused(hello(kMaxIncarnationJump))) << "at the bound it is";
  host_->leave_seat(kTwo);
  for (int links = 0; links < 3; ++links) {
    EXPECT_EQ(refused(hello(kMaxIncarnationJump + 1)), net::PeerRefusal::kRunTooFar);
  }
  EXPECT_EQ(refused(hello(UINT32_MAX)), net::PeerRefusal::kRunTooFar);
  EXPECT_FALSE(refused(hello(3))) << "an earlier one is none of that";
  host_->leave_seat(kTwo);
  pass(kNsPerIncarnation);
  EXPECT_FALSE(refused(hello(kMaxIncarnationJump + 1))) << "the next start of the node";
  host_->leave_seat(kTwo);
  EXPECT_EQ(refused(hello(kMaxIncarnationJump + 2)), net::PeerRefusal::kRunTooFar);
}

// While a node is up nobody else speaks in its name, of whatever run.
TEST_F(SeatsTest, AnotherRunWaitsForTheLinksOfTheOneThatIsUp) {
  EXPECT_FALSE(refused(hello(5)));
  EXPECT_EQ(refused(hello(6)), net::PeerRefusal::kOtherTerms);
  EXPECT_EQ(refused(hello(4)), net::PeerRefusal::kOtherTerms);
  host_->leave_seat(kTwo);
  EXPECT_FALSE(refused(hello(6)));
  EXPECT_EQ(refused(hello(5)), net::PeerRefusal::kOtherTerms);
}

// What the log says of it is known from the start: nobody comes first after a restart.
TEST_F(SeatsTest, TheLastRunIsKnownFromTheLog) {
  host_->set_known_incarnation(kTwo, Incarnation{1'000'000});
  EXPECT_FALSE(refused(hello(1'000'001)));
  host_->leave_seat(kTwo);
  EXPECT_EQ(refused(hello(1'100'000)), net::PeerRefusal::kRunTooFar);
  host_->set_known_incarnation(kThree, Incarnation{UINT32_MAX - 1});
  net::PeerHello third = hello(UINT32_MAX);
  third.node = kThree;
  EXPECT_FALSE(refused(third));
}

// Nobody is shut out for ever; but it takes weeks to get to the last run there is.
TEST_F(SeatsTest, ARunFarAheadIsApproachedByTheClock) {
  const net::PeerHello far = hello(2 * kMaxIncarnationJump + 5);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(refused(far), net::PeerRefusal::kRunTooFar);
  pass(kMaxIncarnationJump * kNsPerIncarnation);
  EXPECT_EQ(refused(far), net::PeerRefusal::kRunTooFar) << "nearer by as much once more";
  pass(4 * kNsPerIncarnation);
  EXPECT_EQ(refused(far), net::PeerRefusal::kRunTooFar);
  pass(kNsPerIncarnation);
  EXPECT_FALSE(refused(far));
}

// They share the disk, and what the cleaner of each does follows from it.
TEST_F(SeatsTest, TheDiskIsFullIfAnyCoreFindsItSo) {
  NodeHost host(*data_, uint16_t{3}, "here");
  for (const uint16_t core : {0, 1, 2}) {
    EXPECT_FALSE(host.any_full());
    host.set_full(CoreId{core}, true);
    EXPECT_TRUE(host.any_full()) << core;
    host.set_full(CoreId{core}, false);
  }
}

// A disk that failed may be mended; a log that is not what was written must not be gone on from.
TEST_F(SeatsTest, ALogThatIsDamagedEndsTheNodeOtherwiseThanOneThatFails) {
  EXPECT_EXIT(host_->log_failed("EIO"), testing::ExitedWithCode(kExitLogFailed), "failed.*EIO");
  EXPECT_EXIT(host_->log_corrupt("rot"), testing::ExitedWithCode(kExitCorrupt), "damaged.*rot");
}

}  // namespace seats_test
}  // namespace once::server
