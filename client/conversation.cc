#include "client/conversation.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/hex.h"
#include "base/printable.h"
#include "net/client_channel.h"

namespace once::client {
namespace {

constexpr size_t kMostWords = 300;  // of what a node says in an error

}  // namespace

once::Result<Conversation> Conversation::open(NameResolver& names, const std::string& address,
                                              const std::optional<ClusterId>& expected,
                                              uint16_t core, int64_t deadline_ns, Wrong* wrong) {
  auto socket = connect_until(names, address, deadline_ns);
  if (!socket) return tl::unexpected(socket.error());
  Conversation conversation(std::move(*socket));
  net::ClientHello greeting;
  greeting.core = core;
  std::vector<char> out;
  net::encode_client_hello(greeting, out);
  if (auto said = conversation.say(out, deadline_ns); !said) return tl::unexpected(said.error());
  auto body = conversation.hear(net::FrameType::kServerHello, deadline_ns);
  if (wrong != nullptr) *wrong = conversation.stranger_ ? Wrong::kNoNode : Wrong::kNothing;
  if (!body) return tl::unexpected(body.error());
  auto hello = net::decode_server_hello(*body);
  if (!hello) return tl::unexpected(hello.error());
  if (expected && hello->cluster != *expected) {
    if (wrong != nullptr) *wrong = Wrong::kOtherCluster;
    return error("it is a node of cluster " + hex_of(hello->cluster) + ", not of " +
                 hex_of(*expected) + ", which is expected");
  }
  conversation.hello_ = std::move(*hello);
  return conversation;
}

once::Result<std::string_view> Conversation::ask(const std::vector<char>& question,
                                                 net::FrameType answer, int64_t deadline_ns) {
  if (auto said = say(question, deadline_ns); !said) return tl::unexpected(said.error());
  return hear(answer, deadline_ns);
}

once::Result<void> Conversation::say(const std::vector<char>& bytes, int64_t deadline_ns) {
  size_t done = 0;
  while (done < bytes.size()) {
    if (std::string why = wait_for(socket_, POLLOUT, deadline_ns); !why.empty()) return error(why);
    const ssize_t sent =
        ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return error(std::strerror(errno));
    if (sent > 0) done += static_cast<size_t>(sent);
  }
  return {};
}

// Frames of other types, and answers to something else, are passed over.
once::Result<std::string_view> Conversation::hear(net::FrameType wanted, int64_t deadline_ns) {
  while (true) {
    heard_.erase(heard_.begin(), heard_.begin() + static_cast<ptrdiff_t>(taken_));
    taken_ = 0;
    std::string_view rest(heard_.data(), heard_.size());
    net::Frame frame;
    for (bool more = true; more;) {
      auto taken = net::take_frame(rest, frame);
      if (!taken) {
        stranger_ = wanted == net::FrameType::kServerHello && taken_ == 0;
        return stranger_ ? error(net::words_about_stranger(rest)) : tl::unexpected(taken.error());
      }
      more = *taken;
      if (!more) break;
      taken_ = heard_.size() - rest.size();
      if (frame.type == net::FrameType::kError) {
        return error("the node says: " + printable(frame.body.substr(0, kMostWords)));
      }
      const bool greeting = frame.type == net::FrameType::kServerHello;
      if (frame.type == wanted && (greeting || frame.correlation == kCorrelation)) {
        return frame.body;
      }
    }
    const bool nothing_said = wanted == net::FrameType::kServerHello && heard_.empty();
    if (std::string why = wait_for(socket_, POLLIN, deadline_ns); !why.empty()) {
      return error(nothing_said && now_ns() >= deadline_ns ? net::kWordsAboutSilence : why);
    }
    char chunk[16384];
    const ssize_t got = recv(socket_.get(), chunk, sizeof chunk, 0);
    if (got == 0 && nothing_said) return error(net::kWordsAboutSilentEnd);
    if (got == 0) return error("the node closed the connection");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return error(std::strerror(errno));
    if (got > 0) heard_.insert(heard_.end(), chunk, chunk + got);
  }
}

}  // namespace once::client
