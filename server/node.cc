#include "server/node.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "net/client_listener.h"
#include "net/peer_links.h"
#include "paxos/replica.h"
#include "reactor/uring_io.h"
#include "server/data_directory.h"
#include "server/exit_codes.h"
#include "server/log_line.h"
#include "server/node_host.h"
#include "server/post_office.h"
#include "server/shard.h"
#include "wal/log.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"
#include "wal/sync_probe.h"

namespace once::server {
namespace {

struct Core {
  std::unique_ptr<reactor::Io> io;
  std::unique_ptr<paxos::Replica> replica;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<wal::Log> log;
  std::unique_ptr<net::PeerLinks> links;
  std::unique_ptr<net::ClientListener> listener;
  wal::Tail tail;
};

int fail(int code, std::string_view text) {
  log_error(text);
  return code;
}

uint64_t draw_seed() {
  std::random_device random;
  return static_cast<uint64_t>(random()) << 32 | random();
}

// Set before the handler is installed and never changed after.
NodeHost* stopping_host = nullptr;
reactor::Io* stopping_io = nullptr;

void on_stop_signal(int) {
  stopping_host->request_stop();
  stopping_io->wake();
}

void install_stop_signals(NodeHost& host, reactor::Io& io) {
  stopping_host = &host;
  stopping_io = &io;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

// Connections are bounded by limits.h; the usual soft limit of descriptors is far below that.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

class Node {
 public:
  explicit Node(const StartOptions& options) : options_(options), office_(options.cores) {}

  int run() {
    for (auto phase : {&Node::open_directory, &Node::open_io, &Node::bind, &Node::probe_disk,
                       &Node::recover, &Node::build}) {
      if (const int code = (this->*phase)(); code != kExitDone) return code;
    }
    return serve();
  }

 private:
  int open_directory();
  int open_io();
  int bind();
  int probe_disk();
  int recover();
  int recover_stream(uint32_t stream);
  int build();
  void build_core(uint16_t index);
  int serve();
  const Configuration& configuration() const { return directory_->configuration(); }
  wal::Identity identity() const {
    return {configuration().cluster, configuration().node, configuration().disk};
  }
  wal::LogOptions log_options(uint32_t stream) const;
  std::string client_address() const {
    return options_.advertise.empty() ? options_.listen : options_.advertise;
  }

  const StartOptions options_;
  PostOffice office_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<NodeHost> host_;
  std::vector<Core> cores_;
  bool direct_ = true;
  reactor::SyncMode sync_ = reactor::SyncMode::kDsync;
  uint32_t incarnation_ = 0;
};

int Node::open_directory() {
  auto opened = DataDirectory::open(options_.data);
  if (!opened) return fail(kExitDirectory, opened.error().message);
  directory_ = std::move(*opened);
  host_ = std::make_unique<NodeHost>(*directory_, options_.cores, client_address());
  return kExitDone;
}

int Node::open_io() {
  if (options_.io != "uring") {
    return fail(kExitUsage, "--io epoll is not available in this version: use --io uring");
  }
  if (const std::string refusal = reactor::probe_uring(); !refusal.empty()) {
    return fail(kExitNoUring, refusal);
  }
  cores_.resize(options_.cores);
  for (uint16_t index = 0; index < options_.cores; ++index) {
    auto io = reactor::make_uring_io({});
    if (!io) return fail(kExitNoUring, io.error().message);
    cores_[index].io = std::move(*io);
    office_.set_io(CoreId{index}, cores_[index].io.get());
  }
  return kExitDone;
}

// A process that ended holds its port a little longer, until the kernel has taken its ring apart: a
// restart at once must not fail for that.
Result<reactor::ListenerId> listen_patiently(reactor::Io& io, const std::string& address,
                                             reactor::ListenHandler* handler) {
  auto listener = io.listen(address, handler);
  for (int tries = 0; !listener && tries < 20; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    listener = io.listen(address, handler);
  }
  return listener;
}

// Early, so that a wrong address is found before the log is touched; the doors stay shut.
int Node::bind() {
  reactor::Io& io = *cores_[0].io;
  const auto& members = configuration().members;
  const auto own = std::find_if(members.begin(), members.end(), [this](const auto& member) {
    return member.first == configuration().node;
  });
  if (own == members.end()) {
    return fail(kExitDirectory, "the configuration does not name this node: format it again");
  }
  if (const auto peers = listen_patiently(io, own->second, &host_->peer_door()); !peers) {
    return fail(kExitListen, peers.error().message);
  }
  if (const auto clients = listen_patiently(io, options_.listen, &host_->client_door()); !clients) {
    return fail(kExitListen, clients.error().message);
  }
  return kExitDone;
}

int Node::probe_disk() {
  std::string report;
  auto mode = wal::probe_sync(directory_->path(), true, &report);
  if (!mode && options_.unsafe_buffered_log) {
    log_warning(
        fmt::format("{}; going on with a buffered log, which is slow and may lie about "
                    "durability",
                    mode.error().message));
    direct_ = false;
    mode = wal::probe_sync(directory_->path(), false, &report);
  }
  if (!mode) return fail(kExitDirectory, mode.error().message);
  sync_ = *mode;
  log_info(report);
  return kExitDone;
}

wal::LogOptions Node::log_options(uint32_t stream) const {
  wal::LogOptions options;
  options.directory = directory_->path();
  options.stream = stream;
  options.segment_bytes = configuration().segment_bytes;
  options.direct = direct_;
  options.sync = sync_;
  return options;
}

int Node::recover() {
  paxos::ReplicaOptions options;
  options.cores = options_.cores;
  options.hash_seed = configuration().hash_seed;
  options.shard_count = configuration().shard_count;
  for (const auto& member : configuration().members) options.members.push_back(member.first);
  for (uint16_t index = 0; index < options_.cores; ++index) {
    options.self = {configuration().node, CoreId{index}};
    options.random_seed = draw_seed();
    cores_[index].replica = paxos::Replica::make(options);
  }
  // Streams of an earlier run with more cores are read too, and stay as they are.
  for (uint32_t stream = 0; stream < kMaxCores; ++stream) {
    if (const int code = recover_stream(stream); code != kExitDone) return code;
  }
  // Before anything can be said that rests on a new stream.
  if (options_.cores > directory_->streams()) {
    const auto remembered = directory_->remember_streams(options_.cores);
    if (!remembered) return fail(kExitDirectory, remembered.error().message);
  }
  for (const Core& core : cores_) {
    incarnation_ = std::max(incarnation_, core.replica->recovered_incarnation());
  }
  ++incarnation_;
  host_->set_incarnation(incarnation_);
  return kExitDone;
}

int Node::recover_stream(uint32_t stream) {
  const wal::LogOptions options = log_options(stream);
  wal::PosixStorage storage(direct_);
  const auto segments = wal::list_segments(storage, options.directory, stream);
  if (!segments) return fail(kExitDirectory, segments.error().message);
  if (segments->empty()) {
    if (stream < directory_->streams()) {
      return fail(kExitCorrupt,
                  fmt::format("log stream {} is missing from {}: this node must not vote under "
                              "its old identity; let it rejoin as a new member",
                              stream, options.directory));
    }
    if (stream >= options_.cores) return kExitDone;
    if (const auto created = wal::create_stream(storage, identity(), options); !created) {
      return fail(kExitDirectory, created.error().message);
    }
  }
  uint64_t records = 0;
  bool foreign = false;
  const auto tail = wal::recover(storage, identity(), options, [&](std::string_view record) {
    ++records;
    for (Core& core : cores_) foreign |= !core.replica->recover(record);
  });
  if (!tail) return fail(kExitCorrupt, tail.error().message);
  if (foreign) {
    return fail(kExitCorrupt, fmt::format("log stream {} in {} holds records that this version "
                                          "does not know",
                                          stream, options.directory));
  }
  if (stream < options_.cores) cores_[stream].tail = *tail;
  log_info(fmt::format("log {}: {} records in {} blocks, {} torn blocks dropped", stream, records,
                       tail->blocks_read, tail->torn_blocks));
  return kExitDone;
}

int Node::build() {
  for (uint16_t index = 0; index < options_.cores; ++index) build_core(index);
  host_->set_doors(cores_[0].listener->listen_handler(), cores_[0].links->listen_handler());
  return kExitDone;
}

void Node::build_core(uint16_t index) {
  Core& core = cores_[index];
  const Configuration& configuration = this->configuration();
  ShardOptions options;
  options.self = {configuration.node, CoreId{index}};
  options.peers = host_->peers();
  core.shard = std::make_unique<Shard>(options, *core.io, *core.replica, *host_,
                                       options_.cores > 1 ? &office_ : nullptr);
  core.log = wal::open_log(*core.io, identity(), log_options(index), core.tail, core.shard.get());

  net::PeerLinksOptions links;
  links.self.cluster = configuration.cluster;
  links.self.disk = configuration.disk;
  links.self.epoch = configuration.epoch;
  links.self.node = configuration.node;
  links.self.core = CoreId{index};
  links.self.cores = options_.cores;
  links.self.incarnation = incarnation_;
  links.self.client_address = client_address();
  links.seed = draw_seed();
  for (const auto& member : configuration.members) {
    if (member.first != configuration.node) links.peers.push_back(member);
  }
  core.links = net::make_peer_links(*core.io, links, core.shard.get());
  core.listener = net::make_client_listener(*core.io, CoreId{index}, options_.cores,
                                            core.shard->client_handler());
  core.shard->attach(core.log.get(), core.links.get(), core.listener.get());
}

int Node::serve() {
  install_stop_signals(*host_, *cores_[0].io);
  for (Core& core : cores_) core.shard->start(incarnation_);
  // The first to be durable is stream 0's, before anybody can reach the others through core 0.
  std::vector<std::thread> threads;
  for (uint16_t index = 1; index < options_.cores; ++index) {
    threads.emplace_back([this, index] { cores_[index].io->run(cores_[index].shard.get()); });
  }
  cores_[0].io->run(cores_[0].shard.get());
  for (std::thread& thread : threads) thread.join();
  log_info("stopped in order");
  return kExitDone;
}

}  // namespace

int run_node(const StartOptions& options) {
  // Never destroyed: the process ends with it, and what is still in flight points into it.
  static Node* node = nullptr;
  raise_descriptor_limit();
  node = new Node(options);
  return node->run();
}

}  // namespace once::server
