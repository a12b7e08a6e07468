#include "server/node.h"

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "base/draw_ids.h"
#include "base/monotonic.h"
#include "base/page_toucher.h"
#include "base/thread_name.h"
#include "reactor/make_io.h"
#include "server/admin_listener.h"
#include "server/clerk.h"
#include "server/data_directory.h"
#include "server/descriptors.h"
#include "server/exit_codes.h"
#include "server/log_line.h"
#include "server/memory_budget.h"
#include "server/node_cores.h"
#include "server/node_doors.h"
#include "server/node_host.h"
#include "server/read_progress.h"
#include "server/start_addresses.h"
#include "server/watched_storage.h"
#include "wal/posix_storage.h"
#include "wal/sync_probe.h"

namespace once::server {
namespace {

int fail(int code, std::string_view text) {
  log_error(text);
  return code;
}

// Bits that nobody can guess; what asks for them cannot do without.
template <class Secret>
Secret draw() {
  Secret secret;
  ONCE_ASSERT(kernel_random(&secret, sizeof secret));
  return secret;
}

// Set before the handler is installed and never changed after.
NodeHost* stopping_host = nullptr;
reactor::Io* stopping_io = nullptr;

void on_stop_signal(int) {
  stopping_host->request_stop();
  stopping_io->wake();
}

void on_early_stop_signal(int signal) { ::_exit(128 + signal); }

// Until a node serves there is nothing to make durable, and it may end where it is. The kernel does
// so itself, but not for the first process of a container.
void end_at_once_on_stop_signals() {
  if (getpid() != 1) return;
  struct sigaction action {};
  action.sa_handler = on_early_stop_signal;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
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

// Memory that a burst took goes back to the system: what is large is mapped by itself, however
// much of that kind was freed before, and little is kept at the end of the heap.
void return_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
  ::mallopt(M_TOP_PAD, 1024 * 1024);
}

[[noreturn]] void on_out_of_memory() {
  std::set_new_handler(nullptr);
  log_last_error(
      "out of memory: the system gives no more; give less by --memory, or the machine, its "
      "control group or `ulimit -v` more");
  ::_exit(kExitMemory);
}

// What a library throws (most likely that a thread cannot be made) ends the node with a reason.
// Nothing was said that is not durable, so this is as safe as any other end.
template <class Body>
void guarded(uint16_t core, const Body& body) {
  try {
    body();
  } catch (const std::bad_alloc&) {
    on_out_of_memory();
  } catch (const std::exception& failure) {
    log_last_error(
        fmt::format("core {}: the system refused something: {}; if it was a thread, see "
                    "`ulimit -u`, TasksMax= and pids.max",
                    core, failure.what()));
    ::_exit(kExitError);
  }
}

class Node {
 public:
  explicit Node(const StartOptions& options) : options_(options) {}

  int run() {
    for (auto phase : {&Node::check_addresses, &Node::find_memory, &Node::open_directory,
                       &Node::count_descriptors, &Node::open_io, &Node::bind, &Node::probe_disk,
                       &Node::recover}) {
      if (const int code = (this->*phase)(); code != kExitDone) return code;
    }
    return serve();
  }

 private:
  int check_addresses();
  int find_memory();
  int open_directory();
  int count_descriptors();
  int open_io();
  int bind();
  int bind_admin();
  int probe_disk();
  void watch_files();
  int recover();
  int serve();
  const Configuration& configuration() const { return directory_->configuration(); }
  std::string client_address() const {
    return options_.advertise.empty() ? options_.listen : options_.advertise;
  }

  const StartOptions options_;
  PageToucher toucher_;
  std::vector<std::unique_ptr<reactor::Io>> ios_;
  DescriptorPlan descriptors_;
  std::unique_ptr<LockedDirectory> directory_;
  std::unique_ptr<wal::PosixStorage> storage_;
  std::unique_ptr<ReadProgress> progress_;  // null: the log is not being read
  std::unique_ptr<WatchedStorage> watched_;
  std::unique_ptr<NodeHost> host_;
  std::unique_ptr<NodeDoors> doors_;
  std::unique_ptr<AdminListener> admin_;  // null: none is asked for
  std::unique_ptr<Clerk> clerk_;          // ends before host_, whose jobs it has
  std::unique_ptr<NodeCores> cores_;
  uint64_t memory_ = 0;
  uint64_t ready_ = 0;  // of it
  bool direct_ = true;
  std::optional<reactor::SyncMode> sync_;  // as the disk was probed
};

// Before anything is touched: what clients are told must be of use to them.
int Node::check_addresses() {
  std::string own;
  if (const auto known = DataDirectory::read_configuration(options_.data)) {
    for (const auto& [node, address] : known->members) {
      if (node == known->node) own = address;
    }
  }
  const std::string wrong = wrong_with_addresses(options_, own);
  return wrong.empty() ? kExitDone : fail(kExitUsage, wrong);
}

int Node::find_memory() {
  const auto size = parse_memory(options_.memory);
  if (!size) return fail(kExitUsage, size.error().message);
  const uint64_t there_is = memory_there_is();
  const auto bytes = memory_for(*size, there_is, options_.cores);
  if (!bytes) return fail(kExitUsage, bytes.error().message);
  memory_ = *bytes;
  const auto ready = ready_for(options_.ready, memory_, options_.cores);
  if (!ready) return fail(kExitUsage, ready.error().message);
  ready_ = *ready;
  if (memory_ > there_is) {
    log_warning(
        fmt::format("--memory {} is more than the {} that this machine or its control "
                    "group has",
                    memory_text(memory_), memory_text(there_is)));
  }
  return kExitDone;
}

int Node::open_directory() {
  auto opened = DataDirectory::open(options_.data, log_info);
  if (!opened) return fail(kExitDirectory, opened.error().message);
  directory_ = std::move(*opened);
  const std::string doubt = doubt_about_addresses(options_, configuration());
  if (!doubt.empty()) log_warning(doubt);
  clerk_ = std::make_unique<Clerk>();
  host_ = std::make_unique<NodeHost>(
      *directory_, options_.cores, client_address(),
      [this](std::function<void()> job) { clerk_->give(std::move(job)); });
  doors_ = std::make_unique<NodeDoors>(host_->report());
  OwnHosts& hosts = host_->report().own_hosts();
  hosts.add_address(options_.listen);
  for (const std::string& name : options_.http_hosts) hosts.add_host(name);
  return kExitDone;
}

int Node::count_descriptors() {
  const uint64_t limit = raise_descriptor_limit();
  descriptors_ =
      plan_descriptors({.limit = limit,
                        .open = open_descriptors(),
                        .cores = options_.cores,
                        .peers = configuration().members.size() - 1,
                        .admin = options_.admin.empty() ? 0 : AdminListener::kMostFiles});
  if (!descriptors_.refusal.empty()) return fail(kExitTooFewFiles, descriptors_.refusal);
  if (!descriptors_.warning.empty()) log_warning(descriptors_.warning);
  return kExitDone;
}

int Node::open_io() {
  const reactor::ChosenBackend chosen = reactor::choose_backend(options_.io);
  if (chosen.backend == reactor::Backend::kUring && !chosen.refusal.empty()) {
    return fail(kExitNoUring, chosen.refusal + "; or start with --io epoll");
  }
  if (!chosen.refusal.empty()) log_warning("using epoll, which is slower: " + chosen.refusal);
  const auto names = std::make_shared<NameResolver>();
  for (uint16_t index = 0; index < options_.cores; ++index) {
    reactor::IoOptions options;
    options.backend = chosen.backend;
    options.names = names;
    options.held_file = directory_->lock_descriptor();
    options.highest_descriptor = descriptors_.highest_of_streams;
    options.complain = log_warning;
    options.fatal = [](std::string_view what) {
      log_last_error(what);
      ::_exit(kExitNoUring);
    };
    auto io = reactor::make_io(options);
    if (!io) return fail(kExitNoUring, io.error().message);
    ios_.push_back(std::move(*io));
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
  reactor::Io& io = *ios_[0];
  const auto& members = configuration().members;
  const auto own = std::find_if(members.begin(), members.end(), [this](const auto& member) {
    return member.first == configuration().node;
  });
  if (own == members.end()) {
    return fail(kExitDirectory, "the configuration does not name this node: format it again");
  }
  if (const auto peers = listen_patiently(io, own->second, &host_->peer_door()); !peers) {
    return fail(kExitListen, fmt::format("{} (--cluster names it for node {}, for the other nodes)",
                                         peers.error().message, configuration().node.value));
  }
  if (const auto clients = listen_patiently(io, options_.listen, &host_->client_door()); !clients) {
    return fail(kExitListen, clients.error().message + "; or choose another --listen");
  }
  return bind_admin();
}

int Node::bind_admin() {
  if (options_.admin.empty()) return kExitDone;
  reactor::Io& io = *ios_[0];
  admin_ = std::make_unique<AdminListener>(io, host_->report(), make_admin_door);
  host_->set_admin(admin_.get());
  host_->report().own_hosts().add_address(options_.admin);
  const auto listener = listen_patiently(io, options_.admin, &host_->admin_door());
  if (!listener) return fail(kExitListen, listener.error().message + "; or choose another --admin");
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

void Node::watch_files() {
  storage_ = std::make_unique<wal::PosixStorage>(direct_);
  uint64_t all = 0;
  for (uint32_t stream = 0; stream < directory_->streams(); ++stream) {
    all += bytes_to_read(*storage_, configuration(), directory_->path(), stream);
  }
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  progress_ = std::make_unique<ReadProgress>(
      all, now_ns, terminal ? ReadProgress::Say{} : [](auto line) { log_info(line); });
  watched_ = std::make_unique<WatchedStorage>(*storage_, [this](uint64_t bytes) {
    if (progress_ != nullptr) progress_->add(bytes);
  });
}

int Node::recover() {
  NodeOptions options;
  options.cores = options_.cores;
  options.client_address = client_address();
  options.memory_bytes = memory_;
  options.ready_bytes = ready_;
  options.direct = direct_;
  options.threads = true;
  options.sync = sync_.value();
  options.seed = draw<uint64_t>();
  options.index_key = draw<SipKey>();
  options.clients = descriptors_.clients;
  options.clients.doors = doors_.get();
  options.peer_greetings = descriptors_.greetings;
  watch_files();
  std::vector<reactor::Io*> ios;
  for (const auto& io : ios_) ios.push_back(io.get());
  cores_ = std::make_unique<NodeCores>(options, *directory_, *watched_, *host_, std::move(ios));
  const auto recovered = cores_->recover();
  progress_.reset();
  if (!recovered) {
    return fail(recovered.error().exit_code, recovered.error().message);
  }
  cores_->build();
  return kExitDone;
}

int Node::serve() {
  install_stop_signals(*host_, *ios_[0]);
  cores_->start();
  // The first to be durable is stream 0's, before anybody can reach the others through core 0.
  std::vector<std::thread> threads;
  for (uint16_t index = 1; index < options_.cores; ++index) {
    guarded(index, [&] {
      threads.emplace_back([this, index] {
        name_thread(fmt::format("core-{}", index).c_str());
        guarded(index, [&] { ios_[index]->run(&cores_->shard(index)); });
      });
    });
  }
  guarded(0, [&] { ios_[0]->run(&cores_->shard(0)); });
  for (std::thread& thread : threads) thread.join();
  log_info("stopped in order");
  return kExitDone;
}

}  // namespace

int run_node(const StartOptions& options) {
  // Never destroyed: the process ends with it, and what is still in flight points into it. In
  // static memory, since a pointer that nobody reads is optimised away, and then it counts as
  // leaked.
  alignas(Node) static std::byte memory[sizeof(Node)];
  end_at_once_on_stop_signals();
  log_in_background();
  return_freed_memory();
  std::set_new_handler(on_out_of_memory);
  const int code = (new (memory) Node(options))->run();
  finish_log();
  return code;
}

}  // namespace once::server
