#include "tests/fuzz/forge.h"

#include "paxos/digest.h"
#include "paxos/pages.h"

namespace once::fuzz {

using namespace paxos;

Ballot Forger::ballot() {
  Ballot ballot;
  ballot.round = Round{number32()};
  const uint8_t node = input_.byte();
  ballot.node = node < 128 ? from_ : NodeId{static_cast<uint16_t>(node % 6)};
  ballot.incarnation = Incarnation{number32()};
  return ballot;
}

State Forger::state() {
  State state;
  state.version = any_number(input_);
  state.sealed = input_.byte() < 200;
  state.writer = request_id(9, input_.byte());
  state.value = input_.bytes(input_.byte() % 32);
  return state;
}

Status Forger::status() {
  return static_cast<Status>(input_.byte() % (static_cast<int>(kLastStatus) + 1));
}

std::string_view Forger::names() { return input_.bytes(input_.byte() % 64); }

std::string_view Forger::buckets() {
  constexpr size_t kWhole = Digest::kWantedBuckets / 8;
  return kept_.emplace_back(input_.byte() < 200 ? kWhole : input_.byte(), '\xff');
}

std::string_view Forger::digests(uint16_t shards) {
  const size_t buckets = size_t{shards} * Digest::kWantedBuckets / kShardCount;
  return kept_.emplace_back(buckets * Digest::kPackedBytes, static_cast<char>(input_.byte()));
}

std::string_view Forger::told() {
  std::vector<char> page;
  ByteWriter out(page);
  for (int n = input_.byte() % 4; n > 0; --n) {
    put_told({any_name(input_), any_number(input_), ballot(), number16()}, out);
  }
  if (input_.byte() < 16) page.push_back('x');
  return kept_.emplace_back(page.begin(), page.end());
}

Message Forger::any_message() {
  switch (input_.byte() % std::variant_size_v<Message>) {
    case 0:
      return Prepare{any_number(input_), ballot(), any_name(input_)};
    case 1:
      return Promise{any_number(input_), ballot(), ballot(), state()};
    case 2:
      return Accept{any_number(input_), ballot(), state(), any_name(input_)};
    case 3:
      return Accepted{any_number(input_), ballot(), any_number(input_)};
    case 4:
      return AcceptedRange{Incarnation{number32()}, Sequence{any_number(input_)},
                           Sequence{any_number(input_)}};
    case 5:
      return Rejected{any_number(input_), ballot(), ballot()};
    case 6:
      return ReadState{any_number(input_), any_name(input_)};
    case 7:
      return ReadReply{any_number(input_), input_.byte() % 2 == 1, ballot(), state()};
    case 8:
      return HomeProgress{Incarnation{number32()}, Sequence{any_number(input_)}};
    case 9:
      return ChosenRange{Incarnation{number32()}, Sequence{any_number(input_)},
                         Sequence{any_number(input_)}};
    case 10:
      return Decided{ballot(), any_number(input_), any_name(input_)};
    case 11:
      return ClaimHome{Incarnation{number32()}, any_number(input_), any_number(input_)};
    case 12:
      return ClaimReply{Incarnation{number32()}, any_number(input_),     any_number(input_),
                        any_number(input_),      input_.byte() % 2 == 1, names()};
    case 13:
      return SettleQuery{ballot(), ballot(), any_name(input_)};
    case 14:
      return Settled{ballot(), ballot(), any_name(input_)};
    case 15: {
      Forward m{any_number(input_),
                Incarnation{number32()},
                any_number(input_),
                any_operation(input_.byte()),
                request_id(9, input_.byte()),
                number32(),
                any_name(input_),
                input_.bytes(input_.byte() % 32)};
      if (takes_version(m.operation)) m.version = any_number(input_);
      return m;
    }
    case 16:
      return SyncCompare{any_number(input_), number16(), number16()};
    case 17:
      return SyncDigest{any_number(input_), number16(), number16(), input_.bytes(64)};
    case 18:
      return SyncNames{any_number(input_), any_number(input_), number16(), buckets()};
    case 19:
      return SyncPage{any_number(input_), any_number(input_), any_number(input_),
                      any_number(input_), told()};
    case 20:
      return SyncFetch{any_number(input_), any_name(input_)};
    case 21:
      return SyncState{any_number(input_), input_.byte() % 2 == 1, ballot(), state(),
                       any_name(input_)};
    default:
      return ForwardReply{any_number(input_), status(), state()};
  }
}

Message Forger::answer_to(const Message& request) {
  const bool other_ballot = input_.byte() >= 200;
  const auto same = [&](const Ballot& asked) { return other_ballot ? ballot() : asked; };
  if (const auto* prepare = std::get_if<Prepare>(&request)) {
    if (input_.byte() % 4 == 0) return Rejected{prepare->op, same(prepare->ballot), ballot()};
    return Promise{prepare->op, same(prepare->ballot), ballot(), state()};
  }
  if (const auto* accept = std::get_if<Accept>(&request)) {
    if (input_.byte() % 4 == 0) return Rejected{accept->op, same(accept->ballot), ballot()};
    if (accept->ballot.is_round_zero()) {
      return AcceptedRange{accept->ballot.incarnation, Sequence{any_number(input_)},
                           Sequence{accept->op}};
    }
    return Accepted{accept->op, same(accept->ballot), accept->state.version};
  }
  if (const auto* read = std::get_if<ReadState>(&request)) {
    return ReadReply{read->op, input_.byte() % 2 == 1, ballot(), state()};
  }
  if (const auto* claim = std::get_if<ClaimHome>(&request)) {
    return ClaimReply{claim->incarnation, any_number(input_),     claim->cursor,
                      any_number(input_), input_.byte() % 2 == 1, names()};
  }
  if (const auto* query = std::get_if<SettleQuery>(&request)) {
    return Settled{query->promised, query->accepted, query->name};
  }
  if (const auto* compare = std::get_if<SyncCompare>(&request)) {
    return SyncDigest{compare->pass, compare->shard, compare->shards, digests(compare->shards)};
  }
  if (const auto* wanted = std::get_if<SyncNames>(&request)) {
    return SyncPage{wanted->pass, wanted->cursor, wanted->cursor + input_.byte() % 4,
                    any_number(input_), told()};
  }
  if (const auto* fetch = std::get_if<SyncFetch>(&request)) {
    return SyncState{fetch->op, input_.byte() % 2 == 1, ballot(), state(), fetch->name};
  }
  if (const auto* forward = std::get_if<Forward>(&request)) {
    return ForwardReply{forward->op, status(), state()};
  }
  return any_message();
}

}  // namespace once::fuzz
