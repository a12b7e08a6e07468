// The texts that an operator or a disk gives: --cluster, --cluster-id, addresses, and the files of
// a data directory (closed by a right checksum, which no fuzzer guesses). Input: u8 which, then the
// text. What is taken keeps the limits, and says the same when it is written again.
#include <netdb.h>
#include <netinet/in.h>

#include <charconv>
#include <set>
#include <string>

#include "base/hex.h"
#include "base/limits.h"
#include "base/name_resolver.h"
#include "server/directory_text.h"
#include "tests/fuzz/input.h"

// In the place of libc's, for this program: names are not looked up.
extern "C" int getaddrinfo(const char* host, const char* port, const addrinfo* hints,
                           addrinfo** found);
extern "C" int __interceptor_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);

namespace once::fuzz {
namespace {

using Members = std::vector<std::pair<NodeId, std::string>>;

void check_members(const Members& members) {
  ONCE_ASSERT(!members.empty() && members.size() <= kMaxNodes);
  std::set<NodeId> seen;
  for (const auto& [node, address] : members) {
    ONCE_ASSERT(node.value >= 1 && node.value <= kMaxNodes && seen.insert(node).second);
    ONCE_ASSERT(address.find(':') != std::string::npos);
  }
}

void try_members(const std::string& text) {
  const auto members = server::parse_members(text);
  if (!members) return;
  check_members(*members);
  std::string again;
  for (const auto& [node, address] : *members) {
    again += (again.empty() ? "" : ",") + std::to_string(node.value) + "=" + address;
  }
  const auto parsed = server::parse_members(again);
  ONCE_ASSERT(parsed && *parsed == *members);
}

void try_cluster_id(const std::string& text) {
  const auto cluster = server::parse_cluster_id(text);
  if (!cluster) return;
  const auto again = server::parse_cluster_id(hex_of(*cluster));
  ONCE_ASSERT(again && *again == *cluster);
}

void try_identity(const std::string& text) {
  const auto configuration = server::parse_identity("identity", server::with_checksum(text));
  if (!configuration) return;
  check_members(configuration->members);
  ONCE_ASSERT(server::is_member(*configuration) && configuration->shard_count > 0);
  ONCE_ASSERT(configuration->segment_bytes >= kMaxBatchBytes);
  ONCE_ASSERT(configuration->segment_bytes % kMaxBatchBytes == 0);
  const std::string written = server::identity_text(*configuration);
  const auto again = server::parse_identity("identity", written);
  ONCE_ASSERT(again && server::identity_text(*again) == written);
}

void try_peers(const std::string& text) {
  const auto peers = server::parse_peers(server::with_checksum(text));
  if (!peers) return;
  ONCE_ASSERT(peers->size() <= kMaxNodes);
  ONCE_ASSERT(server::parse_peers(server::peers_text(*peers)) == peers);
}

void try_streams(const std::string& text) {
  const auto streams = server::parse_streams(server::with_checksum(text));
  if (!streams) return;
  ONCE_ASSERT(*streams >= 1 && *streams <= kMaxCores);
  ONCE_ASSERT(server::parse_streams(server::streams_text(*streams)) == streams);
}

// The port of the socket is the number that stands there, and not another.
void try_address(const std::string& text) {
  const auto found = resolve_now(text, false);
  if (!found) return;
  const SocketAddress* address = &found->front();
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address->storage);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address->storage);
  const uint16_t port = ntohs(v4->sin_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
  const std::string_view digits = std::string_view(text).substr(text.rfind(':') + 1);
  uint64_t number = 0;
  const auto [stop, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
  ONCE_ASSERT(problem == std::errc{} && stop == digits.data() + digits.size());
  ONCE_ASSERT(number == port);
}

}  // namespace
}  // namespace once::fuzz

extern "C" int getaddrinfo(const char* host, const char* port, const addrinfo* hints,
                           addrinfo** found) {
  addrinfo numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  return __interceptor_getaddrinfo(host, port, &numeric, found);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once::fuzz;
  Input input(data, size);
  const uint8_t which = input.byte();
  const std::string text(input.rest());
  switch (which % 7) {
    case 0:
      try_members(text);
      break;
    case 1:
      try_cluster_id(text);
      break;
    case 2:
      try_identity(text);
      break;
    case 3:
      try_peers(text);
      break;
    case 4:
      try_streams(text);
      break;
    case 5:
      try_address(text);
      break;
    default:  // a file that was cut or damaged, as it is
      (void)once::server::parse_identity("identity", text);
      (void)once::server::parse_peers(text);
      (void)once::server::parse_streams(text);
  }
  return 0;
}
