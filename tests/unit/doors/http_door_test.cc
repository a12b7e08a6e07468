// The door over a host that answers when the test says so.
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "tests/unit/doors/http_fixture.h"

namespace once::doors::http {
namespace http_door_test {

TEST_F(HttpDoorTest, EachOperationByItsRoute) {
  const std::tuple<std::string, Operation, uint64_t, const char*> cases[] = {
      {request("PUT /v1/names/a", "If-None-Match: *\r\n", "v"), Operation::kWrite, 0, "v"},
      {request("PUT /v1/names/a", "If-Match: \"3\"\r\n", "v"), Operation::kCas, 3, "v"},
      {request("PUT /v1/names/a", "If-Match: \"0\"\r\n", "v"), Operation::kCas, 0, "v"},
      {request("PUT /v1/names/a", "", "v"), Operation::kSet, 0, "v"},
      {request("PUT /v1/names/a", "Content-Length: 0\r\n"), Operation::kSet, 0, ""},
      {request("GET /v1/names/a"), Operation::kRead, 0, ""},
      {request("HEAD /v1/names/a"), Operation::kRead, 0, ""},
      {request("GET /v1/names/a", "If-None-Match: \"3\"\r\n"), Operation::kRead, 0, ""},
      {request("GET /v1/names/a", "Prefer: wait=5\r\n"), Operation::kRead, 0, ""},
      {request("GET /v1/names/a", "Prefer: wait=5\r\nIf-None-Match: *\r\n"), Operation::kRead, 0,
       ""},
      {request("GET /v1/names/a", "Prefer: wait=5\r\nIf-None-Match: \"3\", W/\"3\"\r\n"),
       Operation::kWait, 3, ""},
      {request("POST /v1/names/a/next"), Operation::kNext, 0, ""},
      {request("POST /v1/names/a/seal?version=4"), Operation::kSeal, 4, ""},
      {request("POST /v1/names/a/seal", "If-Match: \"4\"\r\n"), Operation::kSeal, 4, ""},
      {request("POST /v1/names/a/check?token=5"), Operation::kCheck, 5, ""},
      {request("POST /v1/names/a/check", "If-Match: \"5\"\r\n"), Operation::kCheck, 5, ""},
      {request("GET http://localhost:7401/v1/names/a"), Operation::kRead, 0, ""},
  };
  for (const auto& [bytes, operation, version, value] : cases) {
    const size_t before = host.asked.size();
    const Taken taken = door.take(bytes);
    EXPECT_EQ(taken.what, What::kCommand) << bytes;
    EXPECT_EQ(taken.bytes, bytes.size()) << bytes;
    EXPECT_EQ(host.said(), "") << bytes;
    ASSERT_EQ(host.asked.size(), before + 1) << bytes;
    const auto& asked = host.asked.back();
    EXPECT_EQ(asked.request.operation, operation) << bytes;
    EXPECT_EQ(asked.request.version, version) << bytes;
    EXPECT_EQ(asked.name, "a") << bytes;
    EXPECT_EQ(asked.value, value) << bytes;
    EXPECT_EQ(asked.request.id == RequestId{}, !paxos::changes(operation)) << bytes;
    EXPECT_EQ(asked.request.timeout_ms, bytes.find("wait=5") == std::string::npos ? 0u : 5000u);
    reply(before, reply_of(Status::kDone, 1));
    EXPECT_NE(host.said(), "") << bytes;
  }
  EXPECT_EQ(door.unanswered(), 0u);
  EXPECT_EQ(host.drawn, 8u);
}

TEST_F(HttpDoorTest, RefusesWithoutAskingTheNode) {
  const std::string long_name(kMaxNameBytes + 1, 'n');
  std::string long_encoded;
  for (size_t i = 0; i <= kMaxNameBytes; ++i) long_encoded += "%6e";
  const std::pair<std::string, int> cases[] = {
      {request("GET /v1/names/"), 400},
      {request("GET /v1/names/a%"), 400},
      {request("GET /v1/names/a%zz"), 400},
      {request("GET /v1/names/" + long_name), 414},
      {request("GET /v1/names/" + long_encoded), 414},
      {request("GET /v1/names/a?x=1"), 400},
      {request("GET /v1/names/a", "If-Match: \"1\"\r\n"), 400},
      {request("GET /v1/names/a", "", "body"), 400},
      {request("PUT /v1/names/a"), 411},
      {request("PUT /v1/names/a?version=1", "", "v"), 400},
      {request("PUT /v1/names/a", "If-None-Match: \"1\"\r\n", "v"), 400},
      {request("PUT /v1/names/a", "If-None-Match: *\r\nIf-Match: \"1\"\r\n", "v"), 400},
      {request("PUT /v1/names/a", "If-Match: 1\r\n", "v"), 400},
      {request("PUT /v1/names/a", "If-Match: *\r\n", "v"), 400},
      {request("PUT /v1/names/a", "If-Match: \"1\", \"2\"\r\n", "v"), 400},
      {request("PUT /v1/names/a", "If-Match: W/\"1\"\r\n", "v"), 400},
      {request("PUT /v1/names/a", "Idempotency-Key: \"\"\r\n", "v"), 400},
      {request("GET /v1/names/a", "Idempotency-Key: k\r\n"), 400},
      {request("HEAD /v1/names/a", "Idempotency-Key: k\r\n"), 400},
      {request("POST /v1/names/a/check?token=1", "Idempotency-Key: k\r\n"), 400},
      {request("POST /v1/names/a/next?count=2"), 400},
      {request("POST /v1/names/a/next", "If-Match: \"1\"\r\n"), 400},
      {request("POST /v1/names/a/next", "If-None-Match: *\r\n"), 400},
      {request("POST /v1/names/a/next", "", "x"), 400},
      {request("POST /v1/names/a/seal"), 400},
      {request("POST /v1/names/a/seal?vresion=1"), 400},
      {request("POST /v1/names/a/seal?version="), 400},
      {request("POST /v1/names/a/seal?version=x"), 400},
      {request("POST /v1/names/a/seal?version=1&version=2"), 400},
      {request("POST /v1/names/a/seal?token=1"), 400},
      {request("POST /v1/names/a/seal?version=1", "If-Match: \"1\"\r\n"), 400},
      {request("POST /v1/names/a/check"), 400},
      {request("POST /v1/names/a/check?version=1"), 400},
      {request("GET /nothing"), 404},
      {request("GET /v1/names/a/b"), 404},
      {request("GET /v1/names"), 404},
      {request("DELETE /v1/names/a"), 405},
      {request("POST /v1/names/a"), 405},
      {request("GET /v1/names/a/next"), 405},
      {request("PUT /metrics", "", "v"), 405},
      {request("GET *"), 405},
      {request("BREW /v1/names/a"), 501},
      {request("GET names/a"), 400},
      {request("GET /v1/names/\xc3\xa4"), 400},
  };
  for (const auto& [bytes, status] : cases) {
    const std::string text = answer_to(bytes);
    ASSERT_FALSE(text.empty()) << bytes;
    EXPECT_EQ(std::stoi(text.substr(9, 3)), status) << bytes << text;
    EXPECT_EQ(count_of(text, "Allow: "), status == 405 ? 1u : 0u) << text;
    EXPECT_EQ(count_of(text, "Connection: close"), 0u) << text;
    EXPECT_EQ(count_of(text, "Once-Outcome"), 0u) << text;
  }
  EXPECT_EQ(host.asked.size(), 0u);
  EXPECT_EQ(status_of(request("GET /version")), 200) << "the connection goes on after all that";
}

TEST_F(HttpDoorTest, NamesAreAnyBytes) {
  give(request("GET /v1/names/a%2fb%00%FF%25+"));
  ASSERT_EQ(host.asked.size(), 1u);
  EXPECT_EQ(host.asked[0].name, std::string("a/b\0\xff%+", 7));
  std::string all;
  for (size_t i = 0; i < kMaxNameBytes; ++i) all += "%6e";
  give(request("GET /v1/names/" + all));
  ASSERT_EQ(host.asked.size(), 2u);
  EXPECT_EQ(host.asked[1].name, std::string(kMaxNameBytes, 'n'));
}

TEST_F(HttpDoorTest, KeysAreRequestIds) {
  give(
      request("PUT /v1/names/a", "Idempotency-Key: \"00000000000000010000000000000002\"\r\n", "v"));
  reply(0, reply_of(Status::kDone, 1));
  give(request("POST /v1/names/a/next", "Idempotency-Key: some words\r\n"));
  reply(1, reply_of(Status::kDone, 1));
  ASSERT_EQ(host.asked.size(), 2u);
  EXPECT_EQ(host.asked[0].request.id, request_id(1, 2));
  EXPECT_EQ(host.asked[1].request.id, *id_of_key("some words"));
  EXPECT_EQ(host.drawn, 0u);
}

TEST_F(HttpDoorTest, WithoutAnIdNothingIsAsked) {
  host.ids = false;
  EXPECT_EQ(count_of(answer_to(request("POST /v1/names/a/next")), "Retry-After"), 1u);
  EXPECT_EQ(host.asked.size(), 0u);
  give(request("POST /v1/names/a/next", "Idempotency-Key: k\r\n"));
  EXPECT_EQ(host.asked.size(), 1u);
}

TEST_F(HttpDoorTest, PagesOfOthersAreKeptOut) {
  const auto with = [&](const std::string& host_field, const std::string& fields,
                        const std::string& target = "/v1/names/a") {
    const size_t before = host.asked.size();
    const std::string text =
        answer_to("GET " + target + " HTTP/1.1\r\nHost: " + host_field + "\r\n" + fields + "\r\n");
    if (host.asked.size() > before) {
      EXPECT_EQ(text, "");
      reply(before, reply_of(Status::kEmpty));
      host.said();
      return 0;
    }
    return std::stoi(text.substr(9, 3));
  };
  EXPECT_EQ(with("localhost:7401", ""), 0);
  EXPECT_EQ(with("127.0.0.1", ""), 0);
  EXPECT_EQ(with("[::1]:7401", ""), 0);
  EXPECT_EQ(with("evil.example", ""), 421);
  EXPECT_EQ(with("evil.example:7401", "", "/metrics"), 421);
  EXPECT_EQ(with("localhost.evil.example", ""), 421);
  EXPECT_EQ(with("", ""), 400);
  EXPECT_EQ(with("a b", ""), 421);
  EXPECT_EQ(with("localhost", "", "http://evil.example/v1/names/a"), 421);
  EXPECT_EQ(with("evil.example", "", "http://localhost/v1/names/a"), 421);
  EXPECT_EQ(with("localhost:1", "Origin: http://localhost:1\r\n"), 0);
  const std::string own_page = "Sec-Fetch-Site: same-origin\r\n";
  EXPECT_EQ(with("localhost", "Origin: https://localhost\r\n" + own_page), 0);
  EXPECT_EQ(with("localhost", "Origin: https://evil.example\r\n" + own_page), 403);
  EXPECT_EQ(with("localhost:1", "Origin: http://localhost:2\r\n"), 403);
  EXPECT_EQ(with("localhost:1", "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(with("localhost:1", "Origin: null\r\n"), 403);
  EXPECT_EQ(with("localhost:1", "Origin:\r\n"), 403);
  EXPECT_EQ(with("localhost", "Sec-Fetch-Site: cross-site\r\n"), 403);
  EXPECT_EQ(with("localhost", "Sec-Fetch-Site: same-site\r\n"), 403);
  EXPECT_EQ(with("localhost", "Sec-Fetch-Site: cross-site\r\n", "/metrics"), 403);
  EXPECT_EQ(with("localhost", "Sec-Fetch-Site: same-origin\r\n"), 0);
  EXPECT_EQ(with("localhost", "Sec-Fetch-Site: none\r\n"), 0);
}

TEST_F(HttpDoorTest, HttpOnePointZeroNeedsNoHost) {
  EXPECT_EQ(give("GET /version HTTP/1.0\r\n\r\n").what, What::kLast);
  EXPECT_EQ(count_of(host.said(), "Connection: close"), 1u);
  EXPECT_EQ(give("GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").what, What::kCommand);
  EXPECT_EQ(count_of(host.said(), "Connection: keep-alive"), 1u);
}

TEST_F(HttpDoorTest, OptionsTellsWhatIsAllowedAndNoMore) {
  const std::string text = answer_to(request("OPTIONS /v1/names/a"));
  EXPECT_TRUE(text.starts_with("HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n"));
  EXPECT_EQ(count_of(text, "Access-Control"), 0u);
  EXPECT_EQ(count_of(text, "Content-Length"), 0u);
  EXPECT_EQ(status_of(request("OPTIONS *")), 204);
  EXPECT_EQ(status_of(request("OPTIONS /nothing")), 404);
  EXPECT_EQ(status_of(request("OPTIONS /v1/names/a",
                              "Origin: http://a\r\nAccess-Control-Request-Method: PUT\r\n")),
            403);
}

TEST_F(HttpDoorTest, TellsOfTheNode) {
  EXPECT_NE(answer_to(request("GET /metrics"))
                .find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                      "Content-Length: 10\r\n"),
            std::string::npos);
  EXPECT_TRUE(answer_to(request("GET /version")).ends_with("\r\n\r\n1.2.3\n"));
  EXPECT_TRUE(answer_to(request("GET /version", "Accept: application/json\r\n"))
                  .ends_with("\r\n\r\n{\"version\":\"1.2.3\"}\n"));
  EXPECT_TRUE(answer_to(request("GET /livez")).ends_with("\r\n\r\nok\n"));
  EXPECT_TRUE(answer_to(request("GET /livez?verbose")).ends_with("\r\n\r\nloops turn: ok\n"));
  EXPECT_TRUE(answer_to(request("GET /readyz?verbose=1")).ends_with("\r\n\r\nmajority: no\n"));
  EXPECT_TRUE(answer_to(request("HEAD /readyz")).ends_with("\r\n\r\n"));
  host.view.alive = host.view.is_ready = false;
  EXPECT_EQ(status_of(request("GET /livez")), 503);
  const std::string not_ready = answer_to(request("GET /readyz"));
  EXPECT_TRUE(not_ready.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(not_ready.ends_with("majority: no\n"));
  EXPECT_EQ(count_of(answer_to(request("GET /")), "curl"), 8u);
}

TEST_F(HttpDoorTest, TheAdministrativeDoorServesNoNames) {
  HttpDoor narrow(host, Serves::kAdministration);
  const auto status = [&](const std::string& line) {
    narrow.take(request(line));
    return std::stoi(host.said().substr(9, 3));
  };
  EXPECT_EQ(status("GET /metrics"), 200);
  EXPECT_EQ(status("GET /livez"), 200);
  EXPECT_EQ(status("GET /"), 200);
  EXPECT_EQ(status("GET /v1/names/a"), 404);
  EXPECT_EQ(status("POST /v1/names/a/next"), 404);
  EXPECT_EQ(host.asked.size(), 0u);
}

TEST_F(HttpDoorTest, AnswersKeepTheOrderOfRequests) {
  give(request("GET /v1/names/a") + request("GET /v1/names/b") + request("GET /version") +
       request("GET /v1/names/c"));
  ASSERT_EQ(host.asked.size(), 3u);
  EXPECT_EQ(door.unanswered(), 4u);
  const size_t before = door.kept_bytes();
  reply(2, reply_of(Status::kDone, 1, "third"));
  reply(1, reply_of(Status::kDone, 1, std::string(5000, 'b')));
  EXPECT_EQ(host.said(), "");
  EXPECT_GE(door.kept_bytes(), before + 5000);
  reply(0, reply_of(Status::kDone, 1, "first"));
  const std::string text = host.said();
  const size_t places[] = {text.find("first"), text.find("bbb"), text.find("1.2.3"),
                           text.find("third")};
  for (size_t i = 0; i + 1 < std::size(places); ++i) EXPECT_LT(places[i], places[i + 1]);
  EXPECT_NE(places[3], std::string::npos);
  EXPECT_EQ(door.unanswered(), 0u);
}

TEST_F(HttpDoorTest, WhereTheFieldsAreIsKeptAsLongAsTheBodyIsMissing) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Accept: a\r\n";
  give("PUT /v1/names/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n" + many + "\r\n");
  EXPECT_EQ(host.said(), "");
  EXPECT_GE(door.kept_bytes(), 8000u);
}

// RFC 9112, 9.3.2: of requests that follow each other only safe ones may run side by side.
TEST_F(HttpDoorTest, AChangeIsAskedAlone) {
  const auto names = [&] {
    std::string all;
    for (const auto& one : host.asked) all += one.name + one.value + ' ';
    return all;
  };
  give(request("GET /v1/names/a") + request("GET /v1/names/b") +
       request("PUT /v1/names/c%2F", "", "value") + request("GET /version") +
       request("PUT /v1/names/d"));
  give(request("GET /v1/names/e") + request("GET /v1/names/f") + request("POST /v1/names/g/next"));
  EXPECT_EQ(names(), "a b ");
  EXPECT_EQ(door.waiting(), 4u) << "c, e, f and g";
  reply(1, reply_of(Status::kEmpty));
  EXPECT_EQ(names(), "a b ");
  reply(0, reply_of(Status::kEmpty));
  EXPECT_EQ(names(), "a b c/value ");
  EXPECT_EQ(count_of(host.said(), "HTTP/1.1 404"), 2u);
  reply(2, reply_of(Status::kDone, 1));
  EXPECT_EQ(names(), "a b c/value e f ") << "what was no request in between holds up nothing";
  EXPECT_EQ(door.waiting(), 1u);
  reply(4, reply_of(Status::kEmpty));
  reply(3, reply_of(Status::kEmpty));
  EXPECT_EQ(names(), "a b c/value e f g ");
  EXPECT_EQ(door.unanswered(), 1u);
  reply(5, reply_of(Status::kDone, 9));
  EXPECT_EQ(door.unanswered(), 0u);
  EXPECT_TRUE(host.said().ends_with("9\n"));
}

TEST_F(HttpDoorTest, NothingIsKeptInTheEnd) {
  give(request("GET /v1/names/a", "Accept: application/json\r\nIf-None-Match: \"1\"\r\n"));
  reply(0, reply_of(Status::kDone, 2));
  const size_t empty = door.kept_bytes();
  for (int round = 0; round < 3; ++round) {
    const size_t first = host.asked.size();
    give(request("GET /v1/names/a", "Accept: application/json\r\nIf-None-Match: \"1\"\r\n") +
         request("GET /v1/names/b") + request("GET /version"));
    EXPECT_GT(door.kept_bytes(), empty);
    const size_t before = door.kept_bytes();
    give(request("PUT /v1/names/c", "", std::string(10'000, 'v')));
    EXPECT_GT(door.kept_bytes(), before + 10'000);
    reply(first + 1, reply_of(Status::kDone, 2));
    reply(first, reply_of(Status::kDone, 2));
    EXPECT_LT(door.kept_bytes(), before);
    reply(first + 2, reply_of(Status::kDone, 2));
    EXPECT_EQ(door.kept_bytes(), empty);
  }
}

TEST_F(HttpDoorTest, NothingFollowsTheLastOne) {
  const std::string last = request("GET /version", "Connection: close\r\n");
  const Taken taken = door.take(last + request("GET /metrics"));
  EXPECT_EQ(taken.what, What::kLast);
  EXPECT_EQ(taken.bytes, last.size());
  EXPECT_EQ(count_of(host.said(), "Connection: close"), 1u);
}

TEST_F(HttpDoorTest, WhatCannotBeReadClosesTheConnection) {
  for (const char* bytes : {"GET / HTTP/1.1\n\n", "$\x01\x02xyz\r\n\r\n",
                            "PUT /v1/names/a HTTP/1.1\r\nHost: localhost\r\n"
                            "Content-Length: 65537\r\n\r\n"}) {
    HttpDoor fresh(host);
    EXPECT_EQ(fresh.take(bytes).what, What::kLast) << bytes;
    EXPECT_EQ(count_of(host.said(), "Connection: close"), 1u) << bytes;
  }
  EXPECT_EQ(host.asked.size(), 0u);
}

TEST_F(HttpDoorTest, AsksForTheBodyOnlyIfItIsTaken) {
  const std::string head =
      "PUT /v1/names/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n";
  Taken taken = door.take(head + "\r\n");
  EXPECT_EQ(taken.what, What::kNothing);
  EXPECT_EQ(taken.bytes, head.size() + 2 + 5);
  EXPECT_EQ(host.said(), kContinue);
  EXPECT_EQ(door.take(head + "\r\nval").what, What::kNothing);
  EXPECT_EQ(host.said(), "") << "once";
  EXPECT_EQ(door.take(head + "\r\nvalue").what, What::kCommand);
  ASSERT_EQ(host.asked.size(), 1u);
  EXPECT_EQ(host.asked[0].value, "value");
  reply(0, reply_of(Status::kDone, 1));
  host.said();
  taken = door.take(head + "If-Match: nonsense\r\n\r\n");
  EXPECT_EQ(taken.what, What::kLast);
  EXPECT_TRUE(host.said().starts_with("HTTP/1.1 400 "));
  HttpDoor fresh(host);
  EXPECT_EQ(fresh.take("DELETE" + (head + "\r\n").substr(3)).what, What::kLast);
  EXPECT_EQ(count_of(host.said(), "Allow: GET, HEAD, PUT, OPTIONS"), 1u);
}

TEST_F(HttpDoorTest, ABodyIsAskedForWhenItsTurnHasCome) {
  give(request("GET /v1/names/a"));
  const std::string late =
      "PUT /v1/names/b HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n";
  EXPECT_EQ(door.take(late).what, What::kNothing);
  EXPECT_EQ(host.said(), "");
  reply(0, reply_of(Status::kEmpty));
  EXPECT_TRUE(host.said().ends_with(kContinue));
  give(late + "value");
  reply(1, reply_of(Status::kDone, 1));
  EXPECT_EQ(count_of(host.said(), "100 Continue"), 0u);
  // Its body comes unasked while others are still waiting: it is said all the same, in its place.
  give(request("GET /v1/names/a") + late + "value");
  reply(2, reply_of(Status::kEmpty));
  EXPECT_EQ(count_of(host.said(), "100 Continue"), 0u);
  reply(3, reply_of(Status::kDone, 1));
  EXPECT_TRUE(host.said().starts_with(kContinue));
}

TEST_F(HttpDoorTest, FarewellsSayThatNothingHappened) {
  const auto said = [&](HttpDoor::Farewell why, std::string_view begun) {
    HttpDoor fresh(host);
    if (!begun.empty()) fresh.take(begun);
    fresh.say_farewell(why);
    const std::string text = host.said();
    EXPECT_EQ(count_of(text, "nothing happened"), 1u);
    EXPECT_EQ(count_of(text, "Connection: close"), 1u);
    EXPECT_EQ(count_of(text, "Retry-After"), text.starts_with("HTTP/1.1 503") ? 1u : 0u);
    return std::stoi(text.substr(9, 3));
  };
  EXPECT_EQ(said(HttpDoor::Farewell::kSlow, "GET / HT"), 408);
  EXPECT_EQ(said(HttpDoor::Farewell::kIdle, ""), 408);
  EXPECT_EQ(said(HttpDoor::Farewell::kFull, ""), 503);
  EXPECT_EQ(said(HttpDoor::Farewell::kNoPlace, ""), 503);
  EXPECT_EQ(said(HttpDoor::Farewell::kStopping, "GET / HT"), 503);
}

TEST_F(HttpDoorTest, AFarewellIsNoAnswerToWhatIsUnderWay) {
  give(request("GET /v1/names/a") + request("PUT /v1/names/b", "", "v"));
  door.say_farewell(HttpDoor::Farewell::kStopping);
  EXPECT_EQ(host.said(), "");
  reply(0, reply_of(Status::kEmpty));
  EXPECT_EQ(count_of(host.said(), "Connection: close"), 0u);
  reply(1, reply_of(Status::kUnknown));
  const std::string text = host.said();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 504 "));
  EXPECT_EQ(count_of(text, "HTTP/1.1 "), 1u);
  EXPECT_EQ(count_of(text, "Connection: close"), 1u);
}

TEST_F(HttpDoorTest, NothingFollowsAnAnswerThatSaysSo) {
  give(request("GET /v1/names/a") + "GET / HT");
  door.say_farewell(HttpDoor::Farewell::kSlow);
  reply(0, reply_of(Status::kEmpty));
  const std::string text = host.said();
  EXPECT_LT(text.find("HTTP/1.1 408 "), text.find("Connection: close"));
}

TEST_F(HttpDoorTest, WhoIsGoneIsToldNothing) {
  give(request("GET /v1/names/a"));
  host.gone = true;
  reply(0, reply_of(Status::kDone, 1, "v"));
  give(request("GET /version"));
  door.say_farewell(HttpDoor::Farewell::kFull);
  EXPECT_EQ(host.said(), "");
}

TEST_F(HttpDoorTest, EverySplitIsTheSame) {
  const std::string stream = request("PUT /v1/names/a%20b", "If-None-Match: *\r\n", "one") +
                             request("GET /v1/names/a", "Accept: application/json\r\n") + "\r\n" +
                             request("PUT /v1/names/c", "Expect: 100-continue\r\n", "three") +
                             request("GET /nothing") + request("POST /v1/names/d/next") +
                             request("GET /", "Bad: \x01\r\n");
  const auto run = [&](size_t piece) {
    FakeHost one;
    HttpDoor split(one);
    std::string story;
    std::string kept;
    for (size_t at = 0; at < stream.size(); at += piece) {
      kept += stream.substr(at, piece);
      while (!kept.empty()) {
        const std::string there = kept;  // somewhere else each time
        const size_t asked = one.asked.size();
        const Taken taken = split.take(there);
        if (one.asked.size() > asked) {
          const auto& what = one.asked.back();
          story += what.name + "|" + what.value + "|";
          split.on_reply(what.ticket, what.request.operation, reply_of(Status::kDone, 2, "x"));
        }
        if (taken.what == What::kNothing) break;
        kept.erase(0, taken.bytes);
        if (taken.what == What::kLast) return story + one.said();
      }
    }
    return "open " + story + one.said();
  };
  const std::string whole = run(stream.size());
  EXPECT_TRUE(whole.starts_with("a b|one|a||c|three|d||HTTP/1.1 201 ")) << whole;
  for (size_t piece = 1; piece < stream.size(); ++piece) EXPECT_EQ(run(piece), whole) << piece;
}

}  // namespace http_door_test
}  // namespace once::doors::http
