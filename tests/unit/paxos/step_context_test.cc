#include "paxos/step_context.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace step_context_test {

constexpr Endpoint kPeer{NodeId{2}, CoreId{0}};

TEST(StepContext, NumbersRecordsFromOneAndSteps) {
  StepContext step;
  Output out;
  step.begin(100, out);
  EXPECT_EQ(step.now(), 100);
  EXPECT_EQ(step.append(IncarnationRecord{Incarnation{1}}), RecordNumber{1});
  EXPECT_EQ(step.append(IncarnationRecord{Incarnation{1}}), RecordNumber{2});
  EXPECT_EQ(out.record_ends.size(), 2u);
  step.end(300);
  EXPECT_EQ(out.step_again_ns, 300);
  step.begin(200, out);
  EXPECT_EQ(step.number(), 2u);
  EXPECT_EQ(step.last_record(), RecordNumber{2});
  EXPECT_EQ(step.durable(), RecordNumber{});
}

// Who writes only news down may do it later; one record that is waited for is enough to do it now.
TEST(StepContext, CountsNewsAmongTheRecords) {
  StepContext step;
  Output out;
  std::vector<Needless> needless;
  step.begin(100, out);
  step.append_news(DecidedRecord{{}, 1, "name"});
  EXPECT_EQ(out.record_ends.size(), 1u);
  EXPECT_EQ(out.news, 1u);
  step.append(IncarnationRecord{Incarnation{1}});
  step.append_needless(IncarnationRecord{Incarnation{1}});
  EXPECT_EQ(out.record_ends.size(), 3u);
  EXPECT_EQ(out.news, 1u);
  step.log_news(false);
  step.append_news(DecidedRecord{{}, 1, "name"});
  EXPECT_EQ(out.record_ends.size(), 3u);
  EXPECT_EQ(out.news, 1u);
  out.clear();
  EXPECT_EQ(out.news, 0u);
}

// Record 1 names the run: what would rest on nothing rests on that.
TEST(StepContext, NothingLeavesBeforeTheFirstRecordIsDurable) {
  StepContext step;
  Output out;
  step.begin(100, out);
  step.append(IncarnationRecord{Incarnation{1}});
  step.append(IncarnationRecord{Incarnation{1}});
  step.send(kPeer, RestsOn{}, HomeProgress{});
  step.send(kPeer, RestsOn{RecordNumber{2}}, HomeProgress{});
  EXPECT_EQ(out.messages[0].rests_on.record.value, 1u);
  EXPECT_EQ(out.messages[1].rests_on.record.value, 2u);
}

TEST(StepContext, MeasuresTheFirstWriteOfTheLogOnly) {
  StepContext step;
  Output out;
  step.begin(100, out);
  step.start(Incarnation{1});
  step.append(IncarnationRecord{Incarnation{1}});
  step.append(IncarnationRecord{Incarnation{1}});
  step.end(0);
  for (const auto& [record, now] : {std::pair(1u, 150), std::pair(2u, 500)}) {
    step.begin(now, out);
    step.set_durable(RecordNumber{record});
    step.end(0);
    EXPECT_EQ(step.log_write_ns(), 50);
  }
}

// The log may write news late, and what rested on them would leave late.
TEST(StepContextDeathTest, RefusesWhatWouldRestOnNews) {
  StepContext step;
  Output out;
  std::vector<Needless> needless;
  step.begin(100, out);
  step.append(IncarnationRecord{Incarnation{1}});
  step.append_news(DecidedRecord{{}, 1, "name"});
  EXPECT_EQ(step.last_record(), RecordNumber{2});
  EXPECT_EQ(step.last_waited_for(), RecordNumber{1});
  EXPECT_DEATH(step.send(kPeer, RestsOn{RecordNumber{2}}, HomeProgress{}), "last_waited_for_");
  step.append_needless(IncarnationRecord{Incarnation{1}});
  EXPECT_EQ(step.last_waited_for(), RecordNumber{3});
  step.send(kPeer, RestsOn{RecordNumber{2}}, HomeProgress{});
}

TEST(StepContextDeathTest, RefusesWhatWouldBreakPersistBeforeSend) {
  StepContext step;
  Output out;
  step.begin(100, out);
  step.append(IncarnationRecord{Incarnation{1}});
  EXPECT_DEATH(step.send(kPeer, RestsOn{RecordNumber{2}}, HomeProgress{}), "last_waited_for_");
  EXPECT_DEATH(step.set_durable(RecordNumber{2}), "last_record_");
  step.set_durable(RecordNumber{1});
  EXPECT_DEATH(step.set_durable(RecordNumber{0}), "durable_");
  step.end(0);
  EXPECT_DEATH(step.append(IncarnationRecord{Incarnation{1}}), "out_");
}

}  // namespace step_context_test
}  // namespace once::paxos
