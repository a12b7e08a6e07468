// Recovery of a log whose blocks were damaged, moved, or made by somebody who can seal a block, and
// whose segments were released: their files are gone, left, or recycled with their old blocks.
// Input: u8 count of batches and what each holds, then edits, each u8 what and where. As long as no
// edit sealed a block anew, what recovery gives is a prefix of what was written and not released,
// with everything below the highest watermark that is left; a segment that the newest header needs
// is never missed in silence, one that it does not need never missed; and always it is the same
// twice, and a tail that a log can go on from.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/fuzz/input.h"
#include "tests/unit/wal/memory_storage.h"
#include "wal/block_format.h"
#include "wal/needed_segments.h"
#include "wal/segment.h"

namespace once::fuzz {
namespace {

using wal::BlockHeader;
using wal::BlockKind;
using wal::Generation;

constexpr uint64_t kSegmentBytes = kMaxBatchBytes;
constexpr uint64_t kSegmentBlocks = kSegmentBytes / kBlockBytes;
constexpr size_t kMaxBatches = 24;
constexpr size_t kMaxEdits = 16;
const wal::Identity kIdentity{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};

wal::LogOptions log_options() {
  wal::LogOptions options;
  options.directory = "d";
  options.segment_bytes = kSegmentBytes;
  return options;
}

// Writes as the running log does: whole batches, a header block in front of a segment's first.
class Image {
 public:
  struct Place {
    std::string path;
    Generation generation;
    uint64_t block = 0;
    uint64_t sequence = 0;
    uint64_t durable = 0;
    size_t records = 0;  // of the log up to the end of this block's batch
    bool intact = true;
  };

  Image() { open_segment(); }

  void add_batch(Input& input) {
    const uint8_t what = input.byte();
    if (what >= 250) ++epoch_;
    std::string payload;
    for (int i = 0; i < what % 4; ++i) {
      const size_t size = input.byte() * (what >= 128 ? 64 : 1);
      const std::string record = std::to_string(records.size()) + std::string(size, 'r');
      const uint32_t length = static_cast<uint32_t>(record.size());
      payload.append(reinterpret_cast<const char*>(&length), sizeof length).append(record);
      records.push_back(record);
    }
    const size_t blocks = std::max<size_t>(
        1, (payload.size() + wal::kBlockPayloadBytes - 1) / wal::kBlockPayloadBytes);
    if (position_ + blocks > kSegmentBlocks || what % 32 == 31) {
      open_segment();
    } else if (what % 32 == 30) {
      release_and_open(input);
    }
    for (int i = 0; i < what % 4; ++i) segment_of.push_back(generation_);
    BlockHeader header = stamp(BlockKind::kData);
    header.batch_blocks = static_cast<uint16_t>(blocks);
    for (size_t index = 0; index < blocks; ++index) {
      const std::string part = payload.substr(
          std::min(payload.size(), index * wal::kBlockPayloadBytes), wal::kBlockPayloadBytes);
      header.batch_index = static_cast<uint16_t>(index);
      header.payload_bytes = static_cast<uint32_t>(part.size());
      write(header, part);
      ++header.sequence;
    }
    sequence_ = sequence_ + blocks;
  }

  MemoryStorage storage;
  std::vector<Place> places;
  std::vector<std::string> records;
  std::vector<Generation> segment_of;                    // of each record
  std::map<Generation, std::set<Generation>> needed_by;  // those that the header of each needs
  Generation newest() const { return generation_; }
  // What a recovery gives that takes this segment for the newest.
  std::vector<std::string> told_by(Generation newest) const {
    std::vector<std::string> told;
    for (size_t i = 0; i < records.size(); ++i) {
      if (counts(newest, segment_of[i])) told.push_back(records[i]);
    }
    return told;
  }
  bool counts(Generation newest, Generation segment) const {
    return segment >= newest || needed_by.at(newest).contains(segment);
  }

 private:
  BlockHeader stamp(BlockKind kind) const {
    BlockHeader header = wal::header_for(kIdentity, 0);
    header.kind = static_cast<uint32_t>(kind);
    header.generation = generation_.value;
    header.segment_first_sequence = segment_first_.value;
    header.sequence = header.durable_sequence = sequence_.value;
    header.epoch = epoch_;
    return header;
  }
  // Some sealed segment is needed no longer from the next header on.
  void release_and_open(Input& input) {
    const uint8_t how = input.byte();
    if (sealed_.empty()) return open_segment();
    const auto victim = std::next(sealed_.begin(), how % sealed_.size());
    const std::string path = wal::segment_path("d", 0, victim->first);
    sealed_.erase(victim);
    open_segment();
    if (how < 85) return;  // the crash came before anything became of its file
    if (how < 170) {
      storage.files.erase(path);
    } else {
      recycled_ = path;  // for the segment after this one
    }
  }
  void open_segment() {
    std::vector<wal::NeededRange> needed;
    if (generation_ != Generation{}) sealed_[generation_] = position_ - 1;
    generation_ = generation_.next();
    for (const auto& [generation, blocks] : sealed_) {
      needed_by[generation_].insert(generation);
      if (needed.empty() || needed.back().last.next() != generation) {
        needed.push_back({generation, generation, blocks});
      } else {
        needed.back() = {needed.back().first, generation, blocks};
      }
    }
    needed_by[generation_];  // the first one needs none
    open_file();
    write_header(wal::encode_needed(needed));
  }
  void open_file() {
    segment_first_ = sequence_;
    position_ = 0;
    const std::string path = wal::segment_path("d", 0, generation_);
    if (!recycled_.empty() && storage.files.contains(recycled_)) {
      storage.rename(std::exchange(recycled_, {}), path);
    } else {
      storage.make(path, kSegmentBytes);
    }
  }
  void write_header(const std::string& needed) {
    BlockHeader header = stamp(BlockKind::kSegmentHeader);
    header.payload_bytes = static_cast<uint32_t>(needed.size());
    write(header, needed);
  }
  void write(const BlockHeader& header, std::string_view payload) {
    std::array<char, kBlockBytes> block{};
    std::copy(payload.begin(), payload.end(), block.begin() + sizeof header);
    wal::seal_block(block.data(), header);
    const std::string path = wal::segment_path("d", 0, generation_);
    storage.write(path, position_ * kBlockBytes, block);
    places.push_back(
        {path, generation_, position_++, header.sequence, header.durable_sequence, records.size()});
  }

  std::map<Generation, uint64_t> sealed_;  // data blocks of those that are needed
  std::string recycled_;
  Generation generation_;
  wal::BlockSequence sequence_ = wal::kFirstSequence;
  wal::BlockSequence segment_first_ = wal::kFirstSequence;
  uint64_t position_ = 0;
  uint32_t epoch_ = 1;
};

using Block = std::array<char, kBlockBytes>;

class Damage {
 public:
  Damage(Image& image, Input& input) : image_(image), input_(input) {}

  void edit() {
    switch (input_.byte() % 12) {
      case 0:
        return flip();
      case 1:
        return change(place(), [](Block& block) { block.fill(0); });
      case 2:  // torn at the border of a sector
        return change(place(), [this](Block& block) {
          std::fill(block.begin() + 512 * (input_.byte() % 8), block.end(), '\0');
        });
      case 3:
        return copy();
      case 4:
        return zero_from();
      case 5:
        return cut_file();
      case 6:
        return remove_file();
      case 7:
        return add_spare();
      case 10:
        return add_recycled_spare();
      case 11:
        return remove_segment();
      default:
        return reseal();
    }
  }
  bool sealed_anew = false;
  bool needed_missing = false;  // a segment before the newest
  bool only_files = true;       // whole files came and went, no block was touched

 private:
  size_t place() { return input_.byte() % image_.places.size(); }
  template <class Change>
  void change(size_t at, Change change) {
    Image::Place& place = image_.places[at];
    if (!image_.storage.files.contains(place.path)) return;
    auto& block = image_.storage.block(place.path, place.block);
    auto changed = std::make_shared<Block>(block ? *block : Block{});
    const Block before = *changed;
    change(*changed);
    if (*changed != before) place.intact = only_files = false;
    block = std::move(changed);
  }
  void flip() {
    const size_t at = place(), bit = input_.number<uint16_t>() % (kBlockBytes * 8);
    change(at, [bit](Block& block) { block[bit / 8] ^= static_cast<char>(1 << bit % 8); });
  }
  // A write that went to another place, or an older block that came back.
  void copy() {
    const Image::Place from = image_.places[place()];
    if (!image_.storage.files.contains(from.path)) return;
    const auto block = image_.storage.block(from.path, from.block);
    if (block) change(place(), [&](Block& to) { to = *block; });
  }
  void zero_from() {
    for (size_t at = place(); at < image_.places.size(); ++at) {
      change(at, [](Block& block) { block.fill(0); });
    }
  }
  void cut_file() {
    const std::string path = image_.places[place()].path;
    if (!image_.storage.files.contains(path)) return;
    MemoryStorage::File& file = image_.storage.files[path];
    file.bytes = std::min<uint64_t>(file.bytes, input_.number<uint16_t>() * uint64_t{64});
    only_files = false;
  }
  std::string next_spare() const {
    Generation generation = image_.newest().next();
    while (image_.storage.files.contains(wal::segment_path("d", 0, generation))) {
      generation = generation.next();
    }
    return wal::segment_path("d", 0, generation);
  }
  void add_spare() { image_.storage.make(next_spare(), kSegmentBytes); }
  // The file of a released segment that is still there, with its old blocks.
  void add_recycled_spare() {
    for (Generation generation = wal::kFirstGeneration; generation < image_.newest();
         generation = generation.next()) {
      const std::string path = wal::segment_path("d", 0, generation);
      if (image_.counts(image_.newest(), generation)) continue;
      if (!image_.storage.files.contains(path)) continue;
      return image_.storage.rename(path, next_spare());
    }
  }
  void remove_segment() {
    const Generation generation = wal::kFirstGeneration + input_.byte() % image_.newest().value;
    if (generation == image_.newest()) return;
    image_.storage.files.erase(wal::segment_path("d", 0, generation));
    if (image_.counts(image_.newest(), generation)) needed_missing = true;
  }
  void remove_file() {
    image_.storage.files.erase(image_.places[place()].path);
    only_files = false;
    sealed_anew = true;  // with the newest file its watermarks are gone, and nothing can tell
  }
  void reseal() {
    sealed_anew = true;
    change(place(), [this](Block& block) {
      BlockHeader header;
      std::memcpy(&header, block.data(), sizeof header);
      char* fields = reinterpret_cast<char*>(&header);
      const size_t field = input_.byte() % (sizeof header / 4);
      const uint32_t value =
          input_.byte() % 2 == 0 ? input_.byte() : static_cast<uint32_t>(-1 - input_.byte());
      std::memcpy(fields + field * 4, &value, sizeof value);
      if (input_.byte() % 4 == 0) block[sizeof header] = static_cast<char>(input_.byte());
      wal::seal_block(block.data(), header);
    });
  }

  Image& image_;
  Input& input_;
};

struct Recovered {
  Result<wal::Tail> tail;
  std::vector<std::string> records;
};

Recovered recover(MemoryStorage& storage) {
  std::vector<std::string> records;
  auto tail = wal::recover(storage, kIdentity, log_options(),
                           [&](auto record, auto, auto&) { records.emplace_back(record); });
  return {std::move(tail), std::move(records)};
}

bool is_prefix(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

// How many records of those that count for `newest` are below the highest watermark that is left.
size_t certain(const Image& image, Generation newest) {
  uint64_t watermark = 0;
  for (const Image::Place& place : image.places) {
    const bool there = place.intact && image.storage.files.contains(place.path);
    if (there) watermark = std::max(watermark, place.durable);
  }
  size_t records = 0;
  for (const Image::Place& place : image.places) {
    const bool counts = image.counts(image.newest(), place.generation);
    if (!counts || place.block == 0 || place.sequence >= watermark) continue;
    records = std::max(records, place.records);
  }
  size_t certain = 0;
  for (size_t i = 0; i < records; ++i) certain += image.counts(newest, image.segment_of[i]);
  return certain;
}

// Whichever segment is taken for the newest one.
void check_prefix(const Image& image, const Recovered& recovered) {
  bool explained = false;
  for (const auto& [newest, needed] : image.needed_by) {
    explained |= is_prefix(recovered.records, image.told_by(newest)) &&
                 recovered.records.size() >= certain(image, newest);
  }
  ONCE_ASSERT(explained);
}

bool newest_header_is_there(const Image& image) {
  for (const Image::Place& place : image.places) {
    if (place.generation != image.newest() || place.block != 0) continue;
    const auto file = image.storage.files.find(place.path);
    return place.intact && file != image.storage.files.end() && file->second.bytes == kSegmentBytes;
  }
  return false;
}

void check_tail(const wal::Tail& tail) {
  ONCE_ASSERT(tail.epoch > 0);  // above every one that was seen
  ONCE_ASSERT(tail.generation >= wal::kFirstGeneration &&
              tail.segment_first_sequence >= wal::kFirstSequence);
  ONCE_ASSERT(tail.segment_first_sequence <= wal::kMaxSequence);  // there is room to count on
  ONCE_ASSERT(tail.next_sequence >= tail.segment_first_sequence);
  ONCE_ASSERT(tail.next_sequence - tail.segment_first_sequence <= kSegmentBlocks - 1);
  ONCE_ASSERT(tail.durable_sequence == tail.next_sequence);
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once::fuzz;
  Input input(data, size);
  Image image;
  for (size_t i = input.byte() % kMaxBatches; i-- > 0;) image.add_batch(input);
  Damage damage(image, input);
  const bool untouched = input.empty();
  for (size_t i = 0; i < kMaxEdits && !input.empty(); ++i) damage.edit();
  const Recovered first = recover(image.storage);
  const Recovered again = recover(image.storage);
  ONCE_ASSERT(first.tail.has_value() == again.tail.has_value() && first.records == again.records);
  const bool known = untouched || (damage.only_files && !damage.needed_missing);
  if (known) ONCE_ASSERT(first.tail && first.records == image.told_by(image.newest()));
  if (damage.needed_missing && !damage.sealed_anew && newest_header_is_there(image)) {
    ONCE_ASSERT(!first.tail);
  }
  for (const Image::Place& place : image.places) {
    const auto file = image.storage.files.find(place.path);
    if (file == image.storage.files.end() || file->second.bytes == kSegmentBytes) continue;
    if (image.counts(image.newest(), place.generation)) ONCE_ASSERT(!first.tail);
  }
  if (!first.tail) {
    ONCE_ASSERT(!first.tail.error().message.empty());
    return 0;
  }
  check_tail(*first.tail);
  if (!damage.sealed_anew) check_prefix(image, first);
  return 0;
}
