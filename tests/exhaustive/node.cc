#include "tests/exhaustive/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "paxos/record.h"

namespace once::exhaustive {

using namespace paxos;

namespace {
constexpr uint64_t kHashSeed = 42;
}

std::string name_at_home(size_t node, int number) {
  for (int k = 0;; ++k) {
    std::string name = fmt::format("name{}{}", static_cast<char>('a' + number), k);
    if (home_slot_of(name_hash(name, kHashSeed), kNodes).value == node) return name;
  }
}

bool shows_state(Status status) {
  return status == Status::kDone || status == Status::kAlreadySet || status == Status::kConflict ||
         status == Status::kSealed || status == Status::kIdReused;
}

Node::Node(const Scenario& scenario, Catalog& catalog, size_t index)
    : scenario_(scenario), catalog_(catalog), index_(index) {
  start();
  links_up();
  sync(pending_.size());
  out_.clear();
  core_->on_tick(now_, out_);  // the first slow tick, so that the next one is a time-out
  take();
  ONCE_ASSERT(sent_.empty() && pending_.empty());
}

void Node::start() {
  ReplicaOptions options;
  options.self = endpoint(index_);
  for (size_t i = 0; i < kNodes; ++i) options.members.push_back(endpoint(i).node);
  options.hash_seed = kHashSeed;
  options.shard_count = 64;
  options.random_seed = index_ << 8 | restarts_;
  options.max_operations = 8;
  options.max_tasks = 8;
  options.round_zero_window = 4;
  options.linger_from = scenario_.linger_from;
  options.catch_up.takes_unasked = true;
  core_ = std::make_unique<Core>(options);
  watch_ = invariants::Watch();
  for (const std::string& record : log_) ONCE_ASSERT(core_->recover(record));
  pending_.clear();
  held_.clear();
  confirmations_.clear();
  made_ = durable_ = 0;
  out_.clear();
  core_->start(core_->recovered_incarnation().next(), now_, out_);
  take();
}

void Node::links_up() {
  std::vector<Event> events;
  for (size_t i = 0; i < kNodes; ++i) {
    if (i != index_) events.push_back({endpoint(i), LinkUp{1}});
  }
  step(events.data(), events.size());
}

void Node::step(const Event* events, size_t count) {
  out_.clear();
  core_->step(events, count, now_, out_);
  take();
}

void Node::apply(LocalEvent event) {
  sent_.clear();
  replies_.clear();
  switch (event.kind()) {
    case Kind::kDeliver: {
      const Parcel& parcel = catalog_.parcel(event.argument());
      const Event delivery{endpoint(parcel.from), parcel.message};
      if (const auto* accept = std::get_if<Accept>(&parcel.message)) note_confirmation(*accept);
      step(&delivery, 1);
      break;
    }
    case Kind::kSync:
      sync(event.argument());
      break;
    case Kind::kTimeout:
      ++timeouts_;
      now_ = std::max(now_, probe().next_deadline());
      [[fallthrough]];
    case Kind::kTick:
      out_.clear();
      core_->on_tick(now_, out_);
      take();
      break;
    case Kind::kCall:
      call(event.argument());
      break;
    case Kind::kRestart:
      ++restarts_;
      start();
      links_up();
      break;
    case Kind::kPeerRestarted: {
      const Endpoint peer = endpoint(event.argument());
      const Event events[] = {{peer, LinkDown{}}, {peer, LinkUp{1}}};
      step(events, 2);
      break;
    }
  }
  while (!scenario_.late_syncs[index_] && !pending_.empty()) sync(pending_.size());
  std::sort(sent_.begin(), sent_.end());
  sent_.erase(std::unique(sent_.begin(), sent_.end()), sent_.end());
}

void Node::call(uint32_t index) {
  const Call& call = scenario_.calls[index];
  const Event event{{},
                    ClientRequest{index, call.operation, scenario_.id_of(index),
                                  scenario_.timeout_ms, call.name, call.value, call.version}};
  step(&event, 1);
}

void Node::sync(size_t records) {
  ONCE_ASSERT(records <= pending_.size());
  for (size_t n = 0; n < records; ++n) {
    log_.push_back(std::move(pending_.front()));
    pending_.pop_front();
    learn(log_.back());
  }
  durable_ += records;
  out_.clear();
  core_->on_durable(RecordNumber{durable_}, now_, out_);
  take();
}

void Node::learn(std::string_view bytes) {
  const auto record = decode_record(bytes);
  ONCE_ASSERT(record.has_value());
  if (const auto* r = std::get_if<IncarnationRecord>(&*record)) {
    facts_.incarnation = r->incarnation;
  } else if (const auto* r = std::get_if<PromiseRecord>(&*record)) {
    facts_.promises.emplace(r->name, r->ballot);
  } else if (const auto* r = std::get_if<RangePromiseRecord>(&*record)) {
    facts_.range_promises.emplace(r->home.value, r->incarnation);
  } else if (const auto* r = std::get_if<AcceptRecord>(&*record)) {
    facts_.promises.emplace(r->name, r->ballot);
    facts_.accepts.insert(catalog_.accept(r->name, r->state, r->ballot, r->sequence.value));
  } else if (const auto* r = std::get_if<KeptRecord>(&*record)) {
    facts_.promises.emplace(r->name, r->promised);
    facts_.accepts.insert(catalog_.accept(r->name, r->state, r->accepted, 0));
  }
}

// REQUIRES: what `accept` itself makes this node write is not in `pending_` yet.
void Node::note_confirmation(const Accept& accept) {
  if (!accept.ballot.is_round_zero()) return;
  const auto says_so = [&](const std::string& bytes) {
    const auto record = decode_record(bytes);
    const auto* r = record ? std::get_if<AcceptRecord>(&*record) : nullptr;
    const auto* learned = record ? std::get_if<KeptRecord>(&*record) : nullptr;
    if (learned && learned->name == accept.name && learned->accepted == accept.ballot &&
        learned->state.version == accept.state.version) {
      return true;
    }
    return r && r->name == accept.name && r->ballot == accept.ballot &&
           r->sequence.value != accept.op && r->state.version == accept.state.version;
  };
  if (std::any_of(log_.begin(), log_.end(), says_so) ||
      std::any_of(pending_.begin(), pending_.end(), says_so)) {
    confirmations_[{accept.ballot, accept.op}] = {accept.state.version, accept.state.writer};
  }
}

void Node::take() {
  for (const Outgoing& m : out_.messages) {
    if (const auto* accept = std::get_if<Accept>(&m.message)) note_confirmation(*accept);
  }
  uint32_t begin = 0;
  for (uint32_t end : out_.record_ends) {
    pending_.emplace_back(out_.records.data() + begin, end - begin);
    begin = end;
    ++made_;
  }
  for (const Outgoing& m : out_.messages) {
    ONCE_ASSERT(m.rests_on.record.value > 0 && m.rests_on.record.value <= made_);
    if (scenario_.lost >> m.message.index() & 1) continue;
    held_.push_back({m.rests_on.record.value, catalog_.message(endpoint(index_), m.to, m.message)});
  }
  for (const ClientReply& r : out_.replies) {
    const auto index = static_cast<uint32_t>(r.token);
    const Call& call = scenario_.calls[index];
    State state = r.state;
    // Who made a version is not told its value again; if he brought it, he knows it.
    if (r.status == Status::kDone && changes(call.operation)) state.value = call.value;
    replies_.push_back(
        {index, r.status, shows_state(r.status) ? catalog_.state(call.name, state) : 0});
  }
  release();
  if (std::string broken = watch_.look(*core_); !broken.empty()) fail(std::move(broken));
}

// One sentence of DESIGN 3.3 for each message: null, or what is not in the log.
struct Node::Rule {
  const Node& node;
  uint16_t to;

  template <class Test>
  bool any_accept(Test test) const {
    return std::any_of(node.facts_.accepts.begin(), node.facts_.accepts.end(),
                       [&](uint32_t a) { return test(node.catalog_.accept(a)); });
  }
  bool accepted(const Ballot& ballot, uint64_t version, const RequestId* writer) const {
    return any_accept([&](const KnownAccept& a) {
      const KnownState& s = node.catalog_.state(a.state);
      return a.ballot == ballot && s.version == version && (!writer || s.writer == *writer);
    });
  }
  bool numbered(const Ballot& ballot, uint64_t first, uint64_t last) const {
    for (uint64_t n = first; n <= last; ++n) {
      const auto is_it = [&](const KnownAccept& a) {
        return a.ballot == ballot && a.sequence == n;
      };
      if (!any_accept(is_it) && !confirmed(ballot, n)) return false;
    }
    return true;
  }
  bool confirmed(const Ballot& ballot, uint64_t sequence) const {
    const auto found = node.confirmations_.find({ballot, sequence});
    return found != node.confirmations_.end() &&
           accepted(ballot, found->second.version, &found->second.writer);
  }
  const char* operator()(const Promise& m) const {
    if (!node.has_promise(m.ballot, true, {})) return "the promise";
    if (m.accepted_ballot.is_null()) return nullptr;
    return accepted(m.accepted_ballot, m.accepted.version, &m.accepted.writer) ? nullptr
                                                                               : "the accept";
  }
  const char* operator()(const Accepted& m) const {
    return accepted(m.ballot, m.version, nullptr) ? nullptr : "the accept";
  }
  const char* operator()(const AcceptedRange& m) const {
    return numbered(Ballot{Round{0}, NodeId{to}, m.incarnation}, m.first.value, m.last.value)
               ? nullptr
               : "the accept";
  }
  const char* operator()(const Rejected& m) const {
    return node.has_promise(m.promised, true, {}) ? nullptr : "the higher promise";
  }
  const char* operator()(const ReadReply& m) const {
    if (m.accepted_ballot.is_null()) return nullptr;
    return accepted(m.accepted_ballot, m.accepted.version, &m.accepted.writer) ? nullptr
                                                                               : "the accept";
  }
  const char* operator()(const SyncState& m) const {
    if (m.ballot.is_null()) return nullptr;
    return accepted(m.ballot, m.state.version, &m.state.writer) ? nullptr : "the accept";
  }
  const char* operator()(const HomeProgress& m) const {
    const Ballot ballot{Round{0}, node.endpoint(node.index_).node, m.incarnation};
    return numbered(ballot, 1, m.durable.value) ? nullptr : "what it says to be durable";
  }
  const char* operator()(const ClaimReply& m) const {
    return node.facts_.range_promises.count({to, m.incarnation}) ? nullptr : "the range promise";
  }
  const char* operator()(const Settled& m) const {
    if (!node.has_promise(m.promised, false, m.name)) return "the promise";
    if (m.accepted.is_null()) return nullptr;
    const bool holds = any_accept([&](const KnownAccept& a) {
      return node.catalog_.state(a.state).name == m.name && a.ballot >= m.accepted;
    });
    return holds ? nullptr : "the accept";
  }
  template <class M>
  const char* operator()(const M&) const {
    return nullptr;
  }
};

bool Node::has_promise(const Ballot& ballot, bool exactly, std::string_view name) const {
  return std::any_of(facts_.promises.begin(), facts_.promises.end(), [&](const auto& p) {
    return (name.empty() || p.first == name) && (exactly ? p.second == ballot : p.second >= ballot);
  });
}

void Node::release() {
  for (const Held& h : held_) {
    if (h.record > durable_) continue;
    sent_.push_back(h.message);
    const Parcel& parcel = catalog_.parcel(h.message);
    const char* missing =
        facts_.incarnation == core_->recovered_incarnation().next() ? nullptr : "this incarnation";
    const auto to = static_cast<uint16_t>(parcel.to + 1);
    if (!missing) missing = std::visit(Rule{*this, to}, parcel.message);
    if (missing) {
      fail(fmt::format("n{} sends {} to n{}, but {} is not in its log", index_ + 1,
                       text_of(parcel.message), to, missing));
    }
  }
  std::erase_if(held_, [&](const Held& h) { return h.record <= durable_; });
}

bool Node::may_time_out() {
  return timeouts_ < scenario_.timeouts[index_] && probe().next_deadline() != kNoDeadline;
}

std::vector<uint32_t> Node::accepts() const {
  return {facts_.accepts.begin(), facts_.accepts.end()};
}

std::vector<uint32_t> Node::decided() {
  std::vector<uint32_t> states;
  probe().for_each_entry([&](const Entry& entry) {
    if (entry.decided()) states.push_back(catalog_.state(entry.name(), entry.state()));
  });
  std::sort(states.begin(), states.end());
  return states;
}

void Node::fingerprint(std::vector<char>& bytes) {
  ByteWriter out(bytes);
  out.put(timeouts_);
  out.put(restarts_);
  const auto put = [&](const auto& records) {
    for (const std::string& record : records) {
      out.put(static_cast<uint32_t>(record.size()));
      out.put_bytes(record);
    }
    out.put(uint32_t{0});
  };
  for (const auto& [key, confirmed] : confirmations_) {
    out.put(key.first.node.value);
    out.put(key.first.incarnation.value);
    out.put(key.second);
    out.put(confirmed.version);
  }
  out.put(uint16_t{0});
  put(pending_);
  // Only a node that will read its log again cares in which order it was written, and how often.
  if (may_restart()) {
    put(log_);
  } else {
    put(std::set<std::string>(log_.begin(), log_.end()));
  }
  probe().fingerprint(bytes);
}

// A message that was made before, on the same record or an earlier one, is no second one: it may be
// delivered any number of times anyway.
void Node::held_fingerprint(std::vector<char>& bytes) {
  std::sort(held_.begin(), held_.end());
  std::set<uint32_t> seen;
  std::erase_if(held_, [&](const Held& h) { return !seen.insert(h.message).second; });
  ByteWriter out(bytes);
  for (const Held& h : held_) {
    out.put(h.record - durable_);
    out.put(h.message);
  }
}

}  // namespace once::exhaustive
