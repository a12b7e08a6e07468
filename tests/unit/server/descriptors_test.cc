// How many clients fit into a limit of open files.
#include "server/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/limits.h"

namespace once::server {
namespace descriptors_test {

constexpr DescriptorNeeds kThreeNodes{.limit = 1024, .open = 4, .cores = 2, .peers = 2};

// Whatever the limit, with all places taken the rest has what it needs.
TEST(Descriptors, ClientsGetWhatTheOthersLeave) {
  for (const uint16_t cores : {1, 2, 7, 64}) {
    for (const size_t peers : {0, 2, 14}) {
      for (uint64_t limit = 33; limit < 2'000'000; limit += 1 + limit / 7) {
        const auto plan = plan_descriptors({limit, 5, cores, peers});
        if (!plan.refusal.empty()) continue;
        const uint64_t a_core = plan.clients.max_connections + plan.clients.max_leaving;
        const uint64_t others = 5 + 2 + cores * (3 + 4 + 2 * peers);
        const uint64_t reserve = std::clamp<uint64_t>(limit / 8, 8, 32);
        const uint64_t strangers = std::clamp<uint64_t>(limit / 32, 1, 32);
        EXPECT_LE(cores * a_core + others + strangers + reserve, limit) << cores << " " << peers;
        EXPECT_GE(plan.clients.max_connections, kMinConnectionsPerCore);
        EXPECT_LE(plan.clients.max_connections, kMaxConnectionsPerCore);
        EXPECT_GE(plan.clients.max_leaving, 4u);
        EXPECT_EQ(plan.greetings, cores * peers + strangers) << "a half of the links is others'";
        EXPECT_EQ(static_cast<uint64_t>(plan.highest_of_streams), limit - reserve - 1);
        EXPECT_EQ(plan.warning.empty(), plan.clients.max_connections == kMaxConnectionsPerCore);
      }
    }
  }
}

TEST(Descriptors, WhatTheAdminListenerMayHaveIsTakenOffTheClients) {
  DescriptorNeeds needs = kThreeNodes;
  const auto without = plan_descriptors(needs);
  needs.admin = 34;
  const auto with = plan_descriptors(needs);
  EXPECT_EQ(without.clients.max_connections - with.clients.max_connections, 17u) << "of each core";
}

TEST(Descriptors, WhatIsSaidNamesTheLimitThatIsWanted) {
  const auto plan = plan_descriptors(kThreeNodes);
  EXPECT_EQ(plan.refusal, "");
  EXPECT_EQ(plan.clients.max_connections, 462u);
  EXPECT_EQ(plan.warning,
            "924 client connections fit into the limit of 1024 open files, 462 a core: raise it "
            "(`ulimit -n`, LimitNOFILE=) to 8292 for 4096 a core");
  DescriptorNeeds enough = kThreeNodes;
  enough.limit = 8292;
  EXPECT_EQ(plan_descriptors(enough).clients.max_connections, kMaxConnectionsPerCore);
  EXPECT_EQ(plan_descriptors(enough).warning, "");
  enough.limit = 8291;
  EXPECT_NE(plan_descriptors(enough).warning, "");
}

TEST(Descriptors, WithTooFewANodeDoesNotStart) {
  DescriptorNeeds few = kThreeNodes;
  few.limit = 61;
  EXPECT_EQ(plan_descriptors(few).refusal, "");
  few.limit = 60;
  EXPECT_EQ(plan_descriptors(few).refusal,
            "7 client connections a core fit into the limit of 60 open files, too few to start: "
            "raise it (`ulimit -n`, LimitNOFILE=) to 61 at least, or to 8292 for 4096 a core");
  for (const uint64_t limit : {0, 3, 20, 50}) {
    few.limit = limit;
    EXPECT_NE(plan_descriptors(few).refusal, "") << limit;
  }
}

TEST(Descriptors, FortyAreEnoughForASmallNodeOfThree) {
  EXPECT_EQ(plan_descriptors({.limit = 40, .open = 6, .cores = 1, .peers = 2}).refusal, "");
}

TEST(Descriptors, OpenOnesAreCounted) {
  const uint64_t before = open_descriptors();
  const int one = ::open("/dev/null", O_RDONLY);
  EXPECT_EQ(open_descriptors(), before + 1);
  ::close(one);
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Descriptors, TheSoftLimitIsRaisedToTheHardOne) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit lowered{limit.rlim_max - 1, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  EXPECT_EQ(raise_descriptor_limit(), limit.rlim_max);
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

}  // namespace descriptors_test
}  // namespace once::server
