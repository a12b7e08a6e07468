// A port of loopback that takes connections, chosen by the system. Closed when dropped.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "base/descriptor.h"

namespace once::client {

class LoopbackListener {
 public:
  // `receive_bytes`: of the buffers of its connections; 0: as the system likes.
  explicit LoopbackListener(int receive_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_bytes != 0) {
      EXPECT_EQ(setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
    }
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(bind(fd(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(fd(), 16), 0);
    EXPECT_EQ(getsockname(fd(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  int fd() const { return fd_.get(); }
  const std::string& address() const { return address_; }
  // Ends accept() on another thread.
  void stop() const { shutdown(fd(), SHUT_RDWR); }

 private:
  Descriptor fd_;
  std::string address_;
};

}  // namespace once::client
