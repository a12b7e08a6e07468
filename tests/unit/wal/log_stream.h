// One stream of a log on a disk in memory, with the steps of its life.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/wal/log_listener.h"
#include "tests/unit/wal/memory_file_io.h"
#include "wal/block_format.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::wal {

// One stream's log on the disk of the test.
struct Stream {
  Stream(MemoryStorage& disk, uint32_t number) : disk(disk), io(disk) {
    options.directory = "/disk";
    options.stream = number;
    options.segment_bytes = 2 * kMaxBatchBytes;
  }
  std::string recover() {  // empty, or the error
    records.clear();
    auto read = wal::recover(disk, identity, options,
                             [&](auto it, auto, auto&) { records.emplace_back(it); });
    if (read) tail = *read;
    return read ? "" : read.error().message;
  }
  void open() { log = open_log(io, identity, options, tail, &listener); }
  void start() {
    ASSERT_EQ(recover(), "");
    open();
    io.complete_all();
  }
  void write(const std::vector<std::string>& batch) {
    for (const auto& record : batch) log->append(record);
    log->flush();
    io.complete_all();
  }
  // A block of a segment with another content, sealed anew, so that only what it says is wrong:
  // change(header, block).
  template <class Change>
  void reseal(uint64_t generation, uint64_t index, Change change) {
    MemoryStorage::Block block = *disk.block(path(generation), index);
    BlockHeader header;
    std::memcpy(&header, block.data(), sizeof header);
    header.checksum = 0;
    change(header, block);
    seal_block(block.data(), header);
    disk.write(path(generation), index * kBlockBytes, block);
  }
  std::string path(uint64_t generation) const {
    return segment_path(options.directory, options.stream, Generation{generation});
  }

  MemoryStorage& disk;
  MemoryFileIo io;
  Identity identity{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  LogOptions options;
  Listener listener;
  Tail tail;
  std::vector<std::string> records;
  std::unique_ptr<Log> log;
};

}  // namespace once::wal
