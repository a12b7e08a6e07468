// The head of a request: what is taken, what is refused, in whatever pieces it comes.
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "doors/http/request_head.h"

namespace once::doors::http {
namespace http_head_test {

using What = HeadReader::What;

// What came of `bytes`, given in pieces of so many.
struct Read {
  What what = What::kMore;
  uint16_t status = 0;
  std::string_view why;
  size_t head_bytes = 0;
  size_t body_bytes = 0;
  bool keeps_alive = false;
  friend bool operator==(const Read&, const Read&) = default;
};

Read read_in_pieces(std::string_view bytes, size_t piece) {
  HeadReader reader;
  Read read;
  for (size_t given = 0; given < bytes.size() && read.what == What::kMore;) {
    given = std::min(bytes.size(), given + piece);
    // Somewhere else each time, as it may be with a listener, and nothing behind it.
    const std::string there(bytes.substr(0, given));
    read.what = reader.read(there);
  }
  read.status = reader.objection().status;
  read.why = reader.objection().text;
  if (read.what == What::kHead) {
    read.head_bytes = reader.head().bytes;
    read.body_bytes = reader.head().body_bytes;
    read.keeps_alive = reader.head().keeps_alive;
  }
  return read;
}

Read read_of(const std::string& bytes) {
  const Read whole = read_in_pieces(bytes, bytes.size());
  for (size_t piece : {1u, 2u, 3u, 7u, 64u})
    EXPECT_EQ(read_in_pieces(bytes, piece), whole) << bytes;
  return whole;
}

std::string request(const std::string& fields, const std::string& line = "GET / HTTP/1.1") {
  return line + "\r\nHost: localhost\r\n" + fields + "\r\n";
}

TEST(HttpHead, TakesARequest) {
  const std::string bytes = request("Content-Length: 5\r\nIf-Match:\t\"3\" \r\n");
  const Read read = read_of(bytes + "value and more");
  EXPECT_EQ(read.what, What::kHead);
  EXPECT_EQ(read.head_bytes, bytes.size());
  EXPECT_EQ(read.body_bytes, 5u);
  HeadReader reader;
  ASSERT_EQ(reader.read(bytes), What::kHead);
  EXPECT_EQ(reader.head().method.in(bytes), "GET");
  EXPECT_EQ(reader.head().target.in(bytes), "/");
  EXPECT_EQ(reader.head().value(Field::kIfMatch, bytes), "\"3\"");
  EXPECT_EQ(reader.head().value(Field::kHost, bytes), "localhost");
  EXPECT_FALSE(reader.head().has(Field::kExpect));
}

TEST(HttpHead, RefusesWhatOthersMightReadOtherwise) {
  const std::pair<std::string, uint16_t> cases[] = {
      {request("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {request("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {request("Content-Length: 5, 5\r\n"), 400},
      {request("Content-Length: 5 5\r\n"), 400},
      {request("Content-Length: +5\r\n"), 400},
      {request("Content-Length: -5\r\n"), 400},
      {request("Content-Length: 0x5\r\n"), 400},
      {request("Content-Length:\r\n"), 400},
      {request("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {request("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {request("Transfer-Encoding: chunked\r\n"), 501},
      {request("Transfer-Encoding: identity\r\n"), 501},
      {request("Transfer-Encoding: xchunked\r\n"), 501},
      {request("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"), 400},
      {request("Transfer-Encoding: chunked\r\n", "GET / HTTP/1.0"), 400},
      {request("Transfer-Encoding : chunked\r\n"), 400},
      {request("Content-Length : 5\r\n"), 400},
      {request(" folded: 1\r\n"), 400},
      {request("A: 1\r\n folded\r\n"), 400},
      {request("A: 1\r\n\tfolded\r\n"), 400},
      {request("no colon\r\n"), 400},
      {request(": no name\r\n"), 400},
      {request("N(ame: 1\r\n"), 400},
      {request("N\xc3\xa4me: 1\r\n"), 400},
      {request("A: bare\rCR\r\n"), 400},
      {request("A: 1\n"), 400},
      {request(std::string("A: \0\r\n", 6)), 400},
      {request("A: \x01\r\n"), 400},
      {request("A: \x7f\r\n"), 400},
      {"GET / HTTP/1.1\nHost: localhost\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: localhost\r\n\n", 400},
      {"GET  / HTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1 \r\n", 400},
      {"GET\t/ HTTP/1.1\r\n", 400},
      {"GET /a b HTTP/1.1\r\n", 400},
      {"GET /\r\n", 400},
      {" GET / HTTP/1.1\r\n", 400},
      {"G@T / HTTP/1.1\r\n", 400},
      {"GET / http/1.1\r\n", 400},
      {"GET / HTTP/1.1x\r\n", 400},
      {"GET / HTTP/11\r\n", 400},
      {"GET / HTTP/1.2\r\n", 505},
      {"GET / HTTP/0.9\r\n", 505},
      {"GET / HTTP/2.0\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\r\nGET / HTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {request("Expect: 200-ok\r\n"), 417},
      {request("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 400},
      {request("If-Match: \"1\"\r\nIf-Match: \"2\"\r\n"), 400},
      {request("Idempotency-Key: a\r\nidempotency-key: b\r\n"), 400},
      {request("Content-Length: 65537\r\n"), 413},
      {request("Content-Length: 4294967301\r\n"), 413},
      {request("Content-Length: 18446744073709551621\r\n"), 413},
      {request("Content-Length: " + std::string(400, '9') + "\r\n"), 413},
  };
  for (const auto& [bytes, status] : cases) {
    const Read read = read_of(bytes);
    EXPECT_EQ(read.what, What::kBad) << bytes;
    EXPECT_EQ(read.status, status) << bytes;
    EXPECT_FALSE(read.why.empty()) << bytes;
  }
}

TEST(HttpHead, TakesWhatMayBe) {
  const std::string cases[] = {
      request("", "GET / HTTP/1.0"),
      "GET / HTTP/1.0\r\n\r\n",
      request("Content-Length: 65536\r\n"),
      request("Content-Length: 0005\r\n"),
      request("CONTENT-LENGTH:5\r\n"),
      request("X-Other:\r\n"),
      request("X-Other: a:b, \xc3\xa4\r\nX-Other: again\r\n"),
      request(
          "Accept: a\r\nAccept: b\r\nConnection: a\r\nConnection: b\r\nPrefer: a\r\nPrefer: b\r\n"),
      request("If-None-Match: \"1\"\r\nIf-None-Match: \"2\"\r\n"),
      request("Expect: 100-Continue\r\n"),
      request("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n"),
  };
  for (const std::string& bytes : cases) {
    const Read read = read_of(bytes);
    EXPECT_EQ(read.what, What::kHead) << bytes << read.why;
    EXPECT_EQ(read.head_bytes, bytes.size());
  }
}

TEST(HttpHead, KnowsWhenTheConnectionGoesOn) {
  const auto goes_on = [](const char* line, const std::string& fields) {
    return read_of(request(fields, line)).keeps_alive;
  };
  EXPECT_TRUE(goes_on("GET / HTTP/1.1", ""));
  EXPECT_FALSE(goes_on("GET / HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(goes_on("GET / HTTP/1.1", "Connection: x,  CLOSE\r\n"));
  EXPECT_FALSE(goes_on("GET / HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_TRUE(goes_on("GET / HTTP/1.1", "Connection: closed\r\n"));
  EXPECT_FALSE(goes_on("GET / HTTP/1.0", ""));
  EXPECT_TRUE(goes_on("GET / HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(goes_on("GET / HTTP/1.0", "Connection: Keep-Alive, close\r\n"));
}

TEST(HttpHead, ExpectsOnlyWithABodyInHttp11) {
  const auto expects = [](const char* line, const std::string& fields) {
    HeadReader reader;
    EXPECT_EQ(reader.read(request(fields, line)), What::kHead);
    return reader.head().expects_continue;
  };
  EXPECT_TRUE(expects("PUT / HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n"));
  EXPECT_FALSE(expects("PUT / HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n"));
  EXPECT_FALSE(expects("PUT / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n"));
}

TEST(HttpHead, BoundsTheHead) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  const auto filled = [&](size_t bytes) {
    return start + "X: " + std::string(bytes - start.size() - 7, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(filled(kMaxHeadBytes).size(), kMaxHeadBytes);
  EXPECT_EQ(read_of(filled(kMaxHeadBytes)).what, What::kHead);
  EXPECT_EQ(read_of(filled(kMaxHeadBytes + 1)).status, 431);
  EXPECT_EQ(read_of(start + std::string(kMaxHeadBytes, 'x')).status, 431);
  EXPECT_EQ(read_of("GET /" + std::string(kMaxHeadBytes, 'x')).status, 414);
  EXPECT_EQ(read_of("GET /" + std::string(kMaxHeadBytes - 6, 'x')).what, What::kMore);
}

TEST(HttpHead, BeginsAnewAfterAReset) {
  HeadReader reader;
  EXPECT_FALSE(reader.begun());
  ASSERT_EQ(
      reader.read(request("Connection: close\r\nExpect: 100-continue\r\nContent-Length: 9\r\n")),
      What::kHead);
  EXPECT_TRUE(reader.begun());
  reader.reset();
  EXPECT_FALSE(reader.begun());
  const std::string second = "GET /x HTTP/1.1\r\nHost: b\r\n\r\n";
  ASSERT_EQ(reader.read(second), What::kHead);
  EXPECT_TRUE(reader.head().keeps_alive);
  EXPECT_FALSE(reader.head().expects_continue);
  EXPECT_EQ(reader.head().body_bytes, 0u);
  EXPECT_EQ(reader.head().fields.size(), 1u);
  EXPECT_EQ(reader.head().target.in(second), "/x");
}

// Who asks so takes no body of an answer, whatever is wrong with his request.
TEST(HttpHead, KnowsAHeadByItsFirstWord) {
  const auto is_head = [](const std::string& bytes) {
    HeadReader reader;
    reader.read(bytes);
    return reader.head().is_head;
  };
  for (const std::string rest : {"/", "/ HTTP/1.1\r\n\r\n", "/a b HTTP/1.1\r\n", "/ HTTP/2.0\r\n",
                                 "/ HTTP/1.1\r\nHost: a\r\nExpect: x\r\n"}) {
    EXPECT_TRUE(is_head("HEAD " + rest)) << rest;
    EXPECT_FALSE(is_head("GET " + rest)) << rest;
  }
  EXPECT_TRUE(is_head("HEAD /" + std::string(kMaxHeadBytes, 'x')));
  EXPECT_FALSE(is_head("HEADS / HTTP/1.1\r\n"));
  EXPECT_FALSE(is_head("GET / HTTP/1.1\r\nHEAD / HTTP/1.1\r\n"));
}

TEST(HttpHead, KeepsLittleForTheNextRequest) {
  HeadReader reader;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Accept: a\r\n";
  ASSERT_EQ(reader.read(request(many)), What::kHead);
  EXPECT_GT(reader.kept_bytes(), 8000u);
  reader.reset();
  EXPECT_LT(reader.kept_bytes(), 1000u);
}

}  // namespace http_head_test
}  // namespace once::doors::http
