#include "server/shard.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/rarely.h"
#include "net/peer_codec.h"

namespace once::server {
namespace {

constexpr uint64_t kTickTimer = 1;
constexpr uint64_t kStepTimer = 2;

template <class... Kinds>
bool is_one_of(const paxos::Message& message) {
  return (std::holds_alternative<Kinds>(message) || ...);
}

}  // namespace

Shard::Shard(const ShardOptions& options, reactor::Io& io, paxos::Replica& replica, ShardHost& host,
             PostOffice* office)
    : options_(options),
      io_(io),
      replica_(replica),
      host_(host),
      traffic_(host.traffic(options.self.core)),
      mail_(options.self.core, office),
      tokens_(options.max_operations),
      memory_(options.memory) {}

void Shard::attach(wal::Log* log, net::PeerLinks* links, net::ClientListener* listener) {
  ONCE_ASSERT(log_ == nullptr && log != nullptr && links != nullptr && listener != nullptr);
  ONCE_ASSERT(log->appended() == log->durable());
  log_ = log;
  recovered_ = records_made_ = durable_ = pending_durable_ = log->appended();
  links_ = links;
  listener_ = listener;
  if (memory_.is_bounded()) listener_->bound_unread(memory_.unread_bound());
}

void Shard::start(Incarnation incarnation) {
  ONCE_ASSERT(log_ != nullptr && records_made_ == recovered_);
  run_ = incarnation.value;
  turn([&] { replica_.start(incarnation, io_.now_ns(), output_); });
  ONCE_ASSERT(records_made_ > recovered_);  // the incarnation: nothing is said before it is durable
  catch_up();
  log_->flush();
  io_.set_timer(io_.now_ns() + options_.tick_ns, kTickTimer);
}

// --- events in ----------------------------------------------------------------------------------

// While the disk hangs a message is lost, as the network may lose it; but for answers that this
// node asked for and that make no record. On a spent one also questions are heard that make none,
// or one for each start of another node.
void Shard::on_message(Endpoint from, const paxos::Message& message) {
  const bool answers = is_one_of<paxos::ForwardReply, paxos::ReadReply>(message);
  const bool asks = is_one_of<paxos::Forward, paxos::ReadState, paxos::ClaimHome>(message);
  if (log_->behind() ? !answers : log_->spent() && !answers && !asks) return;
  paxos::Event& event = events_.emplace_back();
  event.from = from;
  event.body.emplace<paxos::Message>(message);
}

void Shard::on_link_up(Endpoint peer, const net::PeerHello& hello) {
  host_.on_peer(hello);
  events_.push_back({peer, paxos::LinkUp{hello.cores}});
}

void Shard::on_link_down(Endpoint peer, std::string_view) {
  hold_.forget(peer);
  events_.push_back({peer, paxos::LinkDown{}});
}

void Shard::on_request(net::ClientConnectionId connection, uint64_t correlation,
                       const paxos::ClientRequest& request) {
  // It never reached the replica, so it certainly did not happen.
  if (draining_ || !host_.may_vote()) {
    return refuse(connection, correlation, request.operation, paxos::Status::kUnavailable);
  }
  const auto token = log_->behind() ? std::nullopt
                                    : tokens_.add({.remote = false,
                                                   .operation = request.operation,
                                                   .connection = connection,
                                                   .correlation = correlation,
                                                   .since_ns = io_.now_ns(),
                                                   .core = {},
                                                   .core_token = 0});
  if (!token) {  // nor has it reached the replica here
    return refuse(connection, correlation, request.operation, paxos::Status::kOverloaded);
  }
  const CoreId owner =
      mail_.has_others() ? replica_.core_of_name(request.name) : options_.self.core;
  if (owner != options_.self.core) return forward_to_core(owner, *token, request);
  paxos::Event& event = events_.emplace_back();
  event.from = options_.self;
  event.body.emplace<paxos::ClientRequest>(request).token = *token;
}

void Shard::on_batch_end() {
  ONCE_ASSERT(log_ != nullptr);
  if (!events_.empty() || step_due_) step();
  forget_waits();
  for (const Refusal& refusal : refusals_) {
    paxos::ClientReply reply;
    reply.status = refusal.status;
    traffic_.answered(refusal.operation, refusal.status, 0);
    turned_away_ += refusal.status == paxos::Status::kOverloaded ? 1 : 0;
    listener_->reply(refusal.connection, refusal.correlation, refusal.operation, reply);
  }
  refusals_.clear();
  if (cleaner_ && !draining_) cleaner_->on_round(io_.now_ns());
  catch_up();
  log_->flush();
  links_->tell_modest(listener_->modest_until_ns());
  links_->flush();
  answer_one_question();
  listener_->end_round();
  mail_.end_of_round();
  ++rounds_;
}

void Shard::step() {
  step_due_ = false;
  if (memory_.is_bounded()) look_at_memory();
  turn([&] { replica_.step(events_.data(), events_.size(), io_.now_ns(), output_); });
  events_.clear();
  mail_.end_of_step();
  catch_up();
}

void Shard::on_timer(uint64_t token) {
  if (token == kStepTimer) {
    step_timer_set_ = false;
    step_due_ = true;
    return;
  }
  ONCE_ASSERT(token == kTickTimer);
  tick();
  io_.set_timer(io_.now_ns() + options_.tick_ns, kTickTimer);
}

// What the replica and the operator are told of it.
void Shard::look_at_the_log() {
  const DiskWatch::Seen seen{log_->full(), log_->crowded(), log_->behind(), log_->spent(),
                             log_->writing_since_ns()};
  for (const std::string& line : disk_.look(seen, log_->full_because(), io_.now_ns()))
    host_.log_line(line);
  replica_.set_disk(seen.spent                  ? paxos::Disk::kSpent
                    : seen.full || seen.crowded ? paxos::Disk::kFull
                                                : paxos::Disk::kEnough);
  replica_.set_log_waiting(log_->waiting_bytes());
  host_.set_full(options_.self.core, seen.full);
}

void Shard::tick() {
  const int64_t now_ns = io_.now_ns();
  look_at_the_log();
  count_memory();
  turn([&] { replica_.on_tick(now_ns, output_); });
  catch_up();
  log_->on_tick(now_ns);
  links_->on_tick(now_ns);
  listener_->on_tick(now_ns);
  mail_.post_late();
  forget_due_ = true;
  publish();
  give_back();
  host_.on_tick(options_.self.core, now_ns);
  check_drained();
}

void Shard::on_durable(RecordNumber record) {
  ONCE_ASSERT(record <= records_made_);
  pending_durable_ = std::max(pending_durable_, record);
  // The log may report from within a call of ours; the replica is not entered twice.
  if (!working_) catch_up();
}

void Shard::catch_up() {
  while (pending_durable_ > durable_) apply_durable(pending_durable_);
}

void Shard::apply_durable(RecordNumber record) {
  const bool first = durable_ == recovered_;
  durable_ = record;
  turn([&] { replica_.on_durable(record, io_.now_ns(), output_); });
  hold_.release(durable_, [this](Endpoint peer, std::string_view messages) {
    links_->send_encoded(peer, messages);
  });
  if (first) {
    links_->start();
    host_.on_started(options_.self.core);
    CleanerHandler& self = *this;
    cleaner_.emplace(*log_, options_.segment_bytes, options_.adopts, self);
  }
}

void Shard::on_log_failed(std::string_view what) { host_.log_failed(what); }

// --- outputs ------------------------------------------------------------------------------------

void Shard::deliver() {
  const bool lazily = output_.news == output_.record_ends.size();
  uint32_t begin = 0;
  for (uint32_t end : output_.record_ends) {
    ONCE_ASSERT(begin <= end && end <= output_.records.size());
    const std::string_view record(output_.records.data() + begin, end - begin);
    const RecordNumber number = lazily ? log_->append_lazily(record) : log_->append(record);
    records_made_ = records_made_.next();
    ONCE_ASSERT(number == records_made_);  // the log counts as the replica does
    begin = end;
  }
  for (const paxos::Needless& one : output_.needless) {
    log_->no_longer_needed(one.record, one.bytes);
  }
  for (const paxos::ClientReply& reply : output_.replies) answer(reply);
  for (const paxos::Outgoing& outgoing : output_.messages) dispatch(outgoing);
  for (size_t kind = 0; kind < paxos::kOffences; ++kind) {
    const NodeId offender = output_.offenders[kind];
    if (offender.value != 0) links_->report(offender, static_cast<paxos::Offence>(kind));
  }
  if (output_.step_again_ns != 0 && !step_timer_set_) {
    step_timer_set_ = true;
    io_.set_timer(output_.step_again_ns, kStepTimer);
  }
}

void Shard::dispatch(const paxos::Outgoing& outgoing) {
  ONCE_ASSERT(outgoing.rests_on.record <= records_made_);
  ONCE_ASSERT(outgoing.to.node != options_.self.node);
  if (!outgoing.repeats) {
    encoded_.clear();
    net::encode_message(outgoing.message, encoded_);
  }
  const std::string_view encoded(encoded_.data(), encoded_.size());
  if (outgoing.rests_on.record <= durable_) return links_->send_encoded(outgoing.to, encoded);
  if (!links_->is_up(outgoing.to)) return;  // held, it would only be lost later
  if (rarely(Rare::kHoldQueueFull)) return;
  hold_.add(outgoing.to, outgoing.rests_on.record, encoded);
}

void Shard::answer(const paxos::ClientReply& reply) {
  const Addressee addressee = tokens_.take(reply.token);
  if (addressee.remote) {
    mail_.reply(addressee.core, addressee.core_token, addressee.operation, reply);
  } else {
    tell(addressee, reply);
  }
}

void Shard::tell(const Addressee& addressee, const paxos::ClientReply& reply) {
  traffic_.answered(addressee.operation, reply.status, io_.now_ns() - addressee.since_ns);
  listener_->reply(addressee.connection, addressee.correlation, addressee.operation, reply);
}

// --- the other cores of this node ---------------------------------------------------------------

void Shard::forward_to_core(CoreId core, uint64_t token, const paxos::ClientRequest& request) {
  if (mail_.request(core, token, request)) return;
  const Addressee addressee = tokens_.take(token);
  refusals_.push_back({addressee.connection, addressee.correlation, addressee.operation,
                       paxos::Status::kOverloaded});
}

// Waits would keep their places until their time is over. The other cores may have some of them.
void Shard::forget_gone() {
  if (gone_.empty()) return;
  std::sort(gone_.begin(), gone_.end());
  std::vector<uint64_t> tokens;
  tokens_.for_each([&](uint64_t token, const Addressee& addressee) {
    const bool gone = std::binary_search(gone_.begin(), gone_.end(), addressee.connection.value);
    if (!addressee.remote && gone) tokens.push_back(token);
  });
  gone_.clear();
  if (tokens.empty()) return;
  std::sort(tokens.begin(), tokens.end());
  mail_.forget(tokens);
  forgotten_.insert(forgotten_.end(), tokens.begin(), tokens.end());
}

// Behind the step: a wait that came in the same round is one by then.
void Shard::forget_waits() {
  if (std::exchange(forget_due_, false)) forget_gone();
  if (forgotten_.empty()) return;
  std::sort(forgotten_.begin(), forgotten_.end());
  replica_.forget_waits(forgotten_);
  forgotten_.clear();
}

void Shard::on_mailed_forget(CoreId from, const std::vector<uint64_t>& tokens) {
  tokens_.for_each([&](uint64_t token, const Addressee& addressee) {
    const bool meant = addressee.remote && addressee.core == from;
    if (meant && std::binary_search(tokens.begin(), tokens.end(), addressee.core_token)) {
      forgotten_.push_back(token);
    }
  });
}

void Shard::on_wake() {
  mail_.read_all(*this);
  check_drained();
}

bool Shard::on_mailed_request(CoreId from, const paxos::ClientRequest& request) {
  const auto token = log_->behind() ? std::nullopt
                                    : tokens_.add({.remote = true,
                                                   .operation = request.operation,
                                                   .connection = {},
                                                   .correlation = 0,
                                                   .since_ns = 0,
                                                   .core = from,
                                                   .core_token = request.token});
  if (!token) {
    paxos::ClientReply reply;
    reply.status = paxos::Status::kOverloaded;
    ++turned_away_;
    mail_.reply(from, request.token, request.operation, reply);
    return false;
  }
  paxos::ClientRequest mine = request;
  mine.token = *token;
  events_.push_back({options_.self, mine});
  return true;
}

void Shard::on_mailed_reply(const paxos::ClientReply& reply) {
  const Addressee addressee = tokens_.take(reply.token);
  ONCE_ASSERT(!addressee.remote);
  tell(addressee, reply);
}

void Shard::on_mailed_client(std::unique_ptr<reactor::Handoff> handoff) {
  listener_->accept(std::move(handoff));
}

void Shard::on_mailed_peer(std::unique_ptr<reactor::Handoff> handoff) {
  links_->accept(std::move(handoff));
}

void Shard::hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) {
  mail_.hand_over_peer(core, std::move(handoff));
}

// --- stopping and figures -----------------------------------------------------------------------

void Shard::check_drained() {
  if (!draining_) {
    if (!host_.stop_requested()) return;
    draining_ = true;
    drain_deadline_ns_ = io_.now_ns() + options_.drain_timeout_ns;
    listener_->drain();
  }
  log_->hurry();  // news as well: each tick of the others brings some
  log_->flush();
  // Idle in two rounds running: the replies of the last one have left, and what its end took of
  // clients is known.
  const bool idle = tokens_.used() == 0 && events_.empty() && refusals_.empty() &&
                    questions_.empty() && !listener_->takes_more() &&
                    log_->durable() == log_->appended();
  host_.set_idle(options_.self.core, idle && idle_since_ < rounds_);
  if (!idle) idle_since_ = kBusy;
  if (idle) idle_since_ = std::min(idle_since_, rounds_);
  if (host_.all_idle() || io_.now_ns() >= drain_deadline_ns_) io_.stop();
}

void Shard::publish() {
  CoreFigures figures{replica_.counters(), log_->counters(), links_->refusals(),
                      listener_->counters()};
  figures.held_dropped = hold_.dropped();
  figures.connections = listener_->connections();
  figures.operations = tokens_.own();
  figures.turned_away = turned_away_;
  figures.log_full = disk_.full();
  figures.disk_slow = disk_.slow();
  figures.log_file_bytes = log_->files() * options_.segment_bytes;
  figures.log_needed_bytes = log_->use().needed_bytes();
  if (cleaner_) figures.cleaner = cleaner_->counters();
  figures.memory_bytes = memory_used() + kFixedMemoryPerCore;
  figures.memory_budget = memory_.is_bounded() ? memory_.budget() + kFixedMemoryPerCore : 0;
  figures.memory_short = memory_level_ != paxos::Memory::kEnough;
  figures.unread_closed = listener_->closed_unread();
  figures.claimed = host_.may_vote() ? replica_.counters().claimed : 0;
  CoreSnapshot now(figures);
  for (NodeId peer : options_.peers) {
    const int64_t round_trip_ns = links_->round_trip_ns(peer);
    now.peer_round_trip_ns[peer.value] = static_cast<uint64_t>(round_trip_ns);
    for (uint16_t core = 0; core < kMaxCores && !now.peer_up[peer.value]; ++core) {
      now.peer_up[peer.value] = links_->is_up(Endpoint{peer, CoreId{core}});
    }
  }
  host_.publish(options_.self.core, now);
}

void Shard::log_line(std::string_view line) { host_.log_line(line); }

}  // namespace once::server
