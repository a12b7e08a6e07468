#include "client/listing.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "base/printable.h"
#include "client/conversation.h"
#include "client/node_search.h"

namespace once::client {
namespace {

constexpr int kPauseMs = 5;  // before a node that had no turn for us is asked again

NamesPage& failed(NamesPage& page, Outcome outcome, std::string message) {
  page.outcome = outcome;
  page.message = std::move(message);
  return page;
}

std::string named(NodeId node) { return "node " + std::to_string(node.value); }

class Listing {
 public:
  Listing(NameResolver& names, const std::optional<ClusterId>& expected, const ListOptions& options,
          int64_t deadline_ns)
      : names_(names), expected_(expected), options_(options), deadline_ns_(deadline_ns) {}

  NamesPage run(const std::vector<std::string>& endpoints,
                std::function<void(const std::string&)>&& on_trouble) {
    if (!options_.after.empty()) {
      const auto place = parse_place(options_.after);
      if (!place) {
        return failed(page_, Outcome::kInvalid,
                      "this is no place of an earlier page: " + printable(options_.after));
      }
      place_ = *place;
    }
    if (options_.prefix.size() > kMaxNameBytes) {
      return failed(page_, Outcome::kInvalid,
                    "a prefix has at most " + std::to_string(kMaxNameBytes) + " bytes");
    }
    if (options_.limit == 0) {
      return failed(page_, Outcome::kInvalid, "a page of no names was asked for");
    }
    if (!find_node(endpoints, std::move(on_trouble))) return std::move(page_);
    begun_ = place_;
    while (place_.core < cores_ && take_core()) {
      ++place_.core;
      place_.from = 0;
    }
    page_.node = place_.node;
    if (place_.core < cores_) page_.after = text_of(place_);
    return std::move(page_);
  }

 private:
  // The node of the place, or the first that answers.
  bool find_node(const std::vector<std::string>& endpoints,
                 std::function<void(const std::string&)>&& on_trouble) {
    NodeSearch search(names_, expected_, deadline_ns_, std::move(on_trouble));
    if (!search.find(endpoints, place_.node)) {
      failed(page_, search.outcome(), search.message());
      return false;
    }
    address_ = search.address();
    place_.node = search.hello().node;
    cluster_ = search.hello().cluster;
    cores_ = cores_of(search.hello());
    return true;
  }

  // All that is left of this core; false: the page is full, or it failed.
  bool take_core() {
    auto node = Conversation::open(names_, address_, expected_, place_.core, deadline_ns_);
    if (!node) return lost(printable(node.error().message));
    // A name with several addresses, or a balancer, may lead to another node each time.
    const net::ServerHello& hello = node->hello();
    if (hello.node != place_.node || hello.cluster != cluster_ || hello.core.value != place_.core ||
        cores_of(hello) != cores_) {
      return lost(
          "another node, or another run of it, answers there now: give an endpoint that "
          "leads to one node");
    }
    while (true) {
      if (page_.names.size() >= options_.limit) return false;
      net::ListRequest request;
      request.run = place_.run;
      request.query.prefix = options_.prefix;
      request.query.from = place_.from;
      request.query.most = static_cast<uint32_t>(
          std::min<size_t>(options_.limit - page_.names.size(), paxos::kMostListedAtOnce));
      question_.clear();
      net::encode_list_request(Conversation::kCorrelation, request, question_);
      auto answer = node->ask(question_, net::FrameType::kListReply, deadline_ns_);
      if (!answer) return lost(printable(answer.error().message));
      auto reply = net::decode_list_reply(*answer);
      if (!reply) return lost(reply.error().message);
      if (reply->status == paxos::Status::kOverloaded && now_ns() < deadline_ns_) {
        (void)::poll(nullptr, 0, kPauseMs);
        continue;
      }
      if (reply->status != paxos::Status::kDone) return refused(reply->status);
      if (reply->page.names.size() > request.query.most) {
        return lost("it tells more names than it was asked for");
      }
      place_.run = reply->run;
      for (const paxos::ListedName& one : reply->page.names) {
        page_.names.push_back(
            {std::string(one.name), one.version, one.value_bytes, one.sealed, one.decided});
      }
      if (reply->page.next == 0) return true;
      if (reply->page.next <= place_.from) return lost("the node's list does not go on");
      place_.from = reply->page.next;
    }
  }

  // A page that has gone on when its time is over is one all the same.
  bool lost(std::string_view why) {
    if (now_ns() >= deadline_ns_ && place_ != begun_) return false;
    failed(page_, Outcome::kUnavailable,
           named(place_.node) + " (" + address_ + "): " + std::string(why));
    return false;
  }
  bool refused(paxos::Status status) {
    if (status == paxos::Status::kConflict) {
      page_.refusal = Refusal::kConflict;
      failed(page_, Outcome::kRefused,
             named(place_.node) + " has started again since that place was told: begin anew");
      return false;
    }
    return lost(status == paxos::Status::kOverloaded ? "it is overloaded"
                                                     : "it does not serve at the moment");
  }

  NameResolver& names_;
  const std::optional<ClusterId>& expected_;
  const ListOptions& options_;
  const int64_t deadline_ns_;
  ListPlace begun_;
  ListPlace place_;
  ClusterId cluster_;
  std::string address_;
  uint16_t cores_ = 1;
  std::vector<char> question_;
  NamesPage page_;
};

}  // namespace

std::string text_of(const ListPlace& place) {
  return std::to_string(place.node.value) + "-" + std::to_string(place.core) + "-" +
         std::to_string(place.run) + "-" + std::to_string(place.from);
}

std::optional<ListPlace> parse_place(std::string_view text) {
  ListPlace place;
  const char* at = text.data();
  const char* const end = at + text.size();
  auto number = [&](auto& value, bool last) {
    const auto [next, failure] = std::from_chars(at, end, value);
    if (failure != std::errc{} || next == at) return false;
    at = next;
    if (last) return at == end;
    return at != end && *at++ == '-';
  };
  const bool whole = number(place.node.value, false) && number(place.core, false) &&
                     number(place.run, false) && number(place.from, true);
  if (!whole || place.node.value == 0 || place.core >= kMaxCores) return std::nullopt;
  return place;
}

NamesPage ask_names(NameResolver& names, const std::vector<std::string>& endpoints,
                    const std::optional<ClusterId>& expected, const ListOptions& options,
                    int64_t deadline_ns, std::function<void(const std::string&)> on_trouble) {
  return Listing(names, expected, options, deadline_ns).run(endpoints, std::move(on_trouble));
}

}  // namespace once::client
