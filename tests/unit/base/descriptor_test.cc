#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace once {
namespace descriptor_test {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, ClosesWhatItOwnsOnce) {
  int fd = -1;
  {
    Descriptor first(open_null());
    ASSERT_TRUE(first);
    fd = first.get();
    const Descriptor second(std::move(first));
    EXPECT_EQ(first.get(), -1);
    EXPECT_EQ(second.get(), fd);
    first.reset();
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, TakesAnotherAndClosesTheOld) {
  Descriptor kept(open_null());
  const int before = kept.get();
  Descriptor other(open_null());
  const int after = other.get();
  kept = std::move(other);
  EXPECT_FALSE(is_open(before));
  EXPECT_EQ(kept.get(), after);
  Descriptor& self = kept;
  kept = std::move(self);
  EXPECT_TRUE(is_open(after)) << "moved to itself";
  const int released = kept.release();
  EXPECT_FALSE(kept);
  ASSERT_TRUE(is_open(released));
  kept.reset(released);
  kept.reset();
  EXPECT_FALSE(is_open(released));
}

}  // namespace descriptor_test
}  // namespace once
