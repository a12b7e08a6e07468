// Every limit of the system, in one place. Units in the names; counts otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace once {

inline constexpr size_t kMaxNameBytes = 1024;
inline constexpr size_t kMaxValueBytes = 65536;
inline constexpr size_t kMaxNodes = 15;
inline constexpr size_t kMaxEndpoints = 64;  // that a client is given
inline constexpr size_t kMaxCores = 64;
inline constexpr uint16_t kShardCount = 64;

inline constexpr size_t kMaxFrameBytes = 128 * 1024;  // a client frame, its length field included
inline constexpr size_t kMaxEnvelopeBytes =
    512 * 1024;  // a peer frame: many messages, one checksum
inline constexpr size_t kMaxMessageBytes = kMaxNameBytes + kMaxValueBytes + 256;
inline constexpr size_t kMaxRecordBytes = kMaxNameBytes + kMaxValueBytes + 256;

inline constexpr size_t kMaxHelloBytes = 64;  // a client hello, its length field included
inline constexpr size_t kMaxConnectionsPerCore = 4096;
inline constexpr size_t kMinConnectionsPerCore = 8;     // with room for fewer a node does not start
inline constexpr size_t kMaxBeforeHelloPerCore = 1024;  // of these, and at most a quarter of them
inline constexpr size_t kMaxConnectionsPerAddress = 1024;  // a core; loopback is exempt
inline constexpr size_t kMaxInFlightPerConnection = 4096;
// Of clients that ask nothing more, and may be gone: more, and the first of them are closed. A part
// of kMaxOperationsPerCore.
inline constexpr size_t kMaxHalfClosedRequests = 4096;
inline constexpr size_t kMaxOutboxBytes = 16 * 1024 * 1024;  // per stream; beyond it, it is closed
inline constexpr int64_t kFirstFrameTimeoutNs = 5'000'000'000;
inline constexpr int64_t kChosenTimeoutMs = 5'000;    // of a request that leaves it to the node
inline constexpr int64_t kLongestTimeoutMs = 60'000;  // longer ones are taken as that

inline constexpr size_t kMaxOperationsPerCore = 32768;  // client and forwarded requests waiting
inline constexpr size_t kMaxTasksPerCore = 8192;        // classic rounds and quorum reads under way
inline constexpr size_t kRoundZeroWindow = 16384;       // round-0 proposals outstanding per core
inline constexpr size_t kLingerFrom = 16;               // changes made at once, see core_linger.cc
inline constexpr uint32_t kCatchUpNames = 20'000;       // learned from others, a second and core
// What is believed of the rounds of one name: so many at once, and then one every so often. The
// fastest duel of two nodes that was seen makes 230 a second.
inline constexpr uint32_t kRoundsAtOnce = 1u << 26;
inline constexpr int64_t kNsPerRound = 250'000;
inline constexpr Round kMaxRound{UINT32_MAX - (1u << 20)};  // none above: none wraps

// What is believed of the runs of one node beyond the last one that is known: so many at once, and
// then one every so often.
inline constexpr uint32_t kMaxIncarnationJump = 1u << 16;
inline constexpr int64_t kNsPerIncarnation = 1'000'000;

inline constexpr size_t kBlockBytes = 4096;            // log block: O_DIRECT unit
inline constexpr size_t kMaxBatchBytes = 1024 * 1024;  // one log write
inline constexpr size_t kDefaultSegmentBytes = 64 * 1024 * 1024;
inline constexpr uint64_t kMaxSegmentBytes = uint64_t{4096} * 1024 * 1024;

static_assert(kMaxMessageBytes + 64 <= kMaxFrameBytes);
static_assert(kMaxMessageBytes * 2 <= kMaxEnvelopeBytes);
static_assert(kMinConnectionsPerCore >= 4 && kMaxConnectionsPerAddress < kMaxConnectionsPerCore);
static_assert(kMaxInFlightPerConnection <= kMaxHalfClosedRequests);
static_assert(kMaxRecordBytes * 2 <= kMaxBatchBytes);
static_assert((kRoundZeroWindow & (kRoundZeroWindow - 1)) == 0);

}  // namespace once
