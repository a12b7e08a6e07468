// A ring takes what the backend asks of it, and nothing else.
#include "reactor/uring_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace once::reactor {
namespace uring_ring_test {

class UringRingTest : public testing::Test {
 protected:
  void SetUp() override {
    IoOptions options;
    options.submission_entries = 8;
    options.completion_entries = 16;
    options.receive_buffers = 1;
    options.receive_buffer_bytes = 4096;
    ASSERT_EQ(ring_.open(options), "");
    ring_.enable();
  }

  // What the kernel says of the entry that prepare(sqe) makes.
  template <class Prepare>
  int answer(Prepare prepare) {
    prepare(ring_.next_sqe(7));
    for (int i = 0; i < 1000 && ring_.completions_ready() == 0; ++i) {
      ring_.submit_and_wait(10'000'000);
    }
    const Completion completion = ring_.take_completion();
    EXPECT_EQ(completion.tag, 7u);
    return completion.result;
  }

  UringRing ring_;
};

TEST_F(UringRingTest, TakesWhatTheBackendAsks) {
  EXPECT_EQ(answer([](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); }), 0);
  EXPECT_EQ(answer([](io_uring_sqe* sqe) { io_uring_prep_cancel64(sqe, 99, 0); }), -ENOENT);
}

TEST_F(UringRingTest, OpensRemovesAndRenamesNoFile) {
  const std::string path = "/tmp/once-uring-ring-test-" + std::to_string(getpid());
  const char* const name = path.c_str();
  const auto prepare = [&](uint8_t operation) {
    return [name, operation](io_uring_sqe* sqe) {
      io_uring_prep_openat(sqe, AT_FDCWD, name, O_CREAT | O_RDWR, 0600);
      sqe->opcode = operation;
    };
  };
  for (const io_uring_op refused :
       {IORING_OP_OPENAT, IORING_OP_OPENAT2, IORING_OP_UNLINKAT, IORING_OP_RENAMEAT,
        IORING_OP_LINKAT, IORING_OP_SYMLINKAT, IORING_OP_MKDIRAT, IORING_OP_SOCKET, IORING_OP_CLOSE,
        IORING_OP_SPLICE, IORING_OP_MSG_RING, IORING_OP_URING_CMD, IORING_OP_FALLOCATE,
        IORING_OP_SENDMSG, IORING_OP_RECVMSG, IORING_OP_WRITE_FIXED}) {
    EXPECT_EQ(answer(prepare(refused)), -EACCES) << "operation " << refused;
  }
  EXPECT_NE(unlink(name), 0) << "it was made";
}

TEST_F(UringRingTest, TakesNoFlagThatTheBackendDoesNotSet) {
  for (const unsigned flag : {IOSQE_ASYNC, IOSQE_IO_LINK, IOSQE_FIXED_FILE, IOSQE_IO_DRAIN}) {
    EXPECT_EQ(answer([flag](io_uring_sqe* sqe) {
                io_uring_prep_nop(sqe);
                sqe->flags = static_cast<uint8_t>(flag);
              }),
              -EACCES)
        << "flag " << flag;
  }
}

}  // namespace uring_ring_test
}  // namespace once::reactor
