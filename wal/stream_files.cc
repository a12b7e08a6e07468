#include "wal/stream_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "wal/block_check.h"

namespace once::wal {
namespace {

class Finder {
 public:
  Finder(Storage& storage, const Identity& identity, const LogOptions& options, Position end,
         char* block)
      : storage_(storage), identity_(identity), options_(options), end_(end), block_(block) {}

  Result<StreamFiles> run();

 private:
  Result<std::optional<BlockHeader>> header_of(const SegmentFile& file);
  Result<void> find_newest();
  Result<void> read_list(const SegmentFile& file, const BlockHeader& header);
  Result<void> choose();
  Result<void> take(Generation generation);
  tl::unexpected<Error> missing(Generation generation) const;

  Storage& storage_;
  const Identity& identity_;
  const LogOptions& options_;
  const Position end_;
  char* const block_;
  std::vector<SegmentFile> files_;
  StreamFiles found_;
};

// Nothing: no segment was started in this file. Whatever else is wrong with the block is found when
// it is read again, if the file counts.
Result<std::optional<BlockHeader>> Finder::header_of(const SegmentFile& file) {
  auto size = storage_.sync_and_size(file.path);
  if (!size) return tl::unexpected(size.error());
  auto got = storage_.read(file.path, 0, {block_, kBlockBytes});
  if (!got) return tl::unexpected(got.error());
  BlockHeader header;
  if (*got != kBlockBytes || !is_whole(block_, &header)) return std::nullopt;
  // Of another node, or of a newer version: never a file that was not started.
  if (auto owner = check_owner(header, identity_, file.path); !owner) {
    return tl::unexpected(owner.error());
  }
  if (!in_place(header, options_.stream, 0) || Generation{header.generation} != file.generation) {
    return std::nullopt;
  }
  if (Position{header.epoch, BlockSequence{header.sequence}} > end_) return std::nullopt;
  return header;
}

Result<void> Finder::find_newest() {
  for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
    auto header = header_of(*file);
    if (!header) return tl::unexpected(header.error());
    if (!*header) continue;
    found_.newest = file->generation;
    return read_list(*file, **header);
  }
  return {};
}

Result<void> Finder::read_list(const SegmentFile& file, const BlockHeader& header) {
  if (header.version == kFirstFormatVersion) {
    if (file.generation > kFirstGeneration) {
      found_.needed.push_back({kFirstGeneration, file.generation.previous(), kUntold});
    }
    return {};
  }
  const auto list = decode_needed({block_ + sizeof header, header.payload_bytes});
  const Generation before =
      !list || list->empty() ? kFirstGeneration.previous() : list->back().last;
  if (!list || before.next() != file.generation) {
    return corrupt(file.path, 0, "its list of segments is none that a log writes");
  }
  found_.needed = *list;
  return {};
}

tl::unexpected<Error> Finder::missing(Generation generation) const {
  return corrupt(segment_path(options_.directory, options_.stream, generation), 0,
                 "the segment file is missing");
}

// The files are in rising order, and so are the generations that this is called with.
Result<void> Finder::take(Generation generation) {
  const auto file = std::lower_bound(
      files_.begin(), files_.end(), generation,
      [](const SegmentFile& one, Generation wanted) { return one.generation < wanted; });
  if (file == files_.end() || file->generation != generation) return missing(generation);
  found_.counted.push_back(*file);
  return {};
}

Result<void> Finder::choose() {
  for (const NeededRange& range : found_.needed) {
    for (Generation generation = range.first; generation <= range.last;
         generation = generation.next()) {
      if (auto taken = take(generation); !taken) return taken;
    }
  }
  for (Generation generation = found_.newest; generation <= files_.back().generation;
       generation = generation.next()) {
    if (auto taken = take(generation); !taken) return taken;
  }
  for (const SegmentFile& file : files_) {
    const bool counts = std::binary_search(
        found_.counted.begin(), found_.counted.end(), file,
        [](const auto& a, const auto& b) { return a.generation < b.generation; });
    if (counts) continue;
    // One that is of no use, for whatever reason, is left alone.
    if (storage_.sync_and_size(file.path).value_or(0) != options_.segment_bytes) continue;
    found_.free.push_back(file.generation);
  }
  return {};
}

Result<StreamFiles> Finder::run() {
  auto files = list_segments(storage_, options_.directory, options_.stream);
  if (!files) return tl::unexpected(files.error());
  files_ = std::move(*files);
  if (files_.empty()) {
    return error(fmt::format("no log segment of stream {} in {}: format the directory first",
                             options_.stream, options_.directory));
  }
  if (auto newest = find_newest(); !newest) return tl::unexpected(newest.error());
  if (found_.newest == Generation{}) {
    found_.counted = files_;
    return std::move(found_);
  }
  if (auto chosen = choose(); !chosen) return tl::unexpected(chosen.error());
  return std::move(found_);
}

}  // namespace

Result<StreamFiles> find_stream_files(Storage& storage, const Identity& identity,
                                      const LogOptions& options, Position end, char* block) {
  return Finder(storage, identity, options, end, block).run();
}

}  // namespace once::wal
