// The messages of etcd's gRPC service KV (v3) that a load needs, as Protocol Buffers has them, each
// behind the five bytes that gRPC puts before it. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace once::bench::peers {

inline constexpr std::string_view kTxnPath = "/etcdserverpb.KV/Txn";
inline constexpr std::string_view kRangePath = "/etcdserverpb.KV/Range";

// A transaction: if the create revision of the key is 0, as of a key that is not there, put it.
std::string create_message(std::string_view key, std::string_view value);
// A linearizable read of that key.
std::string read_message(std::string_view key);

// Whether the transaction has put it. Nothing: these bytes are no answer.
std::optional<bool> has_created(std::string_view answer);
// Whether the key was there.
std::optional<bool> has_found(std::string_view answer);

}  // namespace once::bench::peers
