// FakeFileIo over a MemoryStorage instead of real files: the running log and its recovery on one
// disk in memory. Several may share a disk, each with streams of its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/wal/memory_storage.h"

namespace once {

class MemoryFileIo : public FakeFileIo {
 public:
  explicit MemoryFileIo(MemoryStorage& disk) : disk_(disk) {}

  Result<reactor::FileId> open_file(const std::string& path, bool,
                                    reactor::FileHandler* handler) override {
    if (disk_.refuse == path || !disk_.files.contains(path)) return error("cannot open " + path);
    opened_.emplace_back(path, handler);
    return reactor::FileId{static_cast<uint32_t>(opened_.size() - 1)};
  }
  void close_file(reactor::FileId file) override { opened_[file.value].second = nullptr; }
  void write_file(reactor::FileId file, uint64_t offset, std::span<const char> bytes,
                  reactor::SyncMode, uint64_t token) override {
    ++writes;
    last_write_bytes = bytes.size();
    const std::string& path = opened_[file.value].first;
    if (on_write) on_write(path, offset, bytes);
    pending.push_back([this, file, offset, bytes, token, fails = fail_writes] {
      const auto& [path, handler] = opened_[file.value];
      if (fails) return handler->on_file_failed("write failed: EIO");
      for (size_t block = 0; block < bytes.size() / kBlockBytes; ++block) {
        if (power_cut && !power_cut(block)) continue;
        const size_t at = block * kBlockBytes;
        disk_.write(path, offset + at, bytes.subspan(at, kBlockBytes));
      }
      if (power_cut) return;
      ++completed;
      handler->on_written(token);
    });
  }
  void prepare_file(const std::string& path, uint64_t size,
                    reactor::FilePreparedHandler* handler) override {
    ++preparations;
    pending.push_back([this, path, size, handler] {
      const bool full = disk_.files.size() >= most_files;
      const std::string failure = full ? "No space left on device" : prepare_error;
      if (failure.empty()) disk_.make(path, size);
      handler->on_file_prepared(path, failure);
    });
  }

  void read_file(reactor::FileId file, uint64_t offset, std::span<char> bytes,
                 uint64_t token) override {
    pending.push_back([this, file, offset, bytes, token] {
      const auto& [path, handler] = opened_[file.value];
      if (handler == nullptr) return;
      if (fail_reads) return handler->on_file_failed("read from " + path + ": EIO");
      ASSERT_EQ(disk_.read(path, offset, bytes).value_or(0), bytes.size());
      handler->on_read(token);
    });
  }
  void recycle_file(const std::string& from, const std::string& to,
                    reactor::FilePreparedHandler* handler) override {
    pending.push_back([this, from, to, handler] {
      if (recycle_error.empty()) disk_.rename(from, to);
      handler->on_file_prepared(to, recycle_error);
    });
  }
  bool remove_file(const std::string& path) override {
    if (removals_ == most_removals) return false;
    ++removals_;
    pending.push_back([this, path] {
      --removals_;
      disk_.files.erase(path);
    });
    return true;
  }

  // As the Io reports what a write of an open file met.
  void fail_file(const std::string& path, std::string_view what) {
    for (auto& [opened, handler] : opened_) {
      if (opened == path && handler != nullptr) return handler->on_file_failed(what);
    }
    ADD_FAILURE() << path << " is not open";
  }

  size_t preparations = 0;
  std::string recycle_error;
  size_t most_files = SIZE_MAX;  // of the disk, then it is full
  size_t most_removals = 64;     // at once, as the reactor has it

 private:
  MemoryStorage& disk_;
  size_t removals_ = 0;
  std::vector<std::pair<std::string, reactor::FileHandler*>> opened_;
};

}  // namespace once
