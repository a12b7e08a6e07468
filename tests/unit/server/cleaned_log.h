// A log in memory with its cleaner, and a table of names in place of the replica: each name has one
// record that is needed. For tests of when the cleaner does what, and of how much space is left.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/cleaner.h"
#include "tests/unit/wal/memory_file_io.h"
#include "wal/log.h"

namespace once::server::test {

class CleanedLog final : public wal::LogListener, public CleanerHandler {
 public:
  static constexpr uint64_t kSegment = kMaxBatchBytes;  // the smallest there is

  explicit CleanedLog(bool adopts = false, uint64_t segment_bytes = kSegment) {
    options_.directory = "/disk";
    options_.segment_bytes = segment_bytes;
    options_.spares = 2;
    EXPECT_TRUE(wal::create_stream(disk_, identity_, options_));
    start(adopts);
  }
  // The process ends, at once, and another begins.
  void restart(bool adopts = false) {
    cleaner_.reset();
    log_.reset();
    io.pending.clear();
    start(adopts);
  }

  // A new version of a name.
  void write(const std::string& name, size_t value_bytes = 40) {
    append(name, name + "=" + std::to_string(++versions_) + std::string(value_bytes, 'v'));
  }
  // The loop's round: all that was written leaves in one batch, and is durable at its end.
  void round(int64_t ns = 0) {
    io.now += ns;
    cleaner_->on_round(io.now);
    log_->flush();
    complete();
  }
  void rounds(int n, int64_t ns) {
    for (int i = 0; i < n; ++i) round(ns);
  }
  // One write a batch, so that each takes a block; until another segment is sealed.
  void fill_a_segment(const std::string& name) {
    for (const size_t before = sealed(); sealed() == before;) {
      write(name);
      log_->flush();
      complete();
    }
  }
  void complete() {
    io.complete_all();
    log_->on_tick(io.now);
    io.complete_all();
  }

  Cleaner& cleaner() { return *cleaner_; }
  wal::Log& log() { return *log_; }
  uint64_t needed_bytes() const { return log_->use().needed_bytes(); }
  size_t sealed() const { return log_->use().segments().size() - 1; }
  uint64_t file_bytes() const { return disk_.files.size() * options_.segment_bytes; }
  // Within twice what is needed, and four segments.
  bool is_bounded(uint64_t more = 0) const {
    return file_bytes() <= 2 * needed_bytes() + (4 + more) * options_.segment_bytes;
  }
  size_t names() const { return places_.size(); }

  // --- CleanerHandler
  size_t keep(const paxos::LoggedRecord* records, size_t count) override {
    slices.push_back(count);
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      looked_at.push_back(records[i].number);
      const std::string record(records[i].bytes);
      const std::string name = record.substr(0, record.find('='));
      const auto place = places_.find(name);
      if (place == places_.end() || place->second.first != records[i].number) continue;
      append(name, record);
      bytes += record.size();
    }
    return bytes;
  }
  size_t keep_facts() override {
    ++facts;
    segments_at_facts = log_->use().segments().size();
    log_->append("facts");
    log_->no_longer_needed(log_->appended(), 5);
    return 5;
  }
  Adopted adopt() override {
    ++adoptions;
    if (to_adopt == 0) return {};
    write("adopted-" + std::to_string(to_adopt), adopted_bytes);
    return {adopted_bytes, --to_adopt != 0};
  }
  void on_adopted() override { adopted = true; }
  bool may_clean() override { return allowed; }
  bool disk_is_full() override { return others_are_full; }

  // --- LogListener
  void on_durable(RecordNumber) override {}
  void on_log_failed(std::string_view what) override { FAIL() << what; }

  std::vector<size_t> slices;  // records of each
  std::vector<RecordNumber> looked_at;
  int facts = 0, adoptions = 0, to_adopt = 0;
  size_t segments_at_facts = 0;  // that were there when they were written last
  size_t adopted_bytes = 40;
  bool adopted = false, allowed = true, others_are_full = false;

 private:
  MemoryStorage disk_;

 public:
  MemoryFileIo io{disk_};

 private:
  void start(bool adopts) {
    places_.clear();
    auto tail =
        wal::recover(disk_, identity_, options_,
                     [&](std::string_view record, RecordNumber number, wal::SegmentUse& use) {
                       if (record == "facts") return use.no_longer_needed(number, record.size());
                       auto& place = places_[std::string(record.substr(0, record.find('=')))];
                       if (place.first != RecordNumber{})
                         use.no_longer_needed(place.first, place.second);
                       place = {number, record.size()};
                     });
    ASSERT_TRUE(tail) << tail.error().message;
    log_ = wal::open_log(io, identity_, options_, *tail, this);
    complete();
    cleaner_ = std::make_unique<Cleaner>(*log_, options_.segment_bytes, adopts, *this);
  }
  void append(const std::string& name, const std::string& record) {
    auto& place = places_[name];
    const auto before = std::exchange(place, {log_->append(record), record.size()});
    if (before.first != RecordNumber{}) log_->no_longer_needed(before.first, before.second);
  }

  const wal::Identity identity_{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  wal::LogOptions options_;
  std::map<std::string, std::pair<RecordNumber, size_t>> places_;  // number and size
  uint64_t versions_ = 0;
  std::unique_ptr<wal::Log> log_;
  std::unique_ptr<Cleaner> cleaner_;
};

}  // namespace once::server::test
