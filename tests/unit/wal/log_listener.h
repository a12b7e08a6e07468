// A log's listener that keeps what it is told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wal/log.h"

namespace once::wal {

struct Listener : LogListener {
  void on_durable(RecordNumber record) override { durable.push_back(record.value); }
  void on_log_failed(std::string_view what) override { failures.emplace_back(what); }
  void on_log_corrupt(std::string_view what) override {
    on_log_failed(what);
    ++corrupt;
  }
  void on_synced(int64_t took_ns) override { synced.push_back(took_ns); }
  std::vector<uint64_t> durable;  // numbers of records
  std::vector<int64_t> synced;
  std::vector<std::string> failures;
  int corrupt = 0;  // of these
};

}  // namespace once::wal
