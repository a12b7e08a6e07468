// An Io of files only: real files behind, completions when the test asks for them. Streams are not
// there. For tests of what sits on Io's files.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <functional>

#include "reactor/io.h"
#include "tests/unit/reactor/streamless_io.h"

namespace once {

class FakeFileIo : public StreamlessIo {
 public:
  ~FakeFileIo() override {
    for (auto& file : files_) {
      if (file.fd >= 0) ::close(file.fd);
    }
  }

  // What the test turns and reads.
  int64_t now = 0;
  bool fail_writes = false;
  bool fail_reads = false;
  std::string prepare_error;
  std::function<bool(size_t block)> power_cut;  // set: a write leaves these blocks, no completion
  std::deque<std::function<void()>> pending;    // completions, oldest first
  // Each write as it is submitted, and each prepared file once it is there.
  std::function<void(const std::string& path, uint64_t offset, std::span<const char>)> on_write;
  std::function<void(const std::string& path, uint64_t size)> on_prepared;
  std::function<void(const std::string& from, const std::string& to)> on_recycled;
  std::function<void(const std::string& path)> on_removed;
  size_t writes = 0;     // submitted
  size_t completed = 0;  // and reported as written
  size_t last_write_bytes = 0;

  void complete_one() {
    auto next = std::move(pending.front());
    pending.pop_front();
    next();
  }
  void complete_all() {
    while (!pending.empty()) complete_one();
  }

  int64_t now_ns() const override { return now; }
  Result<reactor::FileId> open_file(const std::string& path, bool,
                                    reactor::FileHandler* handler) override {
    int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return error("cannot open " + path);
    files_.push_back({fd, handler, path});
    return reactor::FileId{static_cast<uint32_t>(files_.size() - 1)};
  }
  void close_file(reactor::FileId file) override {
    ::close(files_[file.value].fd);
    files_[file.value].fd = -1;
  }
  void write_file(reactor::FileId file, uint64_t offset, std::span<const char> bytes,
                  reactor::SyncMode, uint64_t token) override {
    EXPECT_EQ(offset % 4096, 0u);
    EXPECT_EQ(bytes.size() % 4096, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 4096, 0u);
    ++writes;
    last_write_bytes = bytes.size();
    if (on_write) on_write(files_[file.value].path, offset, bytes);
    pending.push_back([this, file, offset, bytes, token, fails = fail_writes] {
      auto& [fd, handler, path] = files_[file.value];
      if (fails) return handler->on_file_failed("write failed: EIO");
      if (power_cut) {
        for (size_t block = 0; block < bytes.size() / 4096; ++block) {
          if (!power_cut(block)) continue;
          ASSERT_EQ(pwrite(fd, bytes.data() + block * 4096, 4096,
                           static_cast<off_t>(offset + block * 4096)),
                    4096);
        }
        return;
      }
      ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
                static_cast<ssize_t>(bytes.size()));
      ++completed;
      handler->on_written(token);
    });
  }
  void prepare_file(const std::string& path, uint64_t size,
                    reactor::FilePreparedHandler* handler) override {
    pending.push_back([this, path, size, handler] {
      if (!prepare_error.empty()) return handler->on_file_prepared(path, prepare_error);
      int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      ASSERT_GE(fd, 0);
      ASSERT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
      ::close(fd);
      if (on_prepared) on_prepared(path, size);
      handler->on_file_prepared(path, "");
    });
  }

  void read_file(reactor::FileId file, uint64_t offset, std::span<char> bytes,
                 uint64_t token) override {
    pending.push_back([this, file, offset, bytes, token] {
      auto& [fd, handler, path] = files_[file.value];
      if (fd < 0) return;
      if (fail_reads) return handler->on_file_failed("read from " + path + ": EIO");
      ASSERT_EQ(pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
                static_cast<ssize_t>(bytes.size()));
      handler->on_read(token);
    });
  }
  void recycle_file(const std::string& from, const std::string& to,
                    reactor::FilePreparedHandler* handler) override {
    pending.push_back([this, from, to, handler] {
      ASSERT_EQ(::rename(from.c_str(), to.c_str()), 0) << from;
      if (on_recycled) on_recycled(from, to);
      handler->on_file_prepared(to, "");
    });
  }
  bool remove_file(const std::string& path) override {
    pending.push_back([this, path] {
      std::filesystem::remove(path);
      if (on_removed) on_removed(path);
    });
    return true;
  }

  void set_timer(int64_t, uint64_t) override {}
  void wake() override {}
  void run(reactor::BatchHandler*) override {}
  void stop() override {}

 private:
  struct File {
    int fd = -1;
    reactor::FileHandler* handler = nullptr;
    std::string path;
  };
  std::deque<File> files_;
};

// A directory of the test's own, removed with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "once-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace once
