// Files of LoopIo: aligned durable writes, aligned reads, and what the helper thread does.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.h"
#include "base/errno_text.h"
#include "reactor/loop.h"

namespace once::reactor {
namespace {

constexpr uint64_t kAlignment = 4096;
constexpr int64_t kFinishLimitNs = 5'000'000'000;
constexpr int64_t kFinishPollNs = 100'000'000;

std::string open_error(const std::string& path, bool direct, int error_number) {
  std::string text = "cannot open " + path + ": ";
  if (error_number == EINVAL && direct) {
    return text + "its file system has no O_DIRECT; put the data on ext4 or xfs";
  }
  return text + errno_text(error_number);
}

std::string file_error(const std::string& path, const char* step, int error_number) {
  std::string text = std::string(step) + " " + path + ": ";
  if (error_number == ENOSPC || error_number == EDQUOT) text += "disk full: ";
  return text + errno_text(error_number);
}

}  // namespace

Result<FileId> LoopIo::open_file(const std::string& path, bool direct, FileHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (direct ? O_DIRECT : 0));
  if (fd < 0) return error(open_error(path, direct, errno));
  if (free_files_.empty()) {
    free_files_.push_back(static_cast<uint32_t>(files_.size()));
    files_.emplace_back();
  }
  const uint32_t index = free_files_.back();
  free_files_.pop_back();
  files_[index] = File{fd, false, 0, handler, path};
  return FileId{index};
}

void LoopIo::close_file(FileId id) {
  ONCE_ASSERT(id.value < files_.size());
  File& file = files_[id.value];
  ONCE_ASSERT(file.fd >= 0 && !file.closing);
  file.closing = true;
  if (file.operations > 0) return;  // finish_transfer closes it
  ::close(file.fd);
  file = File{};
  free_files_.push_back(id.value);
}

uint32_t LoopIo::begin_transfer(FileId id, uint64_t offset, std::span<const char> bytes) {
  ONCE_ASSERT(id.value < files_.size());
  ONCE_ASSERT(offset % kAlignment == 0 && bytes.size() % kAlignment == 0);
  ONCE_ASSERT(reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0);
  ONCE_ASSERT(!bytes.empty() && bytes.size() <= INT32_MAX);
  File& file = files_[id.value];
  ONCE_ASSERT(file.fd >= 0 && !file.closing);
  if (free_transfers_.empty()) {
    free_transfers_.push_back(static_cast<uint32_t>(transfers_.size()));
    transfers_.emplace_back();
  }
  const uint32_t index = free_transfers_.back();
  free_transfers_.pop_back();
  transfers_[index] = Transfer{.file = id.value, .size = static_cast<uint32_t>(bytes.size())};
  ++file.operations;
  return index;
}

void LoopIo::write_file(FileId id, uint64_t offset, std::span<const char> bytes, SyncMode mode,
                        uint64_t token) {
  const uint32_t index = begin_transfer(id, offset, bytes);
  Transfer& transfer = transfers_[index];
  transfer.mode = mode;
  transfer.token = token;
  operations_->write(files_[id.value].fd, bytes, offset, mode, tag(Op::kWrite, index));
}

void LoopIo::read_file(FileId id, uint64_t offset, std::span<char> bytes, uint64_t token) {
  const uint32_t index = begin_transfer(id, offset, bytes);
  Transfer& transfer = transfers_[index];
  transfer.reads = true;
  transfer.token = token;
  operations_->read(files_[id.value].fd, bytes, offset, tag(Op::kRead, index));
}

void LoopIo::on_read_done(uint32_t index, int result) {
  const Transfer& read = transfers_[index];
  const std::string& path = files_[read.file].path;
  if (result < 0) return finish_transfer(index, file_error(path, "read from", -result));
  if (static_cast<uint32_t>(result) == read.size) return finish_transfer(index, {});
  finish_transfer(index, "short read from " + path + ": " + std::to_string(result) + " of " +
                             std::to_string(read.size) + " bytes; was it cut?");
}

void LoopIo::on_write_done(uint32_t index, int result) {
  const Transfer& write = transfers_[index];
  const File& file = files_[write.file];
  if (result < 0) return finish_transfer(index, file_error(file.path, "write to", -result));
  if (static_cast<uint32_t>(result) != write.size) {
    return finish_transfer(index, "short write to " + file.path + ": " + std::to_string(result) +
                                      " of " + std::to_string(write.size) + " bytes; disk full?");
  }
  if (write.mode == SyncMode::kDsync) return finish_transfer(index, {});
  operations_->sync_data(file.fd, tag(Op::kSync, index));
}

void LoopIo::on_sync_done(uint32_t index, int result) {
  const std::string& path = files_[transfers_[index].file].path;
  finish_transfer(index, result == 0 ? "" : file_error(path, "fdatasync of", -result));
}

void LoopIo::finish_transfer(uint32_t index, const std::string& failed) {
  const Transfer transfer = transfers_[index];
  free_transfers_.push_back(index);
  File& file = files_[transfer.file];
  ONCE_ASSERT(file.operations > 0);
  --file.operations;
  if (!file.closing) {
    if (finishing_) return;
    if (!failed.empty()) return file.handler->on_file_failed(failed);
    return transfer.reads ? file.handler->on_read(transfer.token)
                          : file.handler->on_written(transfer.token);
  }
  if (file.operations > 0) return;
  ::close(file.fd);
  file = File{};
  free_files_.push_back(transfer.file);
}

// The kernel uses the callers' memory until a transfer completes; after run() they may free it.
void LoopIo::finish_transfers() {
  finishing_ = true;
  operations_->await_files_only();
  const int64_t give_up_ns = now_ns_ + kFinishLimitNs;
  while (free_transfers_.size() < transfers_.size() && now_ns_ < give_up_ns) {
    operations_->submit_and_wait(kFinishPollNs);
    read_clock();
    while (operations_->completions_ready() > 0) {
      const Completion completion = operations_->take_completion();
      const auto op = static_cast<Op>(completion.tag >> 56);
      if (op == Op::kWrite || op == Op::kSync || op == Op::kRead) dispatch(completion);
    }
  }
}

void LoopIo::prepare_file(const std::string& path, uint64_t size, FilePreparedHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  preparer_->submit({.path = path, .size = size, .handler = handler});
}

void LoopIo::recycle_file(const std::string& from, const std::string& to,
                          FilePreparedHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  preparer_->submit(
      {.how = PreparedFile::How::kRenamed, .path = to, .from = from, .handler = handler});
}

bool LoopIo::remove_file(const std::string& path) {
  return preparer_->submit({.how = PreparedFile::How::kRemoved, .path = path});
}

void LoopIo::deliver_prepared() {
  for (const PreparedFile& file : preparer_->take_done()) {
    file.handler->on_file_prepared(file.path, file.error);
  }
}

}  // namespace once::reactor
