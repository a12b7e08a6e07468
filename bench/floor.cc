// The two floors. Every child process dies with this one, and is reaped here.
#include "bench/floor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/limits.h"
#include "bench/clock.h"
#include "reactor/make_io.h"

namespace once::bench {
namespace {

constexpr size_t kEchoBytes = 128;
constexpr size_t kRoundTrips = 2000;
constexpr size_t kWarmupTrips = 200;
constexpr size_t kLogFileBytes = 4 * 1024 * 1024;
constexpr size_t kLogWrites = 500;
constexpr size_t kWarmupWrites = 20;
constexpr int64_t kFloorTimeoutNs = 20'000'000'000;
constexpr int64_t kEchoTimeoutNs = 10'000'000'000;

double median_us(std::vector<int64_t>& samples) {
  auto middle = samples.begin() + static_cast<ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return static_cast<double>(*middle) / 1e3;
}

class Child {
 public:
  template <class Body>
  static Child start(Body body) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      body();
      _exit(1);
    }
    return Child(pid);
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  bool started() const { return pid_ > 0; }

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

class EchoServer final : public reactor::ListenHandler,
                         public reactor::StreamHandler,
                         public reactor::BatchHandler {
 public:
  explicit EchoServer(reactor::Io& io) : io_(io) {}
  reactor::StreamHandler* on_accept(reactor::StreamId) override { return this; }
  void on_connected(reactor::StreamId) override {}
  void on_bytes(reactor::StreamId stream, std::string_view bytes) override {
    std::vector<char>* out = io_.outbox(stream);
    if (out != nullptr) out->insert(out->end(), bytes.begin(), bytes.end());
  }
  void on_closed(reactor::StreamId, std::string_view) override {}
  void on_timer(uint64_t) override {}
  void on_wake() override {}
  void on_batch_end() override {}

 private:
  reactor::Io& io_;
};

class EchoClient final : public reactor::StreamHandler, public reactor::BatchHandler {
 public:
  EchoClient(reactor::Io& io, const std::string& address) : io_(io) {
    io_.connect(address, this);
    io_.set_timer(io_.now_ns() + kEchoTimeoutNs, 1);
  }
  void on_connected(reactor::StreamId stream) override { send(stream); }
  void on_bytes(reactor::StreamId stream, std::string_view bytes) override {
    received_ += bytes.size();
    if (received_ < kEchoBytes) return;
    samples.push_back(clock_ns() - sent_ns_);
    if (samples.size() == kWarmupTrips + kRoundTrips) return io_.stop();
    send(stream);
  }
  void on_closed(reactor::StreamId, std::string_view) override { io_.stop(); }
  void on_timer(uint64_t) override { io_.stop(); }
  void on_wake() override {}
  void on_batch_end() override {}

  std::vector<int64_t> samples;

 private:
  void send(reactor::StreamId stream) {
    std::vector<char>* out = io_.outbox(stream);
    if (out == nullptr) return;
    received_ = 0;
    out->insert(out->end(), kEchoBytes, 'e');
    sent_ns_ = clock_ns();
  }
  reactor::Io& io_;
  size_t received_ = 0;
  int64_t sent_ns_ = 0;
};

Result<std::string> free_loopback_address() {
  const Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!fd || bind(fd.get(), generic, size) != 0 || getsockname(fd.get(), generic, &size) != 0) {
    return error(fmt::format("no free loopback port: {}", std::strerror(errno)));
  }
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

void serve_echo(const std::string& address, int ready) {
  auto io = reactor::make_io({.backend = reactor::choose_backend("auto").backend});
  if (!io) return;
  EchoServer server(**io);
  if (!(*io)->listen(address, &server)) return;
  if (write(ready, "r", 1) != 1) return;
  (*io)->run(&server);
}

Result<double> measure_round_trip() {
  Result<std::string> address = free_loopback_address();
  if (!address) return error(address.error().message);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return error(fmt::format("pipe: {}", std::strerror(errno)));
  const Descriptor from_server(ends[0]);
  Descriptor to_us(ends[1]);
  Child server = Child::start([&] { serve_echo(*address, to_us.get()); });
  to_us.reset();
  char byte = 0;
  bool ready = server.started() && read(from_server.get(), &byte, 1) == 1;
  if (!ready) return error("the echo server did not start on " + *address);
  auto io = reactor::make_io({.backend = reactor::choose_backend("auto").backend});
  if (!io) return error(io.error().message);
  EchoClient client(**io, *address);
  (*io)->run(&client);
  if (client.samples.size() < kWarmupTrips + kRoundTrips) {
    return error(fmt::format("the echo broke off after {} round trips", client.samples.size()));
  }
  client.samples.erase(client.samples.begin(), client.samples.begin() + kWarmupTrips);
  return median_us(client.samples);
}

struct LogFile {
  Descriptor fd;
  std::unique_ptr<char, decltype(&std::free)> block{nullptr, &std::free};
  uint64_t at = 0;

  // Unlinked as soon as it is open, so that nothing is left behind whatever happens.
  std::string open(const std::string& directory) {
    std::string path = directory + "/.once-bench-floor-XXXXXX";
    fd.reset(mkostemp(path.data(), O_CLOEXEC));
    if (!fd) return fmt::format("cannot create a file in {}: {}", directory, std::strerror(errno));
    std::vector<char> zeros(kLogFileBytes, 0);
    const auto size = static_cast<ssize_t>(zeros.size());
    const bool written =
        pwrite(fd.get(), zeros.data(), zeros.size(), 0) == size && fsync(fd.get()) == 0;
    fd.reset(::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
    int problem = errno;
    unlink(path.c_str());
    if (!written) return fmt::format("cannot write 4 MiB in {}", directory);
    if (!fd) {
      return fmt::format("{} does not take O_DIRECT ({}): give --floor-dir a directory on a disk",
                         directory, std::strerror(problem));
    }
    block.reset(static_cast<char*>(std::aligned_alloc(kBlockBytes, kBlockBytes)));
    std::memset(block.get(), 'w', kBlockBytes);
    return {};
  }
  bool write_block() {
    iovec piece{block.get(), kBlockBytes};
    bool ok =
        pwritev2(fd.get(), &piece, 1, static_cast<off_t>(at), RWF_DSYNC) == ssize_t{kBlockBytes};
    at = (at + kBlockBytes) % kLogFileBytes;
    return ok;
  }
};

Result<double> measure_log_write(const std::string& directory) {
  LogFile file, others[2];
  for (LogFile* one : {&file, &others[0], &others[1]}) {
    std::string problem = one->open(directory);
    if (!problem.empty()) return error(std::move(problem));
  }
  auto write_for_ever = [](LogFile& mine) {
    while (mine.write_block()) {
    }
  };
  Child first = Child::start([&] { write_for_ever(others[0]); });
  Child second = Child::start([&] { write_for_ever(others[1]); });
  if (!first.started() || !second.started()) return error("cannot fork");
  std::vector<int64_t> samples;
  int64_t give_up_ns = clock_ns() + kFloorTimeoutNs;
  for (size_t i = 0; i < kWarmupWrites + kLogWrites && clock_ns() < give_up_ns; ++i) {
    int64_t begun = clock_ns();
    if (!file.write_block()) return error(fmt::format("log write: {}", std::strerror(errno)));
    if (i >= kWarmupWrites) samples.push_back(clock_ns() - begun);
  }
  if (samples.empty()) return error("the disk is too slow to measure");
  return median_us(samples);
}

}  // namespace

Result<Floor> measure_floor(const std::string& directory) {
  Floor floor;
  Result<double> round_trip = measure_round_trip();
  if (!round_trip) return error("floor: " + round_trip.error().message);
  floor.round_trip_us = *round_trip;
  Result<double> log_write = measure_log_write(directory);
  if (!log_write) return error("floor: " + log_write.error().message);
  floor.log_write_us = *log_write;
  return floor;
}

}  // namespace once::bench
