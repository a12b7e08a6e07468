// What an Io of a test leaves out when it has no streams: a base for fakes of files or of the
// clock.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/io.h"

namespace once {

class StreamlessIo : public reactor::Io {
 public:
  Result<reactor::ListenerId> listen(const std::string&, reactor::ListenHandler*) override {
    return error("no streams here");
  }
  reactor::StreamId connect(const std::string&, reactor::StreamHandler*) override { return {}; }
  std::vector<char>* outbox(reactor::StreamId) override { return nullptr; }
  size_t unsent_bytes(reactor::StreamId) const override { return 0; }
  void close(reactor::StreamId) override {}
  void set_handler(reactor::StreamId, reactor::StreamHandler*) override {}
  std::unique_ptr<reactor::Handoff> detach(reactor::StreamId, std::string_view) override {
    return nullptr;
  }
  reactor::StreamId adopt(std::unique_ptr<reactor::Handoff>, reactor::StreamHandler*) override {
    return {};
  }
  void read_file(reactor::FileId, uint64_t, std::span<char>, uint64_t) override {}
  void recycle_file(const std::string&, const std::string&,
                    reactor::FilePreparedHandler*) override {}
  bool remove_file(const std::string&) override { return true; }
};

}  // namespace once
