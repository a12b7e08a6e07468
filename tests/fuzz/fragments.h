// A stream cut into frames, once given whole and once in fragments that the input chooses: both
// ways must find the same frames and end the same way.
#pragma once

#include <string>
#include <vector>

#include "net/frame_assembler.h"
#include "tests/fuzz/input.h"

namespace once::fuzz {

struct Cut {
  std::vector<std::string> frames;
  bool bad_length = false;
  friend bool operator==(const Cut&, const Cut&) = default;
};

// `next_size` gives the size of each fragment, at least 1.
template <class NextSize>
Cut cut_stream(std::string_view stream, std::pair<size_t, size_t> limits, NextSize next_size) {
  net::FrameAssembler assembler;
  net::RoundMemory memory;
  Cut cut;
  while (!stream.empty() && !cut.bad_length) {
    const Exact fragment(stream.substr(0, next_size()));
    stream.remove_prefix(fragment.view().size());
    const auto outcome = assembler.feed(
        fragment.view(), memory, [&] { return limits; },
        [&](std::string_view frame, std::string_view) {
          cut.frames.emplace_back(frame);
          return true;
        });
    cut.bad_length = outcome == net::FrameAssembler::Outcome::kBadLength;
    memory.end_round();
  }
  return cut;
}

inline Cut cut_both_ways(std::string_view stream, std::pair<size_t, size_t> limits,
                         std::string_view fragment_sizes) {
  const Cut whole = cut_stream(stream, limits, [] { return SIZE_MAX; });
  size_t at = 0;
  const Cut parts = cut_stream(stream, limits, [&]() -> size_t {
    if (fragment_sizes.empty()) return 1;
    return 1 + static_cast<uint8_t>(fragment_sizes[at++ % fragment_sizes.size()]);
  });
  ONCE_ASSERT(parts == whole);
  return whole;
}

}  // namespace once::fuzz
