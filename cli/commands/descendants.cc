#include "cli/commands/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "base/descriptor.h"

namespace once::client {
namespace {

// What SIGKILL does not end (it belongs to root, or hangs in the kernel) is not waited for longer.
constexpr int64_t kUnkillableNs = 2'000'000'000;

struct Line {
  Descendant process;
  pid_t parent = 0;
};

// /proc/PID/stat: "PID (NAME) STATE PARENT GROUP ...", and a name may hold anything.
bool read_line(const std::string& pid, Line& line) {
  const std::string path = "/proc/" + pid + "/stat";
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  char text[512];
  const ssize_t size = read(fd.get(), text, sizeof text - 1);
  if (size <= 0) return false;
  text[size] = '\0';
  const char* end = std::strrchr(text, ')');
  char state = 0;
  int parent = 0;
  int group = 0;
  if (end == nullptr || std::sscanf(end, ") %c %d %d", &state, &parent, &group) != 3) return false;
  if (state == 'Z' || state == 'X') return false;
  line = {{std::atoi(pid.c_str()), group, state == 'T'}, parent};
  return true;
}

}  // namespace

bool is_stopped(pid_t pid) {
  Line line;
  return read_line(std::to_string(pid), line) && line.process.stopped;
}

std::vector<pid_t> children_of_this_thread() {
  const std::string self = std::to_string(getpid());
  std::ifstream file("/proc/" + self + "/task/" + self + "/children");
  std::vector<pid_t> children;
  for (pid_t pid = 0; file >> pid;) children.push_back(pid);
  return children;
}

std::vector<Descendant> descendants_of(pid_t root, const std::vector<pid_t>& others) {
  std::vector<Line> all;
  if (DIR* proc = opendir("/proc")) {
    Line line;
    while (const dirent* entry = readdir(proc)) {
      const bool number = entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
      if (number && read_line(entry->d_name, line)) all.push_back(line);
    }
    closedir(proc);
  }
  std::vector<pid_t> parents = {root};
  std::vector<Descendant> found;
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const Line& line : all) {
      const pid_t pid = line.process.pid;
      if (line.parent != parent) continue;
      if (std::find(others.begin(), others.end(), pid) != others.end()) continue;
      found.push_back(line.process);
      parents.push_back(pid);
    }
  }
  return found;
}

void adopt_orphans() { (void)prctl(PR_SET_CHILD_SUBREAPER, 1); }

bool Ending::step(int64_t now_ns, pid_t known) {
  std::vector<Descendant> left = descendants_of(getpid(), others_);
  const bool listed = std::any_of(left.begin(), left.end(),
                                  [known](const Descendant& one) { return one.pid == known; });
  if (known != 0 && !listed) left.push_back({known, 0, false});
  if (left.empty() || now_ns >= kill_at_ns_ + kUnkillableNs) return false;
  for (const Descendant& one : left) {
    if (now_ns >= kill_at_ns_) {
      (void)kill(one.pid, SIGKILL);
    } else if (!told_) {
      (void)kill(one.pid, SIGTERM);
      (void)kill(one.pid, SIGCONT);  // a stopped one must wake to end
    }
  }
  told_ = true;
  return true;
}

}  // namespace once::client
