#include "server/core_mail.h"

#include <string>

#include "base/free_vector.h"
#include "base/rarely.h"

namespace once::server {

namespace {

// As if it had not been asked: the refusal of a change that did not happen may be asked for again.
bool changed_nothing(paxos::Operation operation, paxos::Status status) {
  return !paxos::changes(operation) ||
         (status != paxos::Status::kDone && status != paxos::Status::kUnknown);
}

}  // namespace

bool CoreMail::post(CoreId to, LetterPtr& letter) {
  if (!office_->post(to, letter)) return false;
  to_wake_[to.value] = true;
  return true;
}

bool CoreMail::request(CoreId to, uint64_t token, const paxos::ClientRequest& request) {
  LetterPtr letter = letters_.take(Letter::Kind::kRequest, self_);
  letter->bytes.reserve(request.name.size() + request.value.size());
  letter->bytes.append(request.name).append(request.value);
  letter->request = request;
  letter->request.token = token;
  const std::string_view bytes = letter->bytes;
  letter->request.name = bytes.substr(0, request.name.size());
  letter->request.value = bytes.substr(request.name.size());
  if (post(to, letter)) return true;
  letters_.give(std::move(letter));
  return false;
}

void CoreMail::reply(CoreId to, uint64_t token, paxos::Operation operation,
                     const paxos::ClientReply& reply) {
  LetterPtr letter = letters_.take(Letter::Kind::kReply, self_);
  letter->bytes = reply.state.value;
  letter->reply = reply;
  letter->reply.token = token;
  letter->reply.state.value = letter->bytes;
  to_wake_[to.value] = true;  // if its box is full, it has something to read
  if (office_->post(to, letter)) return;
  if (late_bytes_ + bytes_of(*letter) > kMostLateBytes &&
      changed_nothing(operation, reply.status)) {
    letter->reply.status = paxos::Status::kOverloaded;
    letter->reply.state = {};
    std::string().swap(letter->bytes);  // an assignment would keep its room
  }
  late_bytes_ += bytes_of(*letter);
  late_replies_.emplace_back(to, std::move(letter));
}

void CoreMail::post_late() {
  std::erase_if(late_replies_, [this](auto& late) {
    const size_t bytes = bytes_of(*late.second);
    if (!post(late.first, late.second)) return false;
    late_bytes_ -= bytes;
    return true;
  });
}

size_t CoreMail::waiting_bytes() const {
  size_t bytes = late_bytes_;
  for (uint16_t core = 0; core < to_wake_.size(); ++core) {
    if (core != self_.value) bytes += office_->posted_bytes(self_, CoreId{core});
  }
  return bytes;
}

void CoreMail::forget(const std::vector<uint64_t>& tokens) {
  for (uint16_t core = 0; core < to_wake_.size(); ++core) {
    if (core == self_.value) continue;
    LetterPtr letter = letters_.take(Letter::Kind::kForget, self_);
    letter->tokens = tokens;
    (void)post(CoreId{core}, letter);
  }
}

void CoreMail::hand_over(Letter::Kind kind, CoreId to, std::unique_ptr<reactor::Handoff> handoff) {
  if (office_ == nullptr || to == self_ || to.value >= office_->cores()) return;
  LetterPtr letter = letters_.take(kind, self_);
  letter->handoff = std::move(handoff);
  if (rarely(Rare::kLetterBoxFull)) return;
  (void)post(to, letter);
}

void CoreMail::read_all(Reader& reader) {
  for (uint16_t core = 0; core < to_wake_.size(); ++core) {
    if (core == self_.value) continue;
    LetterPtr letter;
    while (office_->take(CoreId{core}, self_, letter)) open(std::move(letter), reader);
  }
}

void CoreMail::open(LetterPtr letter, Reader& reader) {
  switch (letter->kind) {
    case Letter::Kind::kRequest:
      if (reader.on_mailed_request(letter->from, letter->request)) {
        opened_.push_back(std::move(letter));
        return;
      }
      break;
    case Letter::Kind::kReply:
      reader.on_mailed_reply(letter->reply);
      break;
    case Letter::Kind::kForget:
      reader.on_mailed_forget(letter->from, std::exchange(letter->tokens, {}));
      break;
    case Letter::Kind::kClientHandoff:
      reader.on_mailed_client(std::move(letter->handoff));
      break;
    case Letter::Kind::kPeerHandoff:
      reader.on_mailed_peer(std::move(letter->handoff));
      break;
  }
  letters_.give(std::move(letter));
}

void CoreMail::end_of_step() {
  for (LetterPtr& letter : opened_) letters_.give(std::move(letter));
  opened_.clear();
}

void CoreMail::end_of_round() {
  for (size_t core = 0; core < to_wake_.size(); ++core) {
    if (!to_wake_[core]) continue;
    to_wake_[core] = false;
    office_->wake(CoreId{static_cast<uint16_t>(core)});
  }
}

void CoreMail::give_back(size_t kept_bytes) {
  free_if_larger(opened_, kept_bytes);
  free_if_larger(late_replies_, kept_bytes);
}

}  // namespace once::server
