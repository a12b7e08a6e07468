// What an Io of a test leaves out when it has no files: a base for fakes of streams.
#pragma once

#include <span>
#include <string>

#include "reactor/io.h"

namespace once {

class FilelessIo : public reactor::Io {
 public:
  Result<reactor::FileId> open_file(const std::string&, bool, reactor::FileHandler*) override {
    return error("no files here");
  }
  void close_file(reactor::FileId) override {}
  void write_file(reactor::FileId, uint64_t, std::span<const char>, reactor::SyncMode,
                  uint64_t) override {}
  void prepare_file(const std::string&, uint64_t, reactor::FilePreparedHandler*) override {}
  void read_file(reactor::FileId, uint64_t, std::span<char>, uint64_t) override {}
  void recycle_file(const std::string&, const std::string&,
                    reactor::FilePreparedHandler*) override {}
  bool remove_file(const std::string&) override { return true; }
};

}  // namespace once
