// Recovery of a log whose blocks were damaged, moved, or made by somebody who can seal a block.
// Input: u8 count of batches and what each holds, then edits, each u8 what and where. As long as no
// edit sealed a block anew, what recovery gives is a prefix of what was written, with everything
// below the highest watermark that is left; and always it is the same twice, and a tail that a log
// can go on from.
#include <algorithm>
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
    if (position_ + blocks > kSegmentBlocks || what % 32 == 31) open_segment();
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
    sequence_ += blocks;
  }

  MemoryStorage storage;
  std::vector<Place> places;
  std::vector<std::string> records;

 private:
  BlockHeader stamp(BlockKind kind) const {
    BlockHeader header = wal::header_for(kIdentity, 0);
    header.kind = static_cast<uint32_t>(kind);
    header.generation = generation_;
    header.segment_first_sequence = segment_first_;
    header.sequence = header.durable_sequence = sequence_;
    header.epoch = epoch_;
    return header;
  }
  void open_segment() {
    std::string needed;
    if (generation_ > 0) needed = wal::encode_needed({{1, generation_, position_ - 1}});
    ++generation_;
    segment_first_ = sequence_;
    position_ = 0;
    storage.make(wal::segment_path("d", 0, generation_), kSegmentBytes);
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
    places.push_back({path, position_++, header.sequence, header.durable_sequence, records.size()});
  }

  uint64_t generation_ = 0;
  uint64_t sequence_ = wal::kFirstSequence;
  uint64_t segment_first_ = wal::kFirstSequence;
  uint64_t position_ = 0;
  uint32_t epoch_ = 1;
};

using Block = std::array<char, kBlockBytes>;

class Damage {
 public:
  Damage(Image& image, Input& input) : image_(image), input_(input) {}

  void edit() {
    switch (input_.byte() % 10) {
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
      default:
        return reseal();
    }
  }
  bool sealed_anew = false;

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
    if (*changed != before) place.intact = false;
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
  }
  void add_spare() {
    uint64_t generation = 1;
    while (image_.storage.files.contains(wal::segment_path("d", 0, generation))) ++generation;
    image_.storage.make(wal::segment_path("d", 0, generation), kSegmentBytes);
  }
  void remove_file() {
    image_.storage.files.erase(image_.places[place()].path);
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

void check_prefix(const Image& image, const Recovered& recovered) {
  ONCE_ASSERT(recovered.records.size() <= image.records.size());
  ONCE_ASSERT(
      std::equal(recovered.records.begin(), recovered.records.end(), image.records.begin()));
  uint64_t watermark = 0;
  for (const Image::Place& place : image.places) {
    if (place.intact) watermark = std::max(watermark, place.durable);
  }
  for (const Image::Place& place : image.places) {
    if (place.block == 0 || place.sequence >= watermark) continue;
    ONCE_ASSERT(recovered.records.size() >= place.records);
  }
}

void check_tail(const wal::Tail& tail) {
  ONCE_ASSERT(tail.epoch > 0);  // above every one that was seen
  ONCE_ASSERT(tail.generation >= 1 && tail.segment_first_sequence >= wal::kFirstSequence);
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
  if (untouched) ONCE_ASSERT(first.tail && first.records == image.records);
  for (const auto& [path, file] : image.storage.files) {
    if (file.bytes != kSegmentBytes) ONCE_ASSERT(!first.tail);
  }
  if (!first.tail) {
    ONCE_ASSERT(!first.tail.error().message.empty());
    return 0;
  }
  check_tail(*first.tail);
  if (!damage.sealed_anew) check_prefix(image, first);
  return 0;
}
