// What is under way between the replicas of a world, and what comes out of it.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "paxos/messages.h"

namespace once::paxos::test {

// A message with its views made to own their bytes.
struct Parcel {
  Endpoint from, to;
  Message message;
  std::string name, value;

  Parcel(Endpoint f, Endpoint t, const Message& m) : from(f), to(t), message(m) { own(); }
  Parcel(const Parcel& other) : Parcel(other.from, other.to, other.message) {}
  Parcel& operator=(const Parcel&) = delete;

 private:
  void own() {
    std::visit(
        [this](auto& m) {
          if constexpr (requires { m.name; }) keep(m.name, name);
          if constexpr (requires { m.names; }) keep(m.names, name);
          if constexpr (requires { m.digests; }) keep(m.digests, name);
          if constexpr (requires { m.buckets; }) keep(m.buckets, name);
          if constexpr (requires { m.value; }) keep(m.value, value);
          if constexpr (requires { m.state; }) keep(m.state.value, value);
          if constexpr (requires { m.accepted.value; }) keep(m.accepted.value, value);
        },
        message);
  }
  static void keep(std::string_view& view, std::string& owner) { view = owner = view; }
};

// What a client was told.
struct Answer {
  Status status;
  std::string value;
  RequestId writer;
  uint64_t version = 0;
  bool sealed = false;
};

}  // namespace once::paxos::test
