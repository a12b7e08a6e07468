// A small registry on a log, with a cleaner: keys whose versions rise, the newest of each needed.
// It goes through the log's whole life: recovery, appends, the reading of sealed segments, the
// copying of what is needed, release.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/prng.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::wal {

using Versions = std::map<uint32_t, uint64_t>;  // by key

class Registry : private LogListener {
 public:
  struct Entry {
    uint64_t version = 0;
    RecordNumber record;  // the newest of this key
    uint64_t bytes = 0;
  };

  Registry(Storage& disk, const Identity& identity, const LogOptions& options)
      : disk_(disk), identity_(identity), options_(options) {}

  // Empty, or why not.
  std::string start(reactor::Io& io) {
    auto tail =
        wal::recover(disk_, identity_, options_, [this](auto record, auto number, auto& use) {
          take(record, number, [&use](auto old, auto bytes) { use.no_longer_needed(old, bytes); });
        });
    if (!tail) return tail.error().message;
    tail_ = *tail;
    for (const auto& [key, entry] : entries_) acknowledged_[key] = entry.version;
    log_ = open_log(io, identity_, options_, *tail, this);
    return "";
  }
  // Its files are closed while there is somebody who knows them. What it knows stays, to judge by.
  void close() {
    reader_.reset();
    log_.reset();
  }
  // What recovery makes of a disk, without a log.
  static Result<Versions> read(Storage& disk, const Identity& identity, const LogOptions& options) {
    Registry registry(disk, identity, options);
    auto tail = wal::recover(disk, identity, options, [&](auto record, auto number, auto& use) {
      registry.take(record, number,
                    [&use](auto old, auto bytes) { use.no_longer_needed(old, bytes); });
    });
    if (!tail) return tl::unexpected(tail.error());
    Versions versions;
    uint64_t needed = 0;
    for (const auto& [key, entry] : registry.entries_) {
      versions[key] = entry.version;
      needed += entry.bytes + kRecordPrefixBytes;
    }
    EXPECT_EQ(tail->use.needed_bytes(), needed);
    return versions;
  }

  void set(uint32_t key, size_t size) {
    append(key, appended_versions_[key] = ++version_, std::string(size, static_cast<char>(key)));
  }
  // Does a little of the cleaner's work. Cleans whenever there are more segments than `enough`.
  void clean(size_t enough) {
    if (!reader_) {
      const SegmentUse::Segment* victim = log_->use().emptiest();
      if (victim == nullptr || log_->use().segments().size() <= enough) return;
      cleaned_ = victim->generation;
      reader_ = log_->read_segment(cleaned_);
    }
    if (!reader_->ready()) return;
    reader_->take(7, [this](std::string_view record, RecordNumber number) {
      const uint32_t key = key_of(record);
      if (entries_.at(key).record != number) return;
      const std::string copy(record);
      append(key, version_of(copy), copy.substr(kHead));
    });
    if (!reader_->done()) return;
    reader_.reset();
    EXPECT_EQ(log_->use().find(cleaned_)->needed_bytes, 0u) << "segment " << cleaned_.value;
    log_->release(cleaned_);
    ++released;
  }
  // Empty, or what is wrong with this state for one after a crash now.
  std::string judge(const Versions& found) const {
    for (const auto& [key, version] : acknowledged_) {
      const auto at = found.find(key);
      const uint64_t have = at == found.end() ? 0 : at->second;
      if (have < version) return fmt::format("key {}: version {} of {}", key, have, version);
    }
    for (const auto& [key, version] : found) {
      const auto at = appended_versions_.find(key);
      const uint64_t most = at == appended_versions_.end() ? 0 : at->second;
      if (version > most && version > recovered_version(key)) return fmt::format("key {}", key);
    }
    return "";
  }

  Log& log() { return *log_; }
  const Tail& tail() const { return tail_; }
  uint64_t version() const { return version_; }
  void set_version(uint64_t version) { version_ = version; }
  uint64_t released = 0;

 private:
  static constexpr size_t kHead = sizeof(uint32_t) + sizeof(uint64_t);
  static uint32_t key_of(std::string_view record) {
    uint32_t key;
    std::memcpy(&key, record.data(), sizeof key);
    return key;
  }
  static uint64_t version_of(std::string_view record) {
    uint64_t version;
    std::memcpy(&version, record.data() + sizeof(uint32_t), sizeof version);
    return version;
  }
  uint64_t recovered_version(uint32_t key) const {
    const auto at = entries_.find(key);
    return at == entries_.end() ? 0 : at->second.version;
  }

  template <class NoLongerNeeded>
  void take(std::string_view record, RecordNumber number, NoLongerNeeded no_longer_needed) {
    Entry& entry = entries_[key_of(record)];
    if (version_of(record) < entry.version) return no_longer_needed(number, record.size());
    if (entry.record != RecordNumber{}) no_longer_needed(entry.record, entry.bytes);
    entry = {version_of(record), number, record.size()};
    version_ = std::max(version_, entry.version);
  }
  void append(uint32_t key, uint64_t version, const std::string& value) {
    std::string record(kHead, '\0');
    std::memcpy(record.data(), &key, sizeof key);
    std::memcpy(record.data() + sizeof key, &version, sizeof version);
    record += value;
    const RecordNumber number = log_->append(record);
    take(record, number, [this](auto old, auto bytes) { log_->no_longer_needed(old, bytes); });
    waiting_.push_back({number, key, version});
  }

  void on_durable(RecordNumber record) override {
    for (; !waiting_.empty() && waiting_.front().record <= record; waiting_.pop_front()) {
      uint64_t& version = acknowledged_[waiting_.front().key];
      version = std::max(version, waiting_.front().version);
    }
  }
  void on_log_failed(std::string_view what) override { ADD_FAILURE() << what; }

  struct Waiting {
    RecordNumber record;
    uint32_t key;
    uint64_t version;
  };
  Storage& disk_;
  const Identity identity_;
  const LogOptions options_;
  Tail tail_;
  std::map<uint32_t, Entry> entries_;
  Versions acknowledged_;
  Versions appended_versions_;
  uint64_t version_ = 0;
  std::deque<Waiting> waiting_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<SegmentReader> reader_;
  Generation cleaned_;
};

}  // namespace once::wal
