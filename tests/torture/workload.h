// The load of a torture run over the real client library: several clients that race on fresh names,
// on a few hot ones and read old ones, and do everything to a few open registers; what ended
// unknown is tried again under its request id, by any client, if docs/protocol.md (7) allows it.
// One load thread (the caller's); answers come on the clients' threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/prng.h"
#include "client/client.h"
#include "tests/torture/direct.h"
#include "tests/torture/recorder.h"

namespace once::torture {

struct WorkloadOptions {
  std::vector<std::string> endpoints;
  uint64_t seed = 1;
  uint32_t clients = 4;
  uint32_t direct = 3;   // clients beside these that are bound to one node, of each node
  uint64_t rate = 2000;  // operations a second, retries included
};

class Workload {
 public:
  explicit Workload(const WorkloadOptions& options);
  ~Workload();

  // Submits until `stopped`, then waits for what is in flight (each has its own deadline).
  void run(const std::atomic<bool>& stopped);
  // Reads every name that was used until each has an answer or the time is over; returns how many
  // have none. REQUIRES: run() is over.
  size_t read_back(int64_t patience_ns);

  size_t names() const { return names_.size(); }
  Recorder& recorder() { return recorder_; }

 private:
  struct Retry {
    int64_t at_ns;
    unsigned attempts;
    check::Call call;
    bool operator<(const Retry& other) const { return at_ns > other.at_ns; }
  };

  bool chance(uint64_t percent) { return prng_.below(100) < percent; }
  std::string pick_switch();
  std::string pick_register();
  check::Call new_call();
  void ask_register(check::Call& call);
  void start(client::Client& client, const check::Call& call, client::Callback answer);
  void submit(check::Call call, unsigned attempts);
  void on_answer(const check::Call& call, unsigned attempts);
  uint64_t newest(const std::string& name);
  bool take_due_retry(Retry* retry);
  std::vector<std::unique_ptr<Direct>> make_direct();
  void remember(const check::Call& answered);
  std::vector<std::string> read_each(const std::vector<std::string>& names);

  const WorkloadOptions options_;
  Prng prng_;  // of the load thread
  const int64_t begin_ns_;
  Recorder recorder_;
  uint64_t head_ = 0;     // fresh names are drawn from around it
  uint64_t written_ = 0;  // makes values unique
  std::vector<std::string> names_;
  std::mutex mutex_;  // of what answers change: the three that follow
  std::priority_queue<Retry> retries_;
  Prng retry_prng_;
  std::unordered_map<std::string, uint64_t> newest_;      // highest version shown, by register
  std::vector<std::unique_ptr<client::Client>> clients_;  // last: their threads use the rest
};

}  // namespace once::torture
