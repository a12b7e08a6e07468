// What the fields of requests ask of the door: conditions, preferences, and what is refused lest a
// slip go unnoticed.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/doors/http_fixture.h"

namespace once::doors::http {
namespace http_fields_test {

struct HttpFieldsTest : HttpDoorTest {
  std::string body_of(const std::string& text) { return text.substr(text.find("\r\n\r\n") + 4); }
  // The one operation that is asked, answered with version 3, and the answer.
  std::string asked_and_told(const std::string& bytes, Operation operation, uint64_t version = 3) {
    const size_t before = host.asked.size();
    EXPECT_EQ(answer_to(bytes), "") << bytes;
    EXPECT_EQ(host.asked.size(), before + 1) << bytes;
    if (host.asked.size() == before) return "nothing was asked";
    EXPECT_EQ(host.asked[before].request.operation, operation) << bytes;
    reply(before, reply_of(Status::kDone, version, "value"));
    return host.said();
  }
  // 400, with a text that has `word`, and nothing happens; the connection goes on.
  void refused(const std::string& bytes, const std::string& word) {
    const std::string text = answer_to(bytes);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 400 ")) << bytes << text;
    EXPECT_NE(body_of(text).find(word), std::string::npos) << bytes << text;
    EXPECT_EQ(count_of(text, "Connection: close"), 0u) << text;
    EXPECT_EQ(host.asked.size(), asked_) << bytes;
  }
  size_t asked_ = 0;
};

// A part would be stored as the whole value, for ever; and a condition by date would be no
// condition.
TEST_F(HttpFieldsTest, ChangesTakeNoPartsAndNoDates) {
  const std::string date = ": Mon, 01 Jan 2001 00:00:00 GMT\r\n";
  const std::pair<std::string, std::string> fields[] = {
      {"Content-Range", ": bytes 3-5/6\r\n"},
      {"Range", ": bytes=0-1\r\n"},
      {"If-Range", ": \"1\"\r\n"},
      {"If-Modified-Since", date},
      {"If-Unmodified-Since", date},
  };
  for (const auto& [name, value] : fields) {
    refused(request("PUT /v1/names/a", name + value, "def"), name);
    refused(request("PUT /v1/names/a", "If-None-Match: *\r\n" + name + value, "def"), name);
    refused(request("PUT /v1/names/a", "If-Match: \"3\"\r\n" + name + value, "def"), name);
    refused(request("POST /v1/names/a/seal?version=3", name + value), name);
    refused(request("POST /v1/names/a/next", name + value), name);
    const std::string text =
        asked_and_told(request("GET /v1/names/a", name + value), Operation::kRead);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 ")) << text;
    EXPECT_EQ(body_of(text), "value") << "the whole of it";
    asked_ = host.asked.size();
  }
}

// The node waits for more than one version: of "1" and "3" it would say that nothing is newer than
// version 2.
TEST_F(HttpFieldsTest, AWaitKnowsOneVersion) {
  const auto get = [](const std::string& tags, bool waits = true) {
    return request("GET /v1/names/a",
                   "If-None-Match: " + tags + "\r\n" + (waits ? "Prefer: wait=5\r\n" : ""));
  };
  for (const std::string tags :
       {"\"1\", \"3\"", "\"3\", \"1\"", "\"2\", \"3\", \"3\"", "\"3\"\r\nIf-None-Match: \"1\""}) {
    refused(get(tags), "one version");
  }
  asked_and_told(get("\"3\""), Operation::kWait, 4);
  EXPECT_EQ(host.asked.back().request.version, 3u);
  asked_and_told(get("W/\"3\", \"3\", \"of others\""), Operation::kWait, 4);
  EXPECT_EQ(host.asked.back().request.version, 3u);
  asked_and_told(get("\"of others\""), Operation::kRead);
  asked_and_told(get("\"1\", \"3\"", false), Operation::kRead);
}

// In silence it would match nothing: a loop of waits would be a busy one.
TEST_F(HttpFieldsTest, ATagHasQuotes) {
  for (const std::string tags : {"2", "\"2", "\"1\", 2", "*, \"1\"", ""}) {
    refused(request("GET /v1/names/a", "If-None-Match: " + tags + "\r\n"), "in quotes");
    refused(request("GET /v1/names/a", "Prefer: wait=2\r\nIf-None-Match: " + tags + "\r\n"),
            "in quotes");
  }
}

TEST_F(HttpFieldsTest, KnownVersionsMayStandInSeveralFields) {
  const std::string two = "If-None-Match: \"1\"\r\nIf-None-Match: \"3\"\r\n";
  for (const uint64_t version : {1, 3}) {
    const std::string text =
        asked_and_told(request("GET /v1/names/a", two), Operation::kRead, version);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 304 ")) << text;
  }
  EXPECT_TRUE(asked_and_told(request("GET /v1/names/a", two), Operation::kRead, 2)
                  .starts_with("HTTP/1.1 200 "));
  asked_ = host.asked.size();
  refused(request("PUT /v1/names/a", "If-None-Match: *\r\nIf-None-Match: \"1\"\r\n", "v"),
          "If-None-Match: * alone");
}

TEST_F(HttpFieldsTest, HeadIsAnsweredWithoutABody) {
  const std::pair<std::string, int> cases[] = {
      {"HEAD /v1/names/a HTTP/1.1\r\n\r\n", 400},
      {"HEAD /v1/names/a HTTP/1.2\r\n", 505},
      {"HEAD /" + std::string(kMaxHeadBytes, 'x'), 414},
      {request("HEAD /v1/names/a", "Expect: x\r\n"), 417},
      {request("HEAD /v1/names/a", "If-Match: \"1\"\r\n"), 400},
      {request("HEAD /v1/names/a", "Content-Length: 65537\r\n"), 413},
      {request("HEAD /nothing"), 404},
      {request("HEAD /v1/names/a/next"), 405},
  };
  for (const auto& [bytes, status] : cases) {
    HttpDoor fresh(host);
    fresh.take(bytes);
    const std::string text = host.said();
    EXPECT_EQ(std::stoi(text.substr(9, 3)), status) << bytes;
    EXPECT_EQ(body_of(text), "") << bytes;
    EXPECT_EQ(count_of(text, "Content-Length: 0\r\n"), 0u) << "that of the answer to GET";
  }
  HttpDoor slow(host);
  slow.take("HEAD /v1/na");
  slow.say_farewell(HttpDoor::Farewell::kSlow);
  EXPECT_EQ(body_of(host.said()), "");
  slow.take("GET /v1/na");
  slow.say_farewell(HttpDoor::Farewell::kSlow);
  EXPECT_NE(body_of(host.said()), "");
}

// Some clients send one behind a body. It is answered by nothing, and begins nothing.
TEST_F(HttpFieldsTest, EmptyLinesAreNoRequest) {
  for (const std::string bytes : {"\r\n", "\r\n\r\n"}) {
    const Taken taken = door.take(bytes);
    EXPECT_EQ(taken.what, What::kCommand);
    EXPECT_EQ(taken.bytes, 2u) << "one by one, however they come";
    EXPECT_EQ(host.said(), "");
  }
  EXPECT_EQ(status_of("\r\n\r\n" + request("GET /version") + "\r\n"), 200);
  give(request("GET /v1/names/a") + "\r\n");
  door.say_farewell(HttpDoor::Farewell::kStopping);
  EXPECT_EQ(host.said(), "");
  reply(0, reply_of(Status::kEmpty));
  const std::string text = host.said();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 404 ")) << "it is the last answer: " << text;
  EXPECT_EQ(count_of(text, "HTTP/1.1 "), 1u);
  EXPECT_EQ(door.take("\r").what, What::kNothing);
  EXPECT_EQ(door.take("\r\n").bytes, 2u);
  EXPECT_EQ(status_of(request("GET /version")), 200) << "whatever pieces it came in";
  give(request("GET /v1/names/b"));
  door.take("\r");
  door.take("\r\n");
  door.say_farewell(HttpDoor::Farewell::kStopping);
  reply(1, reply_of(Status::kEmpty));
  EXPECT_EQ(count_of(host.said(), "HTTP/1.1 "), 1u) << "nothing has begun behind it";
}

// Each path whose Allow names it: balancers look with it.
TEST_F(HttpFieldsTest, HeadIsTakenWhereItIsAllowed) {
  for (const std::string path : {"/metrics", "/livez", "/readyz", "/version", "/"}) {
    EXPECT_EQ(count_of(answer_to(request("OPTIONS " + path)), "Allow: GET, HEAD, OPTIONS"), 1u);
    const std::string whole = answer_to(request("GET " + path));
    const std::string head = answer_to(request("HEAD " + path));
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
    EXPECT_EQ(body_of(head), "");
    EXPECT_EQ(whole, head + body_of(whole)) << "the same fields";
  }
}

TEST_F(HttpFieldsTest, WhoIsNotWellSaysWhenToAskAgain) {
  EXPECT_EQ(count_of(answer_to(request("GET /livez") + request("GET /readyz")), "Retry-After"), 0u);
  host.view.alive = host.view.is_ready = false;
  for (const std::string path : {"/livez", "/readyz"}) {
    const std::string text = answer_to(request("GET " + path));
    EXPECT_TRUE(text.starts_with("HTTP/1.1 503 ")) << text;
    EXPECT_EQ(count_of(text, "Retry-After: 1\r\n"), 1u) << text;
  }
}

TEST_F(HttpFieldsTest, ANodeThatStopsTellsOfItselfAndAsksNothing) {
  host.stops = true;
  EXPECT_TRUE(door.serves_while_stopping());
  for (const std::string path : {"/metrics", "/livez", "/readyz?verbose", "/version"}) {
    EXPECT_EQ(status_of(request("GET " + path)), 200) << path;
  }
  for (const std::string line : {"GET /v1/names/a", "GET /", "GET /nothing", "DELETE /livez"}) {
    HttpDoor fresh(host);
    EXPECT_EQ(fresh.take(request(line)).what, What::kLast) << line;
    const std::string text = host.said();
    EXPECT_TRUE(text.starts_with("HTTP/1.1 503 ")) << text;
    EXPECT_EQ(count_of(text, "Retry-After: 1\r\n"), 1u) << text;
    EXPECT_EQ(count_of(text, "Connection: close\r\n"), 1u) << text;
    EXPECT_EQ(body_of(text), "the node stops; nothing happened\n");
  }
  const std::string put = request("PUT /v1/names/a", "", "value");
  HttpDoor early(host);
  EXPECT_EQ(early.take(put.substr(0, put.size() - 5)).what, What::kLast) << "before the body";
  EXPECT_TRUE(host.said().starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(door.take(request("HEAD /v1/names/a")).what, What::kLast);
  EXPECT_EQ(body_of(host.said()), "");
  EXPECT_EQ(host.asked.size(), 0u);
}

TEST_F(HttpFieldsTest, EachAcceptIsHeard) {
  const std::string json = "Accept: application/json\r\n", text = "Accept: text/html\r\n";
  for (const std::string& fields : {json, json + text, text + json}) {
    const std::string told = asked_and_told(request("GET /v1/names/a", fields), Operation::kRead);
    EXPECT_EQ(count_of(told, "Content-Type: application/json\r\n"), 1u) << fields;
    EXPECT_EQ(count_of(told, "\"name\":\"a\""), 1u) << fields;
  }
}

TEST_F(HttpFieldsTest, ProblemsMayBeAskedForAlone) {
  const std::string fields = "Accept: application/octet-stream, application/problem+json\r\n";
  EXPECT_EQ(body_of(asked_and_told(request("GET /v1/names/a", fields), Operation::kRead)), "value");
  EXPECT_EQ(count_of(answer_to(request("GET /nothing", fields)), "\"status\":404"), 1u);
  give(request("GET /v1/names/b", fields));
  reply(1, reply_of(Status::kEmpty));
  EXPECT_EQ(count_of(host.said(), "\"outcome\":\"empty\",\"name\":\"b\"}"), 1u);
}

TEST_F(HttpFieldsTest, EachPreferIsHeard) {
  const std::string wait = "Prefer: wait=30\r\n", other = "Prefer: return=minimal\r\n";
  for (const std::string& fields : {wait + other, other + wait}) {
    const std::string told = asked_and_told(
        request("GET /v1/names/a", "If-None-Match: \"3\"\r\n" + fields), Operation::kWait, 4);
    EXPECT_EQ(host.asked.back().request.timeout_ms, 30'000u) << fields;
    EXPECT_EQ(count_of(told, "Preference-Applied: wait=30"), 1u) << fields;
  }
}

TEST_F(HttpFieldsTest, KnownVersionsAreCounted) {
  std::string tags = "\"1\"";
  for (int i = 0; i < 1000; ++i) tags += ",\"2\"";
  asked_and_told(request("GET /v1/names/a", "If-None-Match: \"1\"\r\n"), Operation::kRead);
  const size_t before = door.kept_bytes();
  give(request("GET /v1/names/a", "If-None-Match: " + tags + "\r\n"));
  EXPECT_GE(door.kept_bytes(), before + 1000 * sizeof(uint64_t));
  reply(1, reply_of(Status::kEmpty));
  EXPECT_EQ(door.kept_bytes(), before);
}

}  // namespace http_fields_test
}  // namespace once::doors::http
