#include "server/post_office.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "base/prng.h"

namespace once::server {
namespace post_office_test {

constexpr CoreId kA{0}, kB{1};

TEST(LetterPool, GivesBackWhatItWasGivenWithEmptyBytes) {
  LetterPool pool;
  LetterPtr letter = pool.take(Letter::Kind::kRequest, kA);
  letter->bytes = std::string(200, 'x');
  const Letter* first = letter.get();
  pool.give(std::move(letter));
  EXPECT_EQ(pool.spare(), 1u);
  letter = pool.take(Letter::Kind::kReply, kB);
  EXPECT_EQ(letter.get(), first);
  EXPECT_EQ(letter->kind, Letter::Kind::kReply);
  EXPECT_EQ(letter->from, kB);
  EXPECT_TRUE(letter->bytes.empty());
  EXPECT_GE(letter->bytes.capacity(), 200u) << "the buffer is what is worth keeping";
  EXPECT_EQ(pool.made(), 1u);
}

TEST(LetterPool, KeepsSoManyLettersAndNoMore) {
  LetterPool pool;
  std::vector<LetterPtr> letters;
  for (size_t i = 0; i < LetterPool::kMaxLetters + 5; ++i) {
    letters.push_back(pool.take(Letter::Kind::kRequest, kA));
  }
  for (LetterPtr& letter : letters) pool.give(std::move(letter));
  EXPECT_EQ(pool.spare(), LetterPool::kMaxLetters);
}

TEST(LetterPool, KeepsNoLongBufferForAShortLetter) {
  LetterPool pool;
  LetterPtr letter = pool.take(Letter::Kind::kReply, kA);
  letter->bytes = std::string(kMaxValueBytes, 'x');
  pool.give(std::move(letter));
  EXPECT_EQ(pool.spare(), 1u);
  EXPECT_LT(bytes_of(*pool.take(Letter::Kind::kReply, kA)), sizeof(Letter) + 100);
}

TEST(LetterPool, KeepsSoManyBytesAndNoMore) {
  LetterPool pool;
  constexpr size_t kLarge = LetterPool::kMostKept;
  std::vector<LetterPtr> letters;
  for (size_t i = 0; i < LetterPool::kMaxBytes / kLarge * 2; ++i) {
    letters.push_back(pool.take(Letter::Kind::kRequest, kA));
    letters.back()->bytes.assign(kLarge, 'x');
  }
  for (LetterPtr& letter : letters) pool.give(std::move(letter));
  EXPECT_GT(pool.spare(), 0u);
  EXPECT_LE(pool.spare() * kLarge, LetterPool::kMaxBytes);
  // Taken out again, they count no more.
  const size_t kept = pool.spare();
  for (size_t i = 0; i < kept; ++i) letters.push_back(pool.take(Letter::Kind::kRequest, kA));
  for (size_t i = 0; i < kept; ++i) {
    pool.give(std::move(letters.back()));
    letters.pop_back();
  }
  EXPECT_EQ(pool.spare(), kept);
}

TEST(PostOffice, KeepsEachPairOfCoresApart) {
  PostOffice office(3);
  LetterPool pool;
  for (uint16_t from : {1, 2}) {
    LetterPtr letter = pool.take(Letter::Kind::kRequest, CoreId{from});
    letter->bytes = std::to_string(from);
    ASSERT_TRUE(office.post(kA, letter));
  }
  LetterPtr letter;
  EXPECT_FALSE(office.take(kB, CoreId{2}, letter));
  ASSERT_TRUE(office.take(CoreId{2}, kA, letter));
  EXPECT_EQ(letter->bytes, "2");
  EXPECT_FALSE(office.take(CoreId{2}, kA, letter));
  ASSERT_TRUE(office.take(kB, kA, letter));
  EXPECT_EQ(letter->bytes, "1");
}

// Of letters of 64 KiB far fewer than kMailboxLetters: the cores share the bytes of each.
TEST(PostOffice, ABoxIsFullOfBytesToo) {
  for (const uint16_t cores : {2, 3}) {
    PostOffice office(cores);
    LetterPool pool;
    const size_t most = kMostMailBytes / (cores - 1u);
    const auto post = [&](size_t bytes) {
      LetterPtr letter = pool.take(Letter::Kind::kReply, kB);
      letter->bytes = std::string(bytes, 'x');
      return office.post(kA, letter);
    };
    while (post(kMaxValueBytes)) ASSERT_LE(office.posted_bytes(kB, kA), most);
    EXPECT_GT(office.posted_bytes(kB, kA), most - 2 * kMaxValueBytes);
    EXPECT_EQ(office.posted_bytes(kA, kB), 0u);
    LetterPtr letter;
    ASSERT_TRUE(office.take(kB, kA, letter));
    EXPECT_TRUE(post(kMaxValueBytes)) << "there is room again";
    EXPECT_FALSE(post(kMaxValueBytes));
    while (office.take(kB, kA, letter)) continue;
    EXPECT_EQ(office.posted_bytes(kB, kA), 0u);
    EXPECT_TRUE(post(2 * most)) << "an empty box takes any letter";
    EXPECT_FALSE(post(1));
  }
}

TEST(PostOffice, ALetterThatFoundNoPlaceIsNotCounted) {
  PostOffice office(2);
  LetterPool pool;
  for (size_t i = 0; i < kMailboxLetters; ++i) {
    LetterPtr letter = pool.take(Letter::Kind::kRequest, kA);
    ASSERT_TRUE(office.post(kB, letter));
  }
  const size_t full = office.posted_bytes(kA, kB);
  LetterPtr letter = pool.take(Letter::Kind::kRequest, kA);
  EXPECT_FALSE(office.post(kB, letter));
  EXPECT_NE(letter, nullptr);
  EXPECT_EQ(office.posted_bytes(kA, kB), full);
}

// One core asks, the other answers, each on its own thread with its own pool, as shards do. Under
// ThreadSanitizer this shows that a letter is never with two cores at once.
TEST(PostOffice, CarriesQuestionsAndAnswersBetweenTwoThreads) {
  constexpr uint64_t kQuestions = 50'000;
  constexpr uint64_t kOpen = 300;  // unanswered at a time
  PostOffice office(2);
  LetterPool asking, answering;
  std::thread other([&] {
    for (uint64_t n = 0; n < kQuestions;) {
      LetterPtr question;
      if (!office.take(kA, kB, question)) {
        std::this_thread::yield();
        continue;
      }
      LetterPtr answer = answering.take(Letter::Kind::kReply, kB);
      answer->bytes = question->bytes;
      answer->bytes += "!";
      answer->reply.token = question->request.token;
      answering.give(std::move(question));
      while (!office.post(kA, answer)) std::this_thread::yield();
      ++n;
    }
  });
  Prng prng(5);
  uint64_t asked = 0, answered = 0, wrong = 0;
  while (answered < kQuestions) {
    if (asked < kQuestions && asked - answered < kOpen && prng.below(2) == 0) {
      LetterPtr question = asking.take(Letter::Kind::kRequest, kA);
      question->bytes.assign(asked % 100, static_cast<char>('a' + asked % 26));
      question->request.token = asked;
      while (!office.post(kB, question)) std::this_thread::yield();
      ++asked;
    }
    LetterPtr answer;
    if (!office.take(kB, kA, answer)) {
      std::this_thread::yield();
      continue;
    }
    const std::string expected =
        std::string(answered % 100, static_cast<char>('a' + answered % 26)) + "!";
    wrong += answer->reply.token != answered || answer->bytes != expected;
    asking.give(std::move(answer));
    ++answered;
  }
  other.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(asking.made() + answering.made(), 2 * kOpen + 2) << "letters are used again";
}

}  // namespace post_office_test
}  // namespace once::server
