// Targets, routes and the values of fields.
#include <gtest/gtest.h>

#include <string>

#include "doors/http/field_values.h"
#include "doors/http/json.h"
#include "doors/http/routes.h"
#include "doors/http/target.h"

namespace once::doors::http {
namespace http_values_test {

std::string decoded(std::string_view text) {
  const auto bytes = percent_decoded(text);
  return bytes ? std::string(bytes->begin(), bytes->end()) : "bad";
}

TEST(HttpTarget, TakesApart) {
  const auto plain = target_of("/v1/names/a?version=3?x");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->path, "/v1/names/a");
  EXPECT_EQ(plain->query, "version=3?x");
  EXPECT_EQ(plain->authority, "");
  const auto absolute = target_of("HTTP://localhost:1/a?b");
  ASSERT_TRUE(absolute);
  EXPECT_EQ(absolute->authority, "localhost:1");
  EXPECT_EQ(absolute->path, "/a");
  EXPECT_EQ(absolute->query, "b");
  EXPECT_EQ(target_of("http://h")->path, "/");
  EXPECT_EQ(target_of("http://h?q")->path, "/");
  EXPECT_EQ(target_of("http://h?q")->query, "q");
  EXPECT_EQ(target_of("*")->path, "*");
}

TEST(HttpTarget, RefusesWhatIsNone) {
  for (const char* text : {"",        "a",         "a/b",          "**",          "?q",
                           "http://", "http:///a", "http://u@h/a", "https://h/a", "ftp://h/",
                           "h:80",    "/a#b",      "/a\"b",        "/a<b",        "/a{b",
                           "/a\\b",   "/a^b",      "/a|b",         "/a`b",        "/a[b",
                           "/a\x80",  "/a?\x7f",   "/a?b#c"}) {
    EXPECT_FALSE(target_of(text)) << text;
  }
}

TEST(HttpTarget, TakesEachByteThatMayStand) {
  for (const char c : std::string("azAZ09-._~!$&'()*+,;=:@/?%")) {
    const std::string text = std::string("/a") + c;  // which the target views
    const auto target = target_of(text);
    ASSERT_TRUE(target) << c;
    EXPECT_EQ(target->path, c == '?' ? "/a" : text);
    EXPECT_TRUE(target_of(std::string("/a?") + c)) << c;
  }
}

TEST(HttpTarget, DecodesStrictly) {
  EXPECT_EQ(decoded("a%2Fb%2f"), "a/b/");
  EXPECT_EQ(decoded("%00%fF%25"), std::string("\0\xff%", 3));
  EXPECT_EQ(decoded("a+b"), "a+b");
  EXPECT_EQ(decoded(""), "");
  for (const char* text : {"%", "a%", "%1", "a%1", "%g0", "%0g", "%%41", "% 1", "%+1", "%-1"}) {
    EXPECT_EQ(decoded(text), "bad") << text;
  }
  EXPECT_TRUE(is_plain("a/b"));
  EXPECT_FALSE(is_plain("a%41"));
}

TEST(HttpRoutes, OneForEachPath) {
  const std::tuple<const char*, Resource, const char*> cases[] = {
      {"/v1/names/a", Resource::kName, "a"},
      {"/v1/names/a%2Fb", Resource::kName, "a%2Fb"},
      {"/v1/names/", Resource::kName, ""},
      {"/v1/names/next", Resource::kName, "next"},
      {"/v1/names/a/next", Resource::kNext, "a"},
      {"/v1/names//next", Resource::kNext, ""},
      {"/v1/names/a/seal", Resource::kSeal, "a"},
      {"/v1/names/a/check", Resource::kCheck, "a"},
      {"/metrics", Resource::kMetrics, ""},
      {"/livez", Resource::kLive, ""},
      {"/readyz", Resource::kReady, ""},
      {"/version", Resource::kVersion, ""},
      {"/", Resource::kHelp, ""},
      {"*", Resource::kServer, ""},
      {"/v1/names", Resource::kNowhere, ""},
      {"/next", Resource::kNowhere, ""},
      {"/v1/names/a/", Resource::kNowhere, "a"},
      {"/v1/names/a/b", Resource::kNowhere, "a"},
      {"/v1/names/a/Next", Resource::kNowhere, "a"},
      {"/v1/names/a/next/", Resource::kNowhere, "a"},
      {"/v1/names/a/metrics", Resource::kNowhere, "a"},
      {"/metrics/", Resource::kNowhere, ""},
      {"/v2/names/a", Resource::kNowhere, ""},
  };
  for (const auto& [path, resource, name] : cases) {
    const Route route = route_of(path);
    EXPECT_EQ(route.resource, resource) << path;
    EXPECT_EQ(route.name, name) << path;
    EXPECT_EQ(route.allowed.empty(), resource == Resource::kNowhere) << path;
  }
}

TEST(HttpRoutes, MethodsAreAllowedByTheTable) {
  const Route name = route_of("/v1/names/a");
  for (const char* word : {"GET", "HEAD", "PUT", "OPTIONS"}) {
    EXPECT_TRUE(is_allowed(name, method_of(word))) << word;
  }
  for (const char* word : {"POST", "DELETE", "PATCH", "TRACE", "get", "FETCH"}) {
    EXPECT_FALSE(is_allowed(name, method_of(word))) << word;
  }
  EXPECT_EQ(method_of("DELETE"), Method::kOther);
  EXPECT_EQ(method_of("get"), Method::kUnknown);
  EXPECT_TRUE(is_allowed(route_of("/v1/names/a/next"), Method::kPost));
  EXPECT_FALSE(is_allowed(route_of("/v1/names/a/next"), Method::kGet));
  EXPECT_FALSE(is_allowed(route_of("*"), Method::kGet));
}

TEST(HttpValues, VersionsAndTags) {
  EXPECT_EQ(version_of("0"), 0u);
  EXPECT_EQ(version_of("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "03", "-1", "+1", "1 ", "18446744073709551616", "x"}) {
    EXPECT_FALSE(version_of(text)) << text;
  }
  EXPECT_EQ(version_of_tag("\"3\""), 3u);
  for (const char* text : {"3", "\"3", "3\"", "\"\"", "\"", "", "W/\"3\"", "\"3\", \"4\"", "*"}) {
    EXPECT_FALSE(version_of_tag(text)) << text;
  }
}

TEST(HttpValues, ListsOfTags) {
  Tags tags;
  EXPECT_TRUE(add_tags("\"3\", W/\"4\",, \"x\" , \"5,\"\t,\"\"", tags));
  EXPECT_TRUE(add_tags(",\"6\",", tags)) << "another field";
  EXPECT_EQ(tags.versions, (std::vector<uint64_t>{3, 4, 6}));
  EXPECT_FALSE(tags.any);
  EXPECT_TRUE(add_tags("*", tags));
  EXPECT_TRUE(tags.any);
  for (const char* text : {"", ",", "3", "\"3", "3\"", "W/", "W/3", "w/\"3\"", "\"3\" \"4\"",
                           "\"3\"4", "\"3\", 4", "*, \"3\"", "\"3\", *", "**"}) {
    EXPECT_FALSE(add_tags(text, tags)) << text;
  }
}

TEST(HttpValues, KeysAreIds) {
  EXPECT_EQ(id_of_key("0000000000000001000000000000000f"), request_id(1, 15));
  EXPECT_EQ(id_of_key("\"0000000000000001000000000000000F\""), request_id(1, 15));
  // Fixed for ever: a key that is sent again to a later release must find what it made.
  EXPECT_EQ(id_of_key("order-17"), request_id(0x2e75e6f9518966cau, 0x271e642269e49478u));
  EXPECT_EQ(id_of_key("\"order-17\""), id_of_key("order-17"));
  EXPECT_NE(id_of_key("order-18"), id_of_key("order-17"));
  EXPECT_EQ(id_of_key("\"a\\\"b\\\\\""), id_of_key("a\"b\\"));
  EXPECT_NE(id_of_key("1"), request_id(0, 1));  // 32 digits, or it is hashed
  for (const char* text : {"", "\"\"", "\"", "\"a", "\"a\"b", "\"a\\", "\"a\\\"",
                           "00000000000000000000000000000000"}) {
    EXPECT_FALSE(id_of_key(text)) << text;
  }
}

TEST(HttpValues, Preferences) {
  EXPECT_EQ(wait_of("wait=30"), 30u);
  EXPECT_EQ(wait_of("return=minimal, Wait = 5 ; x=1"), 5u);
  EXPECT_EQ(wait_of("wait=61"), 60u);
  EXPECT_EQ(wait_of("wait=99999999999999999999"), 60u);
  for (const char* text : {"", "wait", "wait=", "wait=x", "wait=-1", "waits=3", "wait=0"}) {
    EXPECT_EQ(wait_of(text), 0u) << text;
  }
}

TEST(HttpValues, AcceptedTypes) {
  const auto of = [](std::initializer_list<const char*> fields) {
    Accepted accepted;
    for (const char* field : fields) accepted.add(field);
    return accepted;
  };
  for (const char* list :
       {"application/json", "text/html, Application/JSON;q=0.9",
        "application/json, text/plain, */*", "*/*;q=0.8, application/json;q=0.8",
        "application/json ; charset=utf-8 ; q=0.5",
        "application/octet-stream;q=0.5, application/json;q=0.6",
        "application/octet-stream;q=0.1, */*, application/json;q=0.2",
        "application/*;q=0.1, */*, application/json;q=0.2", "application/json;q=0.001",
        "application/json;q=x", "application/json;q=1.000, */*;q=0.999"}) {
    EXPECT_TRUE(of({list}).wants_json()) << list;
    EXPECT_TRUE(of({list}).takes_problems()) << list;
  }
  for (const char* list :
       {"", "*/*", "application/jsonl", "application/*", "application/json;q=0",
        "application/json;q=0.", "application/json;q=0.000", "application/problem+json;q=0"}) {
    EXPECT_FALSE(of({list}).wants_json()) << list;
    EXPECT_FALSE(of({list}).takes_problems()) << list;
  }
  for (const char* list :
       {"application/octet-stream, application/json;q=0.1", "application/problem+json",
        "application/octet-stream, application/problem+json", "*/*, application/json;q=0.9",
        "application/*, application/json;q=0.9, */*;q=0.1"}) {
    EXPECT_FALSE(of({list}).wants_json()) << list;
    EXPECT_TRUE(of({list}).takes_problems()) << list;
  }
  EXPECT_TRUE(of({"application/json", "text/html"}).wants_json());
  EXPECT_TRUE(of({"text/html", "application/json"}).wants_json());
  EXPECT_FALSE(of({"application/json;q=0.5", "application/octet-stream"}).wants_json());
}

TEST(HttpValues, Hosts) {
  EXPECT_EQ(host_of("localhost"), "localhost");
  EXPECT_EQ(host_of("localhost:7401"), "localhost");
  EXPECT_EQ(host_of("localhost:"), "localhost");
  EXPECT_EQ(host_of("[::1]:7401"), "::1");
  EXPECT_EQ(host_of("[::1]"), "::1");
  for (const char* text :
       {"", ":80", "::1", "[::1", "[]", "[::1]x", "h:x", "h:1:2", "h:123456", "h:80 "}) {
    EXPECT_FALSE(host_of(text)) << text;
  }
  EXPECT_TRUE(is_own_origin("HTTP://LocalHost:1", "localhost:1"));
  EXPECT_TRUE(is_own_origin("https://localhost:1", "localhost:1")) << "a proxy has the TLS";
  for (const char* origin :
       {"null", "", "http://", "http://localhost", "http://localhost:2", "https://localhost:2",
        "https://localhost:1.evil", "https://", "ftp://localhost:1", "http://localhost:1.evil",
        "xhttp://localhost:1"}) {
    EXPECT_FALSE(is_own_origin(origin, "localhost:1")) << origin;
  }
}

TEST(HttpJson, BytesThatAreNoText) {
  JsonObject json;
  json.put("a", "q\"\\\n\x01\x7f\xc3\xa4");
  json.put_bytes("b", "\xc3\xa4");
  json.put_bytes("c", "\xff");
  json.put_bytes("d", std::string_view("\xff\0", 2));
  json.put_bytes("e", "\xff\xfe\xfd");
  json.put_bytes("f", "");
  json.put("g", uint64_t{18446744073709551615u});
  json.put_flag("h", true);
  json.put_flag("i", false);
  EXPECT_EQ(json.done(),
            "{\"a\":\"q\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa4\",\"b\":\"\xc3\xa4\","
            "\"c_base64\":\"/w==\",\"d_base64\":\"/wA=\",\"e_base64\":\"//79\",\"f\":\"\","
            "\"g\":18446744073709551615,\"h\":true,\"i\":false}\n");
}

}  // namespace http_values_test
}  // namespace once::doors::http
