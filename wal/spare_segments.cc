#include "wal/spare_segments.h"

#include <utility>

#include "base/assert.h"
#include "wal/block_format.h"
#include "wal/segment.h"

namespace once::wal {
namespace {

constexpr int64_t kRetryNs = 1'000'000'000;
constexpr uint64_t kMaxSpares = 2;  // with those that are made of files that were given back

}  // namespace

Result<OpenSegment> open_segment(reactor::Io& io, const LogOptions& options, Generation generation,
                                 reactor::FileHandler* handler) {
  auto file = io.open_file(segment_path(options.directory, options.stream, generation),
                           options.direct, handler);
  if (!file) return tl::unexpected(file.error());
  OpenSegment segment;
  segment.file = *file;
  segment.generation = generation;
  segment.blocks = options.segment_bytes / kBlockBytes;
  return segment;
}

SpareSegments::SpareSegments(reactor::Io& io, const LogOptions& options, LogCounters& counters,
                             reactor::FileHandler* handler, std::function<void()> on_ready)
    : io_(io),
      options_(options),
      counters_(counters),
      handler_(handler),
      on_ready_(std::move(on_ready)) {}

SpareSegments::~SpareSegments() {
  if (spare_) io_.close_file(spare_->file);
}

void SpareSegments::start(const Tail& tail) {
  next_ = tail.generation.next();
  made_ = tail.spare_segments;
  free_.assign(tail.free_segments.begin(), tail.free_segments.end());
  look_after();
}

OpenSegment SpareSegments::take() {
  ONCE_ASSERT(spare_.has_value());
  const OpenSegment taken = *spare_;
  spare_.reset();
  next_ = taken.generation.next();
  return taken;
}

void SpareSegments::give_back(const std::vector<Generation>& generations) {
  free_.insert(free_.end(), generations.begin(), generations.end());
  look_after();
}

void SpareSegments::on_tick(int64_t now_ns) {
  if (!free_.empty() || (failing_ && now_ns >= retry_at_ns_)) look_after();
}

// Keeps one spare open, and others behind it.
void SpareSegments::look_after() {
  if (preparing_) return;
  if (!spare_ && made_ > 0) return open_next();
  const uint64_t spares = count();
  if (spares < kMaxSpares && !free_.empty()) {
    const Generation old = free_.front();
    free_.pop_front();
    preparing_ = recycling_ = true;
    return io_.recycle_file(path(old), path(next_ + spares), this);
  }
  // Those that are too many at once wait for the tick.
  while (!free_.empty() && io_.remove_file(path(free_.front()))) {
    free_.pop_front();
    ++counters_.removed;
  }
  if (spares >= options_.spares) return;
  preparing_ = true;
  io_.prepare_file(path(next_ + spares), options_.segment_bytes, this);
}

void SpareSegments::on_file_prepared(const std::string&, const std::string& error) {
  ONCE_ASSERT(preparing_);
  preparing_ = false;
  const bool recycled = std::exchange(recycling_, false);
  // One that failed to be renamed is left as it is: under either name it is of no harm.
  if (!error.empty()) return failed(error);
  if (recycled) ++counters_.recycled;
  ++made_;
  if (enough()) failing_ = false;
  look_after();
}

void SpareSegments::open_next() {
  auto opened = open_segment(io_, options_, next_, handler_);
  if (!opened) return failed(opened.error().message);
  spare_ = *opened;
  --made_;
  if (enough()) failing_ = false;
  on_ready_();
  look_after();
}

void SpareSegments::failed(std::string why) {
  if (enough()) return;  // it is looked after when one is taken
  failing_ = true;
  failure_ = std::move(why);
  retry_at_ns_ = io_.now_ns() + kRetryNs;
}

std::string SpareSegments::path(Generation generation) const {
  return segment_path(options_.directory, options_.stream, generation);
}

}  // namespace once::wal
