#include "cli/commands/find_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace once::client {
namespace {

int why_no_file(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return errno;
  if (!S_ISREG(found.st_mode)) return EACCES;
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

}  // namespace

int why_no_program(const std::string& program) {
  if (program.empty()) return ENOENT;
  if (program.find('/') != std::string::npos) return why_no_file(program);
  const char* const set = std::getenv("PATH");
  std::string_view path = set != nullptr ? set : "/bin:/usr/bin";  // as the C library does
  bool denied = false;
  while (true) {
    const size_t colon = path.find(':');
    const std::string folder(path.substr(0, colon));
    const int error = why_no_file(folder.empty() ? program : folder + "/" + program);
    if (error == 0) return 0;
    if (error == EACCES) denied = true;
    if (colon == std::string_view::npos) return denied ? EACCES : ENOENT;
    path.remove_prefix(colon + 1);
  }
}

}  // namespace once::client
