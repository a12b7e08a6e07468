// What may wait for a disk is done by another thread, in order.
#include "server/clerk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace once::server {
namespace clerk_test {

TEST(Clerk, DoesOneJobAfterTheOtherOnAThreadOfItsOwn) {
  Clerk clerk;
  std::vector<int> done;
  std::promise<std::thread::id> last;
  for (int i = 0; i < 100; ++i) {
    clerk.give([&done, i] { done.push_back(i); });
  }
  clerk.give([&last] { last.set_value(std::this_thread::get_id()); });
  EXPECT_NE(last.get_future().get(), std::this_thread::get_id());
  ASSERT_EQ(done.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<size_t>(i)], i);
}

TEST(Clerk, NobodyWaitsForAJobThatTakesLong) {
  std::promise<void> may_end;
  std::promise<void> begun;
  Clerk clerk;
  clerk.give([&] {
    begun.set_value();
    may_end.get_future().wait();
  });
  begun.get_future().wait();
  for (int i = 0; i < 10; ++i) clerk.give([] {});
  may_end.set_value();
}

TEST(Clerk, EndsAfterTheJobThatItIsAtAndDropsTheOthers) {
  std::promise<void> may_end;
  std::promise<void> begun;
  std::atomic<int> done{0};
  auto clerk = std::make_unique<Clerk>();
  clerk->give([&] {
    begun.set_value();
    may_end.get_future().wait();
    ++done;
  });
  clerk->give([&] { done += 100; });
  begun.get_future().wait();
  std::thread ending([&] { clerk.reset(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it waits for the job by now
  EXPECT_EQ(done, 0);
  may_end.set_value();
  ending.join();
  EXPECT_EQ(done, 1);
}

}  // namespace clerk_test
}  // namespace once::server
