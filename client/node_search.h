// Looks for one node by the endpoints that people gave. While nobody answers, it asks all of them
// again: one may be about to start. Blocks until the deadline at most; one thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/name_resolver.h"
#include "base/types.h"
#include "client/client.h"
#include "client/conversation.h"
#include "client/obstacles.h"
#include "net/hello.h"

namespace once::client {

class NodeSearch {
 public:
  // `on_trouble`: hears what is in the way of each endpoint, while nobody answers; nothing:
  // somebody does.
  NodeSearch(NameResolver& names, const std::optional<ClusterId>& expected, int64_t deadline_ns,
             std::function<void(const std::string&)> on_trouble);

  // `wanted`: a node to which the others' maps may lead; 0: whoever answers first.
  bool find(const std::vector<std::string>& endpoints, NodeId wanted);

  // REQUIRES: found.
  const std::string& address() const { return address_; }
  const net::ServerHello& hello() const { return hello_; }

  // REQUIRES: not found. kInvalid: no endpoint leads to a node; kError: none to the cluster that is
  // meant; else kUnavailable.
  Outcome outcome() const;
  std::string message() const;

 private:
  struct Asked {
    Obstacle obstacle;
    Conversation::Wrong wrong = Conversation::Wrong::kNothing;
    bool is_another = false;  // a node of the cluster, but not the one that is wanted
  };
  void add(size_t at, const std::string& address);
  bool go_round();
  bool take(size_t at, const net::ServerHello& hello);
  bool somebody_answers() const;
  bool all(bool (*are)(const Asked&)) const;
  std::string words() const;

  NameResolver& names_;
  const std::optional<ClusterId>& expected_;
  const int64_t deadline_ns_;
  const std::function<void(const std::string&)> on_trouble_;
  NodeId wanted_;
  std::vector<Asked> asked_;
  std::string address_;
  net::ServerHello hello_;
};

// Of the node that says it; 0: its map of the cluster cannot be.
uint16_t cores_of(const net::ServerHello& hello);

}  // namespace once::client
