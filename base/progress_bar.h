// How far a long piece of work has come, in one line that is written again and again: on a terminal
// only. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace once {

struct Progress {
  uint64_t done = 0;  // bytes, as `all`
  uint64_t all = 0;
  int64_t took_ns = 0;
};

// "[#########...........]  45 %  1.2 of 2.6 GiB, 310 MiB/s, 5 s left", at most `columns` wide.
std::string progress_line(const Progress& progress, size_t columns);

class ProgressBar {
 public:
  // On standard error; nothing is written unless that is a terminal.
  explicit ProgressBar(uint64_t all);
  ~ProgressBar();            // erases it
  void add(uint64_t bytes);  // shown ten times a second, and when all is done

 private:
  const bool on_;
  Progress progress_;
  int64_t begin_ns_ = 0;
  int64_t next_ns_ = 0;
};

}  // namespace once
