#include "bench/peers/etcd_session.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "base/assert.h"
#include "bench/peers/etcd_messages.h"

namespace once::bench::peers {
namespace {

// So that no answer waits for room that this side has to give.
constexpr int32_t kWindowBytes = 16 * 1024 * 1024;

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

class EtcdSession final : public Session {
 public:
  explicit EtcdSession(std::string authority);
  ~EtcdSession() override { nghttp2_session_del(session_); }

  void open(Outbox& out) override;
  bool ready() const override { return opened_; }
  void create(Caller caller, std::string_view name, std::string_view value, Outbox& out) override;
  void read(Caller caller, std::string_view name, Outbox& out) override;
  std::string receive(std::string_view bytes, Outbox& out, AnswerHandler& handler) override;
  void close(Outbox& out) override;

 private:
  // A caller asks one thing at a time, so each has one, which is used again.
  struct Stream {
    Caller caller = 0;
    bool creates = false;
    std::string request;
    size_t sent = 0;
    std::string answer;
    std::string status;   // of gRPC: "0" is well
    std::string message;  // of gRPC, for people
  };

  static ssize_t read_request(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t room,
                              uint32_t* flags, nghttp2_data_source* source, void*);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_bytes, const uint8_t* value, size_t value_bytes, uint8_t, void*);
  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                     size_t bytes, void*);
  static int on_stream_close(nghttp2_session* session, int32_t id, uint32_t error, void* self);

  void ask(Caller caller, std::string_view path, bool creates, std::string request, Outbox& out);
  void flush(Outbox& out);
  void tell(const Stream& stream, uint32_t error);

  const std::string authority_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<Caller, Stream> streams_;
  AnswerHandler* handler_ = nullptr;  // while receive() runs
  bool opened_ = false;
};

EtcdSession::EtcdSession(std::string authority) : authority_(std::move(authority)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  ONCE_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  const int made = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  ONCE_ASSERT(made == 0);
}

void EtcdSession::open(Outbox& out) {
  const std::array settings = {nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindowBytes);
  opened_ = true;
  flush(out);
}

void EtcdSession::create(Caller caller, std::string_view name, std::string_view value,
                         Outbox& out) {
  ask(caller, kTxnPath, true, create_message(name, value), out);
}

void EtcdSession::read(Caller caller, std::string_view name, Outbox& out) {
  ask(caller, kRangePath, false, read_message(name), out);
}

void EtcdSession::close(Outbox& out) {
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  flush(out);
}

void EtcdSession::ask(Caller caller, std::string_view path, bool creates, std::string request,
                      Outbox& out) {
  Stream& stream = streams_[caller];
  stream.caller = caller;
  stream.creates = creates;
  stream.request = std::move(request);
  stream.sent = 0;
  stream.answer.clear();
  stream.status.clear();
  stream.message.clear();
  const std::array headers = {header(":method", "POST"),
                              header(":scheme", "http"),
                              header(":path", path),
                              header(":authority", authority_),
                              header("content-type", "application/grpc"),
                              header("te", "trailers")};
  nghttp2_data_provider body{};
  body.source.ptr = &stream;
  body.read_callback = read_request;
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &body, &stream);
  ONCE_ASSERT(id > 0);
  flush(out);
}

void EtcdSession::flush(Outbox& out) {
  const uint8_t* bytes = nullptr;
  for (;;) {
    const ssize_t length = nghttp2_session_mem_send(session_, &bytes);
    if (length <= 0) return;
    out.insert(out.end(), bytes, bytes + length);
  }
}

std::string EtcdSession::receive(std::string_view bytes, Outbox& out, AnswerHandler& handler) {
  handler_ = &handler;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  handler_ = nullptr;
  if (taken < 0) return nghttp2_strerror(static_cast<int>(taken));
  flush(out);
  const bool over = nghttp2_session_want_read(session_) == 0;
  return over ? "the server ends the connection" : "";
}

void EtcdSession::tell(const Stream& stream, uint32_t error) {
  if (handler_ == nullptr) return;
  if (error != NGHTTP2_NO_ERROR || stream.status != "0") {
    handler_->on_answer(
        stream.caller, Answer::kFailed,
        fmt::format("HTTP/2 error {}, gRPC status '{}': {}", error, stream.status, stream.message));
    return;
  }
  const std::optional<bool> yes =
      stream.creates ? has_created(stream.answer) : has_found(stream.answer);
  const Answer answer = !yes ? Answer::kFailed : *yes ? Answer::kDone : Answer::kRefused;
  handler_->on_answer(stream.caller, answer, yes ? "" : "an answer that cannot be read");
}

ssize_t EtcdSession::read_request(nghttp2_session*, int32_t, uint8_t* buffer, size_t room,
                                  uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& stream = *static_cast<Stream*>(source->ptr);
  const size_t bytes = std::min(room, stream.request.size() - stream.sent);
  std::memcpy(buffer, stream.request.data() + stream.sent, bytes);
  stream.sent += bytes;
  if (stream.sent == stream.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(bytes);
}

int EtcdSession::on_header(nghttp2_session* session, const nghttp2_frame* frame,
                           const uint8_t* name, size_t name_bytes, const uint8_t* value,
                           size_t value_bytes, uint8_t, void*) {
  auto* stream =
      static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  if (stream == nullptr) return 0;
  const std::string_view key(reinterpret_cast<const char*>(name), name_bytes);
  const std::string_view text(reinterpret_cast<const char*>(value), value_bytes);
  if (key == "grpc-status") stream->status = text;
  if (key == "grpc-message") stream->message = text;
  return 0;
}

int EtcdSession::on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                         size_t bytes, void*) {
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  if (stream != nullptr) stream->answer.append(reinterpret_cast<const char*>(data), bytes);
  return 0;
}

int EtcdSession::on_stream_close(nghttp2_session* session, int32_t id, uint32_t error, void* self) {
  const auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  if (stream != nullptr) static_cast<EtcdSession*>(self)->tell(*stream, error);
  return 0;
}

}  // namespace

std::unique_ptr<Session> make_etcd_session(std::string authority) {
  return std::make_unique<EtcdSession>(std::move(authority));
}

}  // namespace once::bench::peers
