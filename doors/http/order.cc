#include "doors/http/order.h"

#include <algorithm>

#include "base/limits.h"
#include "doors/http/target.h"

namespace once::doors::http {
namespace {

using paxos::Operation;

constexpr Objection kNothing;

// A page of some other site, in the browser of somebody who may reach this node, must not use it.
Objection judge_host(std::string_view authority, const NodeView& node) {
  const auto host = host_of(authority);
  if (!host) return {400, "Host is no HOST[:PORT]"};
  if (node.is_own_host(*host)) return kNothing;
  return {421,
          "this node does not go by the name in Host: ask it by its address, or by a name "
          "that it was given"};
}

Objection judge_origin(const Head& head, std::string_view bytes, std::string_view authority) {
  if (head.has(Field::kOrigin) && !is_own_origin(head.value(Field::kOrigin, bytes), authority)) {
    return {403, "pages of other origins may not use this node"};
  }
  const std::string_view site = head.value(Field::kSecFetchSite, bytes);
  if (head.has(Field::kSecFetchSite) && site != "same-origin" && site != "none") {
    return {403, "pages of other sites may not use this node"};
  }
  return kNothing;
}

Objection judge_guards(const Head& head, std::string_view bytes, std::string_view authority,
                       const NodeView& node) {
  const std::string_view host = head.value(Field::kHost, bytes);
  if (head.has(Field::kHost)) {
    if (const Objection wrong = judge_host(host, node); wrong.status != 0) return wrong;
  }
  if (!authority.empty()) {
    if (const Objection wrong = judge_host(authority, node); wrong.status != 0) return wrong;
  }
  return judge_origin(head, bytes, authority.empty() ? host : authority);
}

Objection judge_route(Serves serves, Order& order) {
  if (order.method == Method::kUnknown) return {501, "this method is known nowhere"};
  const Resource resource = order.route.resource;
  if (serves == Serves::kAdministration && !is_administrative(resource)) {
    return {404, "here are only /metrics, /livez, /readyz and /version"};
  }
  if (resource == Resource::kNowhere) {
    return {404, "no such path; a name stands at /v1/names/NAME, and a slash in it is %2F"};
  }
  if (is_allowed(order.route, order.method)) return kNothing;
  return {405, resource == Resource::kName
                   ? "a name is read with GET and written with PUT; nothing deletes it"
                   : "this path does not take this method: see Allow"};
}

Objection judge_body(const Head& head, const Order& order) {
  if (order.method != Method::kPut) {
    return head.body_bytes == 0 ? kNothing : Objection{400, "only PUT takes a body"};
  }
  if (!head.says_length) return {411, "PUT takes a value, with its Content-Length"};
  return kNothing;
}

// `version=3` of a seal, `token=3` of a check; nothing else, lest a slip go unnoticed.
Objection take_query(std::string_view query, std::string_view key, bool& found, Order& order) {
  if (query.empty()) return kNothing;
  const bool known = !key.empty() && query.starts_with(key) && query.size() > key.size() &&
                     query[key.size()] == '=';
  if (!known) return {400, "this path does not take what its query says"};
  const auto version = version_of(query.substr(key.size() + 1));
  if (!version) return {400, "the version in the query is no number"};
  order.version = *version;
  found = true;
  return kNothing;
}

Objection take_if_match(std::string_view value, bool& found, Order& order) {
  const auto version = version_of_tag(value);
  if (!version) return {400, "If-Match takes one version in quotes, as \"3\""};
  if (found) return {400, "the version stands in the query and in If-Match"};
  order.version = *version;
  order.conditional = found = true;
  return kNothing;
}

// Passed over, a part would be taken for the whole value, and a change would happen whatever its
// condition says. A read may pass them over: the whole value is an answer to each (RFC 9110, 13 and
// 14).
Objection judge_parts_and_dates(const Head& head) {
  constexpr std::pair<Field, std::string_view> kRefused[] = {
      {Field::kContentRange, "Content-Range: a value is sent whole, parts are not taken"},
      {Field::kRange, "Range says nothing here: only the whole of a value changes"},
      {Field::kIfRange, "If-Range says nothing here: only the whole of a value changes"},
      {Field::kIfModifiedSince,
       "If-Modified-Since: names have versions and no dates; see If-Match"},
      {Field::kIfUnmodifiedSince,
       "If-Unmodified-Since: names have versions and no dates; see If-Match"},
  };
  for (const auto& [field, text] : kRefused) {
    if (head.has(field)) return {400, text};
  }
  return kNothing;
}

Objection judge_put(const Head& head, std::string_view bytes, Order& order) {
  order.operation = Operation::kSet;
  if (head.has(Field::kIfNoneMatch)) {
    if (head.has(Field::kIfMatch)) return {400, "If-Match and If-None-Match exclude each other"};
    if (head.count(Field::kIfNoneMatch) > 1 || head.value(Field::kIfNoneMatch, bytes) != "*") {
      return {400, "PUT takes If-None-Match: * alone, which writes a name once and for ever"};
    }
    order.operation = Operation::kWrite;
    order.conditional = true;
  }
  if (!head.has(Field::kIfMatch)) return kNothing;
  order.operation = Operation::kCas;
  bool found = false;
  return take_if_match(head.value(Field::kIfMatch, bytes), found, order);
}

Objection judge_post(const Head& head, std::string_view bytes, std::string_view query,
                     Order& order) {
  if (head.has(Field::kIfNoneMatch)) return {400, "If-None-Match says nothing here"};
  const Resource resource = order.route.resource;
  if (resource == Resource::kNext) {
    order.operation = Operation::kNext;
    if (head.has(Field::kIfMatch)) return {400, "If-Match says nothing here"};
    if (query.empty()) return kNothing;
    return {400, "next gives one number, and takes no query"};
  }
  const bool seals = resource == Resource::kSeal;
  order.operation = seals ? Operation::kSeal : Operation::kCheck;
  bool found = false;
  Objection wrong = take_query(query, seals ? "version" : "token", found, order);
  if (wrong.status != 0) return wrong;
  if (head.has(Field::kIfMatch)) {
    wrong = take_if_match(head.value(Field::kIfMatch, bytes), found, order);
    if (wrong.status != 0) return wrong;
  }
  if (found) return kNothing;
  return {400, seals ? "seal takes the version that it seals: ?version=3, or If-Match: \"3\""
                     : "check takes the token: ?token=3, or If-Match: \"3\""};
}

Objection judge_get(const Head& head, std::string_view bytes, Order& order) {
  order.operation = Operation::kRead;
  if (head.has(Field::kIfMatch)) return {400, "If-Match says nothing here"};
  for (const auto& [field, where] : head.fields) {
    if (field == Field::kIfNoneMatch && !add_tags(where.in(bytes), order.known)) {
      return {400, "If-None-Match takes versions in quotes, as \"3\", or * alone"};
    }
  }
  const auto& versions = order.known.versions;
  if (order.wait_s == 0 || order.known.any || versions.empty()) return kNothing;
  // The node waits for more than one version. Of two of them it would say "nothing newer" while the
  // state is a third one between them.
  if (std::any_of(versions.begin(), versions.end(),
                  [&](uint64_t one) { return one != versions.front(); })) {
    return {400, "a wait takes one version in If-None-Match: the last one that you know"};
  }
  order.operation = Operation::kWait;
  order.version = versions.front();
  return kNothing;
}

Objection judge_name(std::string_view name) {
  if (name.empty()) return {400, "the name is missing: /v1/names/NAME"};
  if (is_plain(name)) {
    return name.size() <= kMaxNameBytes ? kNothing
                                        : Objection{414, "a name has at most 1024 bytes"};
  }
  const auto decoded = percent_decoded(name);
  if (!decoded) return {400, "a % in a name is followed by two hexadecimal digits"};
  if (decoded->size() > kMaxNameBytes) return {414, "a name has at most 1024 bytes"};
  return kNothing;
}

void take_preferences(const Head& head, std::string_view bytes, Order& order) {
  Accepted accepted;
  for (const auto& [field, where] : head.fields) {
    const std::string_view value = where.in(bytes);
    if (field == Field::kAccept) accepted.add(value);
    if (field == Field::kPrefer && order.wait_s == 0) order.wait_s = wait_of(value);
  }
  order.json = accepted.wants_json();
  order.problems = accepted.takes_problems();
}

Objection judge_operation(const Head& head, std::string_view bytes, std::string_view query,
                          Order& order) {
  if (const Objection wrong = judge_name(order.route.name); wrong.status != 0) return wrong;
  if (order.method == Method::kPut || order.method == Method::kPost) {
    const Objection wrong = judge_parts_and_dates(head);
    if (wrong.status != 0) return wrong;
  }
  if (order.method == Method::kPost) return judge_post(head, bytes, query, order);
  if (!query.empty()) return {400, "this path does not take what its query says"};
  return order.method == Method::kPut ? judge_put(head, bytes, order)
                                      : judge_get(head, bytes, order);
}

Objection take_key(const Head& head, std::string_view bytes, Order& order) {
  if (!head.has(Field::kIdempotencyKey)) return kNothing;
  if (!paxos::changes(order.operation)) {
    return {400, "Idempotency-Key says nothing here: this changes nothing, and may be sent again"};
  }
  const auto id = id_of_key(head.value(Field::kIdempotencyKey, bytes));
  if (!id) return {400, "Idempotency-Key is empty, or all 0, or its quotes do not close"};
  order.has_id = true;
  order.id = *id;
  return kNothing;
}

}  // namespace

Objection judge(const Head& head, std::string_view bytes, const NodeView& node, Serves serves,
                Order& order) {
  take_preferences(head, bytes, order);
  order.method = method_of(head.method.in(bytes));
  const auto target = target_of(head.target.in(bytes));
  if (!target) {
    return {400,
            "the target is a path that begins with /, in characters that a URL may have; all "
            "others are written %xx"};
  }
  Objection wrong = judge_guards(head, bytes, target->authority, node);
  if (wrong.status != 0) return wrong;
  order.route = route_of(target->path);
  wrong = judge_route(serves, order);
  if (wrong.status != 0) return wrong;
  wrong = judge_body(head, order);
  if (wrong.status != 0 || order.method == Method::kOptions) return wrong;
  order.verbose = target->query == "verbose" || target->query.starts_with("verbose=");
  if (!is_of_name(order.route.resource)) return kNothing;
  wrong = judge_operation(head, bytes, target->query, order);
  return wrong.status != 0 ? wrong : take_key(head, bytes, order);
}

}  // namespace once::doors::http
