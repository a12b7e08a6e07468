// A lock whose fencing token guards a shared file.
//
//   fenced_file LOCK FILE OWNER [--ttl MS] [--no-fence]
//
// Waits for the lock, then appends each line of its standard input to FILE, which may be written by
// one process at a time. Exit code 0: all lines were written; 3: the lock was lost on the way.
//
// Why a lock is not enough: this process can be stopped at any point, by a debugger, a swapping
// machine, a virtual machine that is moved. If it is stopped for longer than the lock's TTL,
// another one gets the lock, and rightly so: from outside, stopped and dead look the same. When it
// goes on, it writes, for it looked at the lock a line ago. --no-fence lets you see that happen.
// The cure is at the file: it remembers the highest token that it has seen and refuses lower ones.
#include <fcntl.h>
#include <once/lock.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>

#include "common.h"

using once::client::Lock;
using once::client::LockOutcome;
using once::client::LockResult;

namespace {

// Stands for whatever is shared: a database, a disk, a machine tool. All that the fence needs there
// is one number, which is compared and raised in one step with the access itself.
class SharedFile {
 public:
  SharedFile(std::string path, bool fenced) : path_(std::move(path)), fenced_(fenced) {}

  // Access with this token; an empty line only shows it. False: a higher one was here before.
  bool append(uint64_t token, const std::string& line) {
    const int fd = open((path_ + ".token").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {  // makes one step of what follows, on this machine
      std::cerr << "cannot lock " << path_ << ".token\n";
      std::exit(1);
    }
    const bool allowed = !fenced_ || raise(fd, token);
    if (allowed && !line.empty()) {
      std::ofstream(path_, std::ios::app) << token << ' ' << line << std::endl;
    }
    close(fd);  // unlocks
    return allowed;
  }

 private:
  static bool raise(int fd, uint64_t token) {
    uint64_t highest = 0;  // what the file holds, if it holds anything
    if (pread(fd, &highest, sizeof highest, 0) < 0 || token < highest) return false;
    return pwrite(fd, &token, sizeof token, 0) == sizeof token;
  }
  std::string path_;
  bool fenced_;
};

int write_lines(Lock& lock, SharedFile& file, const std::string& owner) {
  // Shows its token before anything else. From here on nobody who held the lock earlier gets in,
  // so what we find in the file stays as we find it.
  bool allowed = file.append(lock.token(), "");
  std::string line;
  while (allowed && lock.holds()) {
    std::cout << "ready" << std::endl;
    if (!std::getline(std::cin, line)) return 0;
    // The lock was ours a moment ago. Between that look and this write we may sleep for an hour.
    line.insert(0, owner + ": ");
    allowed = file.append(lock.token(), line);
  }
  std::cout << (allowed ? "lost the lock" : "refused: the file has seen a higher token") << '\n';
  return 3;
}

}  // namespace

int main(int count, char** words) {
  bool fenced = true;
  int64_t ttl_ms = 10'000;
  for (int i = 4; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--no-fence") fenced = false;
    if (word == "--ttl" && i + 1 < count) ttl_ms = std::atoi(words[++i]);
  }
  if (count < 4) {
    std::cerr << "usage: fenced_file LOCK FILE OWNER [--ttl MS] [--no-fence] < lines\n";
    return 2;
  }
  once::client::Client client(nodes());
  Lock lock(client, words[1], {.ttl_ms = ttl_ms, .owner = words[3]});
  const LockResult result = lock.acquire(60'000);
  if (result.outcome != LockOutcome::kHeld) {
    std::cerr << lock_outcome_name(result.outcome) << ": " << told(result) << '\n';
    return 1;
  }
  std::cout << "token " << result.token << std::endl;
  SharedFile file(words[2], fenced);
  return write_lines(lock, file, words[3]);  // the destructor releases the lock
}
