// What a node refuses to start from, and that a refusal changes nothing on its disk.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <tuple>

#include "server/exit_codes.h"
#include "tests/unit/server/node_cores_fixture.h"

namespace once::server {
namespace node_cores_test {

TEST_F(NodeCoresTest, MakesTheStreamsOfNewCoresAndKnowsThemFromThenOn) {
  ASSERT_TRUE(recover(2));
  EXPECT_TRUE(std::filesystem::exists(segment(1)));
  EXPECT_EQ(data_->streams(), 2u);
  EXPECT_TRUE(recover(1)) << "with fewer cores";
  EXPECT_EQ(data_->streams(), 2u);
}

// Names move between cores when their number changes; their records stay in the streams of before.
TEST_F(NodeCoresTest, FindsItsNamesInEveryStream) {
  ASSERT_TRUE(recover(3));
  for (uint32_t stream = 0; stream < 3; ++stream) {
    for (int n = 0; n < 4; ++n) write_to(stream, fmt::format("n{}", 4 * stream + n));
  }
  for (const bool threads : {false, true}) {
    threads_ = threads;
    for (uint16_t cores : {1, 2, 3}) {
      std::vector<uint64_t> names;
      ASSERT_TRUE(recover(cores, &names));
      EXPECT_EQ(std::accumulate(names.begin(), names.end(), uint64_t{0}), 12u) << cores;
      EXPECT_TRUE(adopts_);
    }
  }
}

// Side by side, where each core finds its own in its stream, and the promises in every one.
TEST_F(NodeCoresTest, ReadsStreamsOfTheirOwnCoresSideBySide) {
  for (const bool threads : {false, true}) {
    threads_ = threads;
    ASSERT_TRUE(recover(3));
    for (uint32_t stream = 0; stream < 3; ++stream) {
      for (uint32_t n = 0; n <= stream; ++n)
        write_to(stream, name_of(stream, 3, static_cast<int>(n)));
    }
    for (const uint32_t incarnation : {4u, 7u, 5u}) {
      write_bytes_to(1, paxos::RangePromiseRecord{NodeId{2}, Incarnation{incarnation}});
      write_bytes_to(1, paxos::RangePromiseRecord{NodeId{3}, Incarnation{incarnation + 10}});
    }
    std::vector<uint64_t> names;
    ASSERT_TRUE(recover(3, &names));
    EXPECT_EQ(names, (std::vector<uint64_t>{1, 2, 3}));
    EXPECT_EQ(promised_, (std::vector<uint32_t>{7, 17, 7, 17, 7, 17}));
    EXPECT_FALSE(adopts_);
  }
}

TEST_F(NodeCoresTest, OfStreamsThatAreReadSideBySideEachMustBeWhole) {
  threads_ = true;
  for (uint32_t stream = 0; stream < 3; ++stream) {
    ASSERT_TRUE(recover(3));
    std::filesystem::copy_file(segment(stream), path_ + "/kept");
    write_bytes_to(stream, std::string_view("\x08", 1));
    const auto refused = recover(3);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().exit_code, kExitCorrupt);
    EXPECT_NE(refused.error().message.find(fmt::format("log stream {} ", stream)),
              std::string::npos);
    std::filesystem::rename(path_ + "/kept", segment(stream));
  }
}

// A record is counted by its number in the stream of its own core alone.
TEST_F(NodeCoresTest, TakesNoRecordOfAnotherStreamForOneOfItsOwn) {
  ASSERT_TRUE(recover(2));
  for (int n = 0; n < 3; ++n) write_to(1, "name");
  for (uint16_t cores : {1, 2}) {
    std::vector<uint64_t> names;
    ASSERT_TRUE(recover(cores, &names));
    EXPECT_EQ(std::accumulate(names.begin(), names.end(), uint64_t{0}), 1u);
  }
}

// What is of no name goes with the stream too: what others said of their runs, for one.
TEST_F(NodeCoresTest, AdoptsWhatIsInAStreamThatWillGo) {
  ASSERT_TRUE(recover(2));
  EXPECT_FALSE(adopts_);
  write_bytes_to(1, paxos::RangePromiseRecord{NodeId{2}, Incarnation{7}});
  write_bytes_to(1, paxos::IncarnationRecord{Incarnation{9}});
  ASSERT_TRUE(recover(2));
  EXPECT_FALSE(adopts_);
  ASSERT_TRUE(recover(1));
  EXPECT_TRUE(adopts_);
  EXPECT_EQ(promised_, (std::vector<uint32_t>{7, 0})) << "the core that is left keeps it";
  EXPECT_EQ(incarnation_, Incarnation{10}) << "none is used twice";
}

// Of the runs of a peer each core knows from its own log: what any of them knows holds.
TEST_F(NodeCoresTest, ARunOfAPeerIsKnownFromWhicheverCoreKnowsIt) {
  ASSERT_TRUE(recover(3));
  for (uint32_t stream = 0; stream < 3; ++stream) {
    const uint32_t run = stream == 1 ? 90'000 : 5;
    write_bytes_to(stream, paxos::HomeProgressRecord{
                               {NodeId{2}, CoreId{0}}, Incarnation{run}, paxos::Sequence{1}});
  }
  ASSERT_TRUE(recover(3));
  // One that is far above all that is known would not be believed.
  EXPECT_TRUE(may_sit_);
}

// As a removal of streams leaves it, or a start, that did not end. What is left of it may be torn.
TEST_F(NodeCoresTest, ReadsNoStreamThatThereNeedNotBe) {
  ASSERT_TRUE(recover(3));
  for (const uint32_t stream : {1, 2}) write_to(stream, "of before");
  ASSERT_TRUE(data_->remember_streams(1));
  ASSERT_TRUE(std::filesystem::exists(segment(1, 2)));
  begin_removal();
  std::ofstream(segment(1, 2)) << "torn";
  std::vector<uint64_t> names;
  EXPECT_TRUE(recover(1, &names)) << "a part of one";
  EXPECT_EQ(names, std::vector<uint64_t>{0});
  EXPECT_FALSE(std::filesystem::exists(segment(1, 2)) || std::filesystem::exists(segment(2)))
      << "they would stay for ever";
  EXPECT_FALSE(std::filesystem::exists(removed(1)));
  EXPECT_TRUE(recover(2)) << "which is made anew";
  EXPECT_EQ(data_->streams(), 2u);
  EXPECT_FALSE(std::filesystem::exists(segment(2)));
  EXPECT_TRUE(recover(2));
}

// The same for a start with more cores, which wants a stream of that number itself.
TEST_F(NodeCoresTest, AStreamThatThereNeedNotBeIsNotTakenForTheOneOfANewCore) {
  ASSERT_TRUE(recover(3));
  write_to(1, "of before");
  ASSERT_TRUE(data_->remember_streams(1));
  begin_removal();
  EXPECT_TRUE(recover(2));
  EXPECT_EQ(data_->streams(), 2u);
  EXPECT_FALSE(std::filesystem::exists(segment(2)));
}

// As an older copy of the file `streams` says it: what is in the log must not vanish by that.
TEST_F(NodeCoresTest, RemovesNoStreamThatTheLastRunWrote) {
  for (const auto& [of_others, of_stream, removed] :
       {std::tuple{7u, 7u, false}, {7u, 8u, false}, {7u, 6u, true}, {0u, 1u, false}}) {
    ASSERT_TRUE(recover(3));
    if (of_others > 0) write_bytes_to(0, paxos::IncarnationRecord{Incarnation{of_others}});
    write_bytes_to(2, paxos::IncarnationRecord{Incarnation{of_stream}});
    write_bytes_to(2, paxos::IncarnationRecord{Incarnation{of_stream - 1}});
    ASSERT_TRUE(data_->remember_streams(1));
    for (const uint16_t cores : {1, 3, 2}) {
      const auto recovered = recover(cores);
      EXPECT_EQ(recovered.has_value(), removed) << of_others << " and " << of_stream;
      if (recovered) break;
      EXPECT_EQ(recovered.error().exit_code, kExitCorrupt);
      EXPECT_NE(recovered.error().message.find("wrote stream 2 as well"), std::string::npos)
          << recovered.error().message;
      EXPECT_EQ(data_->streams(), 1u);
    }
    EXPECT_EQ(std::filesystem::exists(segment(2)), !removed);
    EXPECT_EQ(std::filesystem::exists(segment(1)), !removed) << "all or none";
    make_anew();
  }
}

// What the last run wrote may be behind a place that is rotten, or that cannot be read just now, or
// in a file that is missing.
TEST_F(NodeCoresTest, RemovesNoStreamWhoseLastRunItCannotRead) {
  const auto rot = [this] {
    std::fstream file(segment(1), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kBlockBytes + 2000).put('x');
  };
  const auto point_nowhere = [this] {
    std::filesystem::remove(segment(1));
    std::filesystem::create_symlink("/nowhere/segment", segment(1));
  };
  const auto cut = [this] { std::filesystem::resize_file(segment(1), kBlockBytes); };
  const auto lose = [this] { std::filesystem::remove(segment(1)); };
  for (const auto& [damage, code] : {std::pair<std::function<void()>, int>{rot, kExitCorrupt},
                                     {cut, kExitCorrupt},
                                     {lose, kExitCorrupt},
                                     {point_nowhere, kExitDirectory}}) {
    ASSERT_TRUE(recover(2));
    write_bytes_to(0, paxos::IncarnationRecord{Incarnation{7}});
    write_bytes_to(1, paxos::IncarnationRecord{Incarnation{6}});
    write_bytes_to(1, paxos::IncarnationRecord{Incarnation{7}});
    ASSERT_TRUE(data_->remember_streams(1));
    damage();
    for (const uint16_t cores : {1, 2}) {
      const auto refused = recover(cores);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().exit_code, code) << refused.error().message;
      EXPECT_NE(refused.error().message.find("Nothing was removed"), std::string::npos)
          << refused.error().message;
    }
    EXPECT_TRUE(std::filesystem::exists(segment(1, 2)));
    make_anew();
  }
}

// Somebody's notes, and a folder, whatever they are called.
TEST_F(NodeCoresTest, RemovesNothingThatIsNotOfALog) {
  const std::vector<std::string> others = {"log-7-notes.segments.txt",
                                           "log-2026-01-02.seg.bak",
                                           "log-1-5.seg.bak",
                                           "log-01-1.seg",
                                           "log-1-01.seg",
                                           "log-1-1.seg.tmp.tmp",
                                           "log-1-0.seg",
                                           "removed-notes",
                                           "removed-log-1-1",
                                           "xlog-1-1.seg"};
  for (const std::string& name : others) std::ofstream(path_ + "/" + name) << "mine";
  std::filesystem::create_directories(path_ + "/log-8-1.seg/mine");
  std::ofstream(path_ + "/log-9-2.seg.tmp") << "of a start that did not end";
  std::ofstream(path_ + "/log-9-3.seg") << "the same of a removal";
  std::ofstream(path_ + "/removed-log-9-1.seg") << "which is known by this";
  std::ofstream(path_ + "/removed-log-0-1.seg") << "and of one, long ago";
  ASSERT_TRUE(recover(1));
  for (const std::string& name : others) {
    EXPECT_TRUE(std::filesystem::exists(path_ + "/" + name)) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(path_ + "/log-8-1.seg/mine"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/log-9-2.seg.tmp"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/log-9-3.seg"));
  for (const char* name : {"/removed-log-9-1.seg", "/removed-log-0-1.seg"}) {
    EXPECT_FALSE(std::filesystem::exists(path_ + name)) << name;
  }
}

// A part of a stream and nothing else would be a loss: before any file is gone, all are called so.
TEST_F(NodeCoresTest, ARemovalThatCannotBeginRemovesNothing) {
  ASSERT_TRUE(recover(4));
  ASSERT_TRUE(data_->remember_streams(1));
  std::filesystem::create_directories(removed(2) + "/mine");
  EXPECT_FALSE(data_->remove_other_streams());
  for (const uint32_t stream : {1, 2, 3}) {
    const bool renamed = stream != 2 && std::filesystem::exists(removed(stream));
    EXPECT_TRUE(renamed || std::filesystem::exists(segment(stream))) << stream;
  }
  std::filesystem::remove_all(removed(2));
  EXPECT_TRUE(recover(1));
  EXPECT_FALSE(std::filesystem::exists(removed(1)) || std::filesystem::exists(segment(3)));
}

// Else a later start would remove them as streams that there need not be.
TEST_F(NodeCoresTest, ServesOnNoStreamsThatItCouldNotRemember) {
  std::filesystem::create_directories(path_ + "/streams.tmp/in the way");
  const auto refused = recover(2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit_code, kExitDirectory);
  std::filesystem::remove_all(path_ + "/streams.tmp");
  EXPECT_TRUE(recover(2));
  EXPECT_EQ(data_->streams(), 2u);
}

// DESIGN 3.6: "A node whose disk was lost must not vote under its old number"
TEST_F(NodeCoresTest, RefusesToStartWithoutAStreamThatItHad) {
  ASSERT_TRUE(recover(2));
  for (uint32_t stream : {1, 0}) {
    std::filesystem::rename(segment(stream), path_ + "/kept");
    for (uint16_t cores : {1, 2}) {
      const auto recovered = recover(cores);
      ASSERT_FALSE(recovered);
      EXPECT_EQ(recovered.error().exit_code, kExitCorrupt);
      EXPECT_FALSE(std::filesystem::exists(segment(stream))) << "made anew";
    }
    std::filesystem::rename(path_ + "/kept", segment(stream));
    EXPECT_TRUE(recover(2));
  }
}

// A record that this version does not know is a promise that it would break: it must not vote. Nor
// may it be passed over because another record, or another core's stream, is read after it.
TEST_F(NodeCoresTest, RefusesToStartFromARecordThatItDoesNotKnow) {
  const std::string kept = path_ + "/log-0-1.kept";
  const std::string unknown_kind(1, 8), cut_short("\x02\x01", 2), run_on("\x01\x07\0\0\0\0", 6);
  const std::string nothing;
  for (const uint16_t cores : {1, 2}) {
    for (const std::string& bytes : {unknown_kind, cut_short, run_on, nothing}) {
      ASSERT_TRUE(recover(cores));
      const uint32_t stream = cores - 1u;
      std::filesystem::copy_file(segment(stream), kept);
      write_bytes_to(stream, bytes);
      write_to(stream, "behind it");
      const auto recovered = recover(cores);
      ASSERT_FALSE(recovered) << "a record of " << bytes.size() << " bytes";
      EXPECT_EQ(recovered.error().exit_code, kExitCorrupt);
      EXPECT_NE(recovered.error().message.find("a record that only a newer onced knows"),
                std::string::npos)
          << recovered.error().message;
      EXPECT_NE(recovered.error().message.find(fmt::format("log stream {} ", stream)),
                std::string::npos);
      std::filesystem::rename(kept, segment(stream));
      EXPECT_TRUE(recover(cores)) << "without it";
    }
  }
}

TEST_F(NodeCoresTest, FindsTheLargestRecordThereIs) {
  ASSERT_TRUE(recover(1));
  const std::string name(kMaxNameBytes, 'n'), value(kMaxValueBytes, 'v');
  const paxos::Ballot ballot{Round{1}, NodeId{2}, Incarnation{1}};
  write_bytes_to(
      0, paxos::AcceptRecord{
             ballot, CoreId{0}, paxos::Sequence{0}, {1, true, request_id(1, 1), value}, name});
  std::vector<uint64_t> names;
  ASSERT_TRUE(recover(1, &names));
  EXPECT_EQ(names, std::vector<uint64_t>{1});
}

class NotingIo final : public FakeFileIo {
 public:
  void write_file(reactor::FileId file, uint64_t offset, std::span<const char> bytes,
                  reactor::SyncMode mode, uint64_t token) override {
    modes.push_back(mode);
    FakeFileIo::write_file(file, offset, bytes, mode, token);
  }
  std::vector<reactor::SyncMode> modes;
};

// In the mode that is good for its disk, and with a reserve, so that a full disk can be cleaned.
TEST_F(NodeCoresTest, ItsLogsAreWrittenAsItWasToldAndHaveTwoSpares) {
  for (const auto mode : {reactor::SyncMode::kFdatasync, reactor::SyncMode::kDsync}) {
    NotingIo io;
    NodeOptions options;
    options.direct = false;
    options.index_key = SipKey{1, 2};
    options.sync = mode;
    NodeHost host(*data_, 1, "a:1");
    NodeCores node(options, *data_, storage_, host, {&io});
    ASSERT_TRUE(node.recover());
    node.build();
    node.start();
    io.complete_all();
    EXPECT_FALSE(io.modes.empty());
    EXPECT_EQ(io.modes, std::vector<reactor::SyncMode>(io.modes.size(), mode));
    EXPECT_TRUE(std::filesystem::exists(segment(0, 2)));
    EXPECT_TRUE(std::filesystem::exists(segment(0, 3)));
    EXPECT_FALSE(std::filesystem::exists(segment(0, 4)));
  }
}

}  // namespace node_cores_test
}  // namespace once::server
