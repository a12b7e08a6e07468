// What a step of the core works with: its time and number, and where its records, messages and
// replies go.
//
// Contract (DESIGN 3.3): a record gets its number as it is made, in ascending order, and the
// numbers go on over runs. What is durable only grows, and was made. No message leaves that rests
// on a record which was not made, nor on nothing of this run: its first record names it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "paxos/numbers.h"
#include "paxos/record.h"
#include "paxos/replica.h"

namespace once::paxos {

class StepContext {
 public:
  // REQUIRES: no step is open. `out` is where all goes until end().
  void begin(int64_t now_ns, Output& out) {
    ONCE_ASSERT(out_ == nullptr);
    out_ = &out;
    needless_ = &out.needless;
    now_ = now_ns;
    ++number_;
  }
  // `step_again_ns`: see Output.
  void end(int64_t step_again_ns) {
    ONCE_ASSERT(out_ != nullptr);
    out_->step_again_ns = step_again_ns;
    out_ = nullptr;
    needless_ = nullptr;
  }
  // Before the run begins: the log has these records, and they are durable.
  void go_on_after(RecordNumber record) {
    ONCE_ASSERT(!has_begun());
    before_run_ = last_record_ = last_waited_for_ = durable_ = record;
  }
  // Before the run begins: where drop() goes.
  void recover_into(std::vector<Needless>* needless) {
    ONCE_ASSERT(!has_begun());
    needless_ = needless;
  }
  bool has_begun() const {  // this run's records
    ONCE_ASSERT(before_run_ <= last_record_);
    return last_record_ != before_run_;
  }
  Incarnation incarnation() const { return incarnation_; }  // of this run; 0: it has not begun
  bool is_open() const { return out_ != nullptr; }
  int64_t now() const { return now_; }
  uint64_t number() const { return number_; }  // counts steps: before and after without a clock

  // The run begins in this step.
  void start(Incarnation incarnation) {
    ONCE_ASSERT(out_ != nullptr && !has_begun() && incarnation != Incarnation{});
    incarnation_ = incarnation;
    started_at_ = now_;
  }
  template <class R>
  RecordNumber append(const R& record) {
    last_waited_for_ = add(record);
    return last_waited_for_;
  }
  // News that are lost are only known later: nothing that is sent or answered rests on them, and
  // the log may write them late. On a full disk they are not written: in a steady load each block
  // of them would be one less for cleaning and for starts.
  void log_news(bool yes) { logs_news_ = yes; }
  template <class R>
  void append_news(const R& record) {
    if (!logs_news_) return;
    add_needless(record);
    ++out_->news;
  }
  // Of what counts beside names, and is written anew by the cleaner (keep_facts).
  template <class R>
  void append_needless(const R& record) {
    add_needless(record);
    last_waited_for_ = last_record_;
  }
  // Nobody needs this record any more. 0: it is in the log of another core.
  void drop(RecordNumber record, size_t bytes) {
    ONCE_ASSERT(record == RecordNumber{} || needless_ != nullptr);
    if (record != RecordNumber{}) needless_->push_back({record, bytes});
  }
  RecordNumber last_record() const { return last_record_; }
  // The last that is no news: where what rests on all records before may rest.
  RecordNumber last_waited_for() const { return last_waited_for_; }
  RecordNumber durable() const { return durable_; }
  // The disk has all records up to this one.
  void set_durable(RecordNumber record) {
    ONCE_ASSERT(record >= durable_ && record <= last_record_);
    if (durable_ == before_run_) log_write_ns_ = now_ - started_at_;
    durable_ = record;
  }
  // How long the first write to the log took; 0: it has not ended.
  int64_t log_write_ns() const { return log_write_ns_; }

  // `repeats`: see Outgoing.
  void send(const Endpoint& to, RestsOn rests_on, const Message& message, bool repeats = false) {
    ONCE_ASSERT(out_ != nullptr);
    if (rests_on.record <= before_run_) rests_on.record = before_run_.next();
    ONCE_ASSERT(rests_on.record <= last_waited_for_);
    Outgoing& outgoing = out_->messages.emplace_back();
    outgoing.to = to;
    outgoing.rests_on = rests_on;
    outgoing.repeats = repeats;
    outgoing.message = message;
  }
  void reply(const ClientReply& reply) {
    ONCE_ASSERT(out_ != nullptr && has_begun());
    out_->replies.push_back(reply);
  }
  void report(Offence offence, NodeId node) {
    ONCE_ASSERT(out_ != nullptr && node.value != 0);
    out_->offenders[static_cast<size_t>(offence)] = node;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  template <class R>
  RecordNumber add(const R& record) {
    ONCE_ASSERT(out_ != nullptr);
    encode_record(record, out_->records);
    out_->record_ends.push_back(static_cast<uint32_t>(out_->records.size()));
    last_record_ = last_record_.next();
    return last_record_;
  }
  template <class R>
  void add_needless(const R& record) {
    const size_t begin = out_->records.size();
    const RecordNumber number = add(record);
    drop(number, out_->records.size() - begin);
  }

  Output* out_ = nullptr;
  std::vector<Needless>* needless_ = nullptr;
  int64_t now_ = 0;
  int64_t started_at_ = 0;
  int64_t log_write_ns_ = 0;
  uint64_t number_ = 0;
  RecordNumber before_run_;
  RecordNumber last_record_;
  RecordNumber last_waited_for_;
  RecordNumber durable_;
  Incarnation incarnation_;
  bool logs_news_ = true;
};

}  // namespace once::paxos
