// The files of a stream that its log does not write now: the next ones, prepared ahead, and those
// of released segments, which become next ones, or are removed. Thread rule: the log's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "reactor/io.h"
#include "wal/log.h"
#include "wal/numbers.h"

namespace once::wal {

struct OpenSegment {
  reactor::FileId file;
  Generation generation;
  BlockSequence first_sequence;
  uint64_t blocks = 0;  // of the file, its header block included
};

Result<OpenSegment> open_segment(reactor::Io& io, const LogOptions& options, Generation generation,
                                 reactor::FileHandler* handler);

class SpareSegments final : private reactor::FilePreparedHandler {
 public:
  // Files are opened for `handler`. `on_ready` is called whenever a spare has become ready.
  SpareSegments(reactor::Io& io, const LogOptions& options, LogCounters& counters,
                reactor::FileHandler* handler, std::function<void()> on_ready);
  ~SpareSegments() override;

  void start(const Tail& tail);
  bool ready() const { return spare_.has_value(); }
  // The ready one, which the log writes from now on; give_back() follows.
  OpenSegment take();
  // Files of these generations, if there are any, may be used as if they were new.
  void give_back(const std::vector<Generation>& generations);
  // There are too few, and the last attempt to make one failed.
  bool failing() const { return failing_ && !enough(); }
  const std::string& failure() const { return failure_; }  // the reason of that attempt
  void on_tick(int64_t now_ns);                            // tries again
  uint64_t files() const { return count() + free_.size() + recycling_; }

 private:
  void on_file_prepared(const std::string& path, const std::string& error) override;
  uint64_t count() const { return made_ + (spare_ ? 1 : 0); }
  bool enough() const { return spare_ && count() >= options_.spares; }
  void look_after();
  void open_next();
  void failed(std::string why);
  std::string path(Generation generation) const;

  reactor::Io& io_;
  const LogOptions& options_;
  LogCounters& counters_;
  reactor::FileHandler* const handler_;
  const std::function<void()> on_ready_;
  std::optional<OpenSegment> spare_;
  Generation next_;    // of the spare, there or to come
  uint64_t made_ = 0;  // files that exist from next_ on, the spare not counted
  std::deque<Generation> free_;
  bool preparing_ = false;
  bool recycling_ = false;  // what is being prepared is a file that was given back
  bool failing_ = false;
  std::string failure_;
  int64_t retry_at_ns_ = 0;
};

}  // namespace once::wal
