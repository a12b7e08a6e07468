#include "server/process_figures.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "server/descriptors.h"

namespace once::server {
namespace {

void read_sizes(ProcessFigures& figures) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                   &std::fclose);
  unsigned long long pages = 0, resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%llu %llu", &pages, &resident) != 2) return;
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  figures.virtual_bytes = pages * page;
  figures.resident_bytes = resident * page;
}

// Since Linux 6.2 the size of the directory is their number, which need not be counted then.
uint64_t open_files() {
  struct stat directory {};
  if (::stat("/proc/self/fd", &directory) != 0) return 0;
  return directory.st_size > 0 ? static_cast<uint64_t>(directory.st_size) : open_descriptors();
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
    figures.cpu_seconds =
        static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }
  read_sizes(figures);
  figures.open_files = open_files();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.most_open_files = limit.rlim_cur;
  return figures;
}

}  // namespace once::server
