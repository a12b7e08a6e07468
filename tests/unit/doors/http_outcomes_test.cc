// Each answer of a node to each operation, as an answer of HTTP.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "doors/http/outcomes.h"
#include "tests/unit/doors/fake_http_host.h"

namespace once::doors::http {
namespace http_outcomes_test {

using paxos::Operation;
using paxos::Status;

constexpr Operation kAll[] = {Operation::kWrite, Operation::kRead, Operation::kSet,
                              Operation::kCas,   Operation::kSeal, Operation::kNext,
                              Operation::kCheck, Operation::kWait};

Asked asked_of(Operation operation, bool conditional = false) {
  Asked asked;
  asked.operation = operation;
  asked.conditional = conditional;
  if (paxos::changes(operation)) asked.id = request_id(0x11, 0x22);
  asked.name = "door";
  if (operation == Operation::kWait) asked.known.versions = {3};
  return asked;
}

std::string text_of(const Asked& asked, const paxos::ClientReply& reply) {
  std::vector<char> out;
  put_outcome(asked, reply, out);
  return {out.begin(), out.end()};
}

int status_in(const std::string& text) { return std::stoi(text.substr(9, 3)); }
std::string body_in(const std::string& text) { return text.substr(text.find("\r\n\r\n") + 4); }
bool has(const std::string& text, const std::string& line) {
  return text.find("\r\n" + line + "\r\n") != std::string::npos;
}

TEST(HttpOutcomes, EachStatusOfEachOperation) {
  for (const Operation operation : kAll) {
    for (const bool conditional : {false, true}) {
      const auto status = [&](Status what) {
        return status_in(text_of(asked_of(operation, conditional), reply_of(what, 3, "v")));
      };
      const bool waits = operation == Operation::kWait;
      const int refused = waits ? 304 : conditional ? 412 : 409;
      EXPECT_EQ(status(Status::kDone), operation == Operation::kWrite ? 201 : 200);
      EXPECT_EQ(status(Status::kAlreadySet), refused);
      EXPECT_EQ(status(Status::kConflict), refused);
      EXPECT_EQ(status(Status::kSealed), refused);
      EXPECT_EQ(status(Status::kEmpty), 404);
      EXPECT_EQ(status(Status::kIdReused), 422);
      EXPECT_EQ(status(Status::kUnknown), 504);
      EXPECT_EQ(status(Status::kUnavailable), 503);
      EXPECT_EQ(status(Status::kOverloaded), 503);
      EXPECT_EQ(status(Status::kInvalid), 400);
      EXPECT_EQ(status(Status::kNotYet), 304);
      EXPECT_EQ(status(Status::kRetired), 410);
      EXPECT_EQ(status(Status::kDenied), 403);
    }
  }
}

TEST(HttpOutcomes, SayWhatHappenedInOneWord) {
  const std::pair<Status, const char*> words[] = {{Status::kDone, "done"},
                                                  {Status::kEmpty, "empty"},
                                                  {Status::kAlreadySet, "refused"},
                                                  {Status::kUnknown, "unknown"},
                                                  {Status::kUnavailable, "unavailable"},
                                                  {Status::kOverloaded, "overloaded"},
                                                  {Status::kInvalid, "invalid"},
                                                  {Status::kConflict, "refused"},
                                                  {Status::kSealed, "refused"},
                                                  {Status::kIdReused, "refused"},
                                                  {Status::kNotYet, "not_yet"},
                                                  {Status::kRetired, "retired"},
                                                  {Status::kDenied, "denied"}};
  for (const auto& [status, word] : words) {
    const std::string text = text_of(asked_of(Operation::kCas), reply_of(status, 3));
    EXPECT_TRUE(has(text, std::string("Once-Outcome: ") + word)) << text;
    EXPECT_EQ(has(text, "Retry-After: 1"), status_in(text) == 503) << text;
  }
  const std::pair<Status, const char*> refusals[] = {{Status::kAlreadySet, "already_set"},
                                                     {Status::kConflict, "conflict"},
                                                     {Status::kSealed, "sealed"},
                                                     {Status::kIdReused, "id_reused"}};
  for (const auto& [status, word] : refusals) {
    const std::string text = text_of(asked_of(Operation::kCas), reply_of(status, 3));
    EXPECT_TRUE(has(text, std::string("Once-Refused: ") + word)) << text;
  }
}

TEST(HttpOutcomes, AWriteThatWonAndOneThatLost) {
  EXPECT_EQ(text_of(asked_of(Operation::kWrite, true), reply_of(Status::kDone, 1, "mine", true)),
            "HTTP/1.1 201 Created\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 0\r\nOnce-Outcome: done\r\nETag: \"1\"\r\n"
            "Once-Writer: 00000000000000110000000000000022\r\nOnce-Sealed: true\r\n"
            "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n");
  EXPECT_EQ(
      text_of(asked_of(Operation::kWrite, true), reply_of(Status::kAlreadySet, 1, "his", true)),
      "HTTP/1.1 412 Precondition Failed\r\nContent-Type: application/octet-stream\r\n"
      "Content-Length: 3\r\nOnce-Outcome: refused\r\nOnce-Refused: already_set\r\nETag: \"1\"\r\n"
      "Once-Writer: 00000000000000ab00000000000000cd\r\nOnce-Sealed: true\r\n"
      "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\nhis");
}

TEST(HttpOutcomes, BodiesAreWhatWasAskedFor) {
  const auto body = [](Operation operation, Status status) {
    return body_in(text_of(asked_of(operation), reply_of(status, 9, "value")));
  };
  EXPECT_EQ(body(Operation::kRead, Status::kDone), "value");
  EXPECT_EQ(body(Operation::kWait, Status::kDone), "value");
  EXPECT_EQ(body(Operation::kNext, Status::kDone), "9\n");
  EXPECT_EQ(body(Operation::kSet, Status::kDone), "");
  EXPECT_EQ(body(Operation::kCas, Status::kDone), "");
  EXPECT_EQ(body(Operation::kSeal, Status::kDone), "");
  EXPECT_EQ(body(Operation::kCheck, Status::kDone), "");
  EXPECT_EQ(body(Operation::kCheck, Status::kConflict), "value");
  EXPECT_EQ(body(Operation::kSet, Status::kSealed), "value");
  EXPECT_EQ(body(Operation::kWait, Status::kSealed), "value") << "he knows another version";
  EXPECT_EQ(body(Operation::kRead, Status::kEmpty), "empty: nobody wrote this name\n");
}

TEST(HttpOutcomes, HeadTellsTheLengthAlone) {
  Asked asked = asked_of(Operation::kRead);
  asked.head_only = true;
  const std::string text = text_of(asked, reply_of(Status::kDone, 2, "value"));
  EXPECT_TRUE(has(text, "Content-Length: 5"));
  EXPECT_EQ(body_in(text), "");
  EXPECT_EQ(body_in(text_of(asked, reply_of(Status::kEmpty))), "");
}

TEST(HttpOutcomes, KnownStatesAreNotSent) {
  Asked asked = asked_of(Operation::kRead);
  asked.known.versions = {2, 4};
  const std::string same = text_of(asked, reply_of(Status::kDone, 4, "value"));
  EXPECT_EQ(status_in(same), 304);
  EXPECT_EQ(body_in(same), "");
  EXPECT_TRUE(has(same, "ETag: \"4\""));
  EXPECT_EQ(same.find("Content-Length"), std::string::npos);
  EXPECT_EQ(status_in(text_of(asked, reply_of(Status::kDone, 3, "value"))), 200);
  asked.known = {true, {}};
  EXPECT_EQ(status_in(text_of(asked, reply_of(Status::kDone, 3, "value"))), 304);
  EXPECT_EQ(status_in(text_of(asked, reply_of(Status::kEmpty))), 404);
}

TEST(HttpOutcomes, AWaitForWhatIsSealedEndsAtOnce) {
  const std::string known =
      text_of(asked_of(Operation::kWait), reply_of(Status::kSealed, 3, "v", true));
  EXPECT_EQ(status_in(known), 304);
  EXPECT_TRUE(has(known, "Once-Refused: sealed"));
  EXPECT_TRUE(has(known, "Once-Sealed: true"));
  const std::string other =
      text_of(asked_of(Operation::kWait), reply_of(Status::kSealed, 2, "v", true));
  EXPECT_EQ(status_in(other), 200);
  EXPECT_TRUE(has(other, "Once-Outcome: done"));
  EXPECT_EQ(body_in(other), "v");
}

TEST(HttpOutcomes, UnknownTellsTheIdAndWhatToDo) {
  for (const Operation operation : {Operation::kWrite, Operation::kSet, Operation::kNext}) {
    const std::string text = text_of(asked_of(operation), reply_of(Status::kUnknown));
    EXPECT_TRUE(has(text, "Content-Type: application/problem+json")) << text;
    EXPECT_TRUE(has(text, "Once-Request-Id: 00000000000000110000000000000022")) << text;
    EXPECT_TRUE(body_in(text).starts_with(
        "{\"type\":\"unknown\",\"title\":\"Gateway Timeout\",\"status\":504,\"detail\":\"unknown: "
        "it may have happened, or may still happen."))
        << text;
    EXPECT_NE(body_in(text).find("\"request_id\":\"00000000000000110000000000000022\""),
              std::string::npos);
  }
  const auto advice = [](Operation operation) {
    return body_in(text_of(asked_of(operation), reply_of(Status::kUnknown)));
  };
  EXPECT_NE(advice(Operation::kSet), advice(Operation::kWrite));
  EXPECT_NE(advice(Operation::kNext), advice(Operation::kWrite));
  EXPECT_EQ(advice(Operation::kSeal), advice(Operation::kWrite));
  const std::string cas = advice(Operation::kCas);
  EXPECT_NE(cas.find("Send it again with the Idempotency-Key that Once-Request-Id has"),
            std::string::npos);
  EXPECT_NE(
      cas.find("if that is refused, others have changed the name meanwhile, and nothing tells "
               "whether this one happened before them"),
      std::string::npos);
}

// There is none in what tells of no state.
TEST(HttpOutcomes, VersionAndWriterStandWhereAStateIsShown) {
  for (const Status status : {Status::kEmpty, Status::kUnavailable, Status::kUnknown}) {
    const std::string text = text_of(asked_of(Operation::kSet), reply_of(status));
    EXPECT_EQ(text.find("ETag"), std::string::npos) << text;
    EXPECT_EQ(text.find("Once-Writer"), std::string::npos) << text;
    EXPECT_EQ(text.find("Once-Sealed"), std::string::npos) << text;
  }
}

TEST(HttpOutcomes, JsonWhereItIsAskedFor) {
  Asked asked = asked_of(Operation::kRead);
  asked.json = asked.problems = true;
  asked.name = "\xff";
  const std::string read = text_of(asked, reply_of(Status::kDone, 2, "value"));
  EXPECT_TRUE(has(read, "Content-Type: application/json"));
  EXPECT_EQ(body_in(read),
            "{\"outcome\":\"done\",\"name_base64\":\"/w==\",\"version\":2,\"sealed\":false,"
            "\"writer\":\"00000000000000ab00000000000000cd\","
            "\"request_id\":\"00000000000000000000000000000000\",\"value\":\"value\"}\n");
  asked = asked_of(Operation::kCheck);
  asked.json = true;
  EXPECT_TRUE(body_in(text_of(asked, reply_of(Status::kDone, 2, "value")))
                  .ends_with(",\"value\":\"value\"}\n"));
  asked = asked_of(Operation::kSet);
  asked.json = asked.problems = true;
  EXPECT_EQ(body_in(text_of(asked, reply_of(Status::kDone, 2, "value"))),
            "{\"outcome\":\"done\",\"name\":\"door\",\"version\":2,\"sealed\":false,"
            "\"writer\":\"00000000000000110000000000000022\","
            "\"request_id\":\"00000000000000110000000000000022\",\"value\":\"\"}\n");
  EXPECT_EQ(body_in(text_of(asked, reply_of(Status::kSealed, 2, "\xfe", true))),
            "{\"outcome\":\"refused\",\"refusal\":\"sealed\",\"name\":\"door\",\"version\":2,"
            "\"sealed\":true,\"writer\":\"00000000000000ab00000000000000cd\","
            "\"request_id\":\"00000000000000110000000000000022\",\"value_base64\":\"/g==\"}\n");
  const std::string problem = text_of(asked, reply_of(Status::kOverloaded));
  EXPECT_TRUE(has(problem, "Content-Type: application/problem+json"));
  EXPECT_EQ(body_in(problem),
            "{\"type\":\"overloaded\",\"title\":\"Service Unavailable\",\"status\":503,"
            "\"detail\":\"overloaded: a limit of this node was met (requests, memory, disk); "
            "nothing happened\","
            "\"outcome\":\"overloaded\",\"name\":\"door\","
            "\"request_id\":\"00000000000000110000000000000022\"}\n");
}

// A node that stops, or that others have not met, says `unavailable` too: it names no reason alone.
TEST(HttpOutcomes, UnavailableNamesEachReason) {
  EXPECT_EQ(body_in(text_of(asked_of(Operation::kSet), reply_of(Status::kUnavailable))),
            "unavailable: this node reaches no majority of the nodes, has no vote yet, or stops; "
            "nothing happened\n");
}

// Who asks for JSON finds the outcome in each answer of an operation, and the name that it is of.
TEST(HttpOutcomes, ProblemsHaveAnOutcomeToo) {
  Asked asked = asked_of(Operation::kRead);
  asked.problems = true;
  EXPECT_EQ(body_in(text_of(asked, reply_of(Status::kEmpty))),
            "{\"type\":\"empty\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"empty: nobody "
            "wrote this name\",\"outcome\":\"empty\",\"name\":\"door\"}\n");
  EXPECT_EQ(body_in(text_of(asked, reply_of(Status::kDone, 2, "value"))), "value");
  asked = asked_of(Operation::kWrite);
  asked.problems = true;
  asked.name = "\xff";
  EXPECT_TRUE(body_in(text_of(asked, reply_of(Status::kIdReused, 1)))
                  .ends_with("\"outcome\":\"refused\",\"refusal\":\"id_reused\","
                             "\"name_base64\":\"/w==\","
                             "\"request_id\":\"00000000000000110000000000000022\"}\n"));
  asked.name.clear();
  EXPECT_TRUE(body_in(text_of(asked, reply_of(Status::kUnknown)))
                  .ends_with("\"outcome\":\"unknown\","
                             "\"request_id\":\"00000000000000110000000000000022\"}\n"));
}

TEST(HttpOutcomes, SayWhatTheConnectionDoesAndWhatWasPreferred) {
  Asked asked = asked_of(Operation::kRead);
  std::string text = text_of(asked, reply_of(Status::kDone, 1));
  EXPECT_EQ(text.find("Connection"), std::string::npos);
  EXPECT_EQ(text.find("Preference-Applied"), std::string::npos);
  asked.closing = Closing::kSaysClose;
  asked.wait_s = 30;
  text = text_of(asked, reply_of(Status::kDone, 1));
  EXPECT_TRUE(has(text, "Connection: close"));
  EXPECT_TRUE(has(text, "Preference-Applied: wait=30"));
  asked.closing = Closing::kSaysKeepAlive;
  EXPECT_TRUE(has(text_of(asked, reply_of(Status::kDone, 1)), "Connection: keep-alive"));
}

}  // namespace http_outcomes_test
}  // namespace once::doors::http
