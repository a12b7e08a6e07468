// Peer messages and envelopes: bytes <-> values.
// Envelope: u32 length of what follows, u64 XXH3 of what follows it, then messages, each u8 type,
// u24 length, body.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/hello.h"
#include "paxos/messages.h"

namespace once::net {

void encode_message(const paxos::Message& message, std::vector<char>& out);
// Takes one message off the front; views point into the bytes.
Result<paxos::Message> take_message(std::string_view& bytes);

}  // namespace once::net
