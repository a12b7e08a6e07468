// The other end of a stream of a loop under test.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace once::reactor {

// A plain socket that connects to a loop, on the same thread.
class PlainPeer {
 public:
  explicit PlainPeer(const std::string& address, int receive_buffer = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string port = address.substr(address.rfind(':') + 1);
    where.sin_port = htons(static_cast<uint16_t>(std::stoi(port)));
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  }
  ~PlainPeer() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void end_output() const { EXPECT_EQ(::shutdown(fd_, SHUT_WR), 0); }
  bool connected() const { return connected_; }
  void write(std::string_view text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // What is there now.
  std::string read() const {
    const ssize_t size = ::recv(fd_, room_.data(), room_.size(), MSG_DONTWAIT);
    return {room_.data(), size > 0 ? static_cast<size_t>(size) : 0};
  }
  // As much of it as there is room for.
  size_t write_some(std::string_view text) const {
    const ssize_t size = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  bool ended() const {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
  // Made once: to get and clear as much for each read takes longer than a slow peer may.
  mutable std::vector<char> room_ = std::vector<char>(1 << 20);
};

}  // namespace once::reactor
