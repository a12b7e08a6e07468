#include "server/directory_access.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/parse_number.h"
#include "wal/posix_file.h"

namespace once::server {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kParentMode = 0755;
constexpr mode_t kOfOthers = 077;
constexpr mode_t kModeBits = 07777;

// Under sudo, whoever called it is the user as well: the path is most likely his.
bool is_ours(uid_t owner) {
  if (owner == 0 || owner == geteuid()) return true;
  const char* caller = geteuid() == 0 ? std::getenv("SUDO_UID") : nullptr;
  return caller != nullptr && parse_number<uid_t>(caller) == owner;
}

// A group that has the name of its only member, as many systems give one to each user, is nobody
// else. What root's group is differs from system to system.
bool is_private_group(uid_t owner, gid_t group) {
  const passwd* user = owner == 0 ? nullptr : getpwuid(owner);
  if (user == nullptr || user->pw_gid != group) return false;
  const std::string name = user->pw_name;
  const struct group* members = getgrgid(group);
  if (members == nullptr || name != members->gr_name) return false;
  for (char** one = members->gr_mem; *one != nullptr; ++one) {
    if (name != *one) return false;
  }
  return true;
}

bool others_can_write(const struct stat& info) {
  if ((info.st_mode & S_IWOTH) != 0) return true;
  return (info.st_mode & S_IWGRP) != 0 && !is_private_group(info.st_uid, info.st_gid);
}

Error unsafe(const std::string& path, const std::string& where, const std::string& why) {
  const std::string which =
      where == path ? where : fmt::format("{}, on the path of {},", where, path);
  return Error{
      fmt::format("{} {}; give a directory that only its owner and root can change", which, why)};
}

std::string user_name(uid_t user) {
  char text[1024];
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(user, &entry, text, sizeof text, &found);
  return found != nullptr ? found->pw_name : fmt::format("user {}", user);
}

// What to type to be that user.
std::string run_as(uid_t user) {
  if (user == 0) return "`sudo onced ...`";
  const std::string name = user_name(user);
  const bool named = name != fmt::format("user {}", user);
  return fmt::format("`sudo -u {} onced ...`", named ? name : fmt::format("'#{}'", user));
}

// Where the directory is its owner's, or not there yet, it is who runs this that does not fit: to
// give it away would take it from the node that runs as its owner.
Error foreign(const std::string& path, const std::string& where, uid_t owner) {
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  if (!there || info.st_uid == owner) {
    const std::string which = where == path ? where : where + ", on the path of " + path + ",";
    return Error{fmt::format("{} belongs to {}, and {} runs this: run it as its owner, {}{}", which,
                             user_name(owner), user_name(geteuid()), run_as(owner),
                             there ? "" : ", or give another directory")};
  }
  return unsafe(path, where,
                fmt::format("belongs to {}, and not to root or to {}, who runs this",
                            user_name(owner), user_name(geteuid())));
}

Error writable(const std::string& path, const std::string& where, mode_t mode) {
  return unsafe(path, where,
                fmt::format("can be written by others than its owner (mode {:04o}): they could "
                            "replace the data; take that away (chmod go-w)",
                            mode & kModeBits));
}

// One directory above, or the link that leads to it.
Result<void> check_step(const std::string& path, const std::string& step) {
  struct stat info {};
  if (lstat(step.c_str(), &info) != 0) return {};
  if (!is_ours(info.st_uid)) return tl::unexpected(foreign(path, step, info.st_uid));
  if (S_ISLNK(info.st_mode) && stat(step.c_str(), &info) != 0) return {};
  if (!is_ours(info.st_uid)) return tl::unexpected(foreign(path, step, info.st_uid));
  const bool safe = (info.st_mode & S_ISVTX) != 0 || !others_can_write(info);
  return safe ? Result<void>{} : tl::unexpected(writable(path, step, info.st_mode));
}

Result<void> check_parents(const std::string& path, const fs::path& of) {
  fs::path step;
  for (const fs::path& part : of.parent_path()) {
    step /= part;
    if (auto fits = check_step(path, step.string()); !fits) return fits;
  }
  return {};
}

// `/a/b/` names what `/a/b` does.
fs::path absolute(const std::string& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

// The directory itself: ours is made private, so its mode is no reason.
Result<void> check_itself(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {};
  if (!is_ours(info.st_uid)) return tl::unexpected(foreign(path, path, info.st_uid));
  const bool can_be_mended = geteuid() == 0 || info.st_uid == geteuid();
  if (can_be_mended || !others_can_write(info)) return {};
  return tl::unexpected(writable(path, path, info.st_mode));
}

}  // namespace

Result<void> check_path(const std::string& path) {
  const fs::path whole = absolute(path);
  if (auto fits = check_parents(path, whole); !fits) return fits;
  std::error_code code;
  const fs::path real = fs::weakly_canonical(whole, code);
  if (!code) {
    if (auto fits = check_parents(path, real); !fits) return fits;
  }
  return check_itself(path);
}

Result<void> make_private_directory(const std::string& path) {
  const fs::path whole = absolute(path);
  fs::path step;
  for (const fs::path& part : whole) {
    step /= part;
    const mode_t mode = step == whole ? kDirectoryMode : kParentMode;
    if (mkdir(step.c_str(), mode) != 0) {
      if (errno == EEXIST) continue;
      return tl::unexpected(wal::system_error("create", step.string()));
    }
    const auto synced = wal::sync_directory(step.parent_path().string());
    if (!synced) return synced;
  }
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return tl::unexpected(wal::system_error("look at", path));
  if (!S_ISDIR(info.st_mode)) return error(fmt::format("{} is not a directory", path));
  if ((info.st_mode & kModeBits) == kDirectoryMode) return {};
  // Root's, on a path that this user may use: what is made in it is private all the same.
  if (geteuid() != 0 && info.st_uid != geteuid()) return {};
  if (chmod(path.c_str(), kDirectoryMode) != 0) {
    return tl::unexpected(wal::system_error("make private", path));
  }
  return {};
}

Result<std::string> make_private(const std::string& directory) {
  struct stat info {};
  if (stat(directory.c_str(), &info) != 0) {
    return tl::unexpected(wal::system_error("look at", directory));
  }
  const mode_t before = info.st_mode & kModeBits;
  const bool mend = geteuid() == 0 || info.st_uid == geteuid();
  const bool was_open = mend && (before & kOfOthers) != 0;
  if (was_open && chmod(directory.c_str(), kDirectoryMode) != 0) {
    return tl::unexpected(wal::system_error("make private", directory));
  }
  size_t files = 0;
  std::error_code code;
  fs::directory_iterator at(directory, code);
  for (; !code && at != fs::directory_iterator(); at.increment(code)) {
    const std::string file = at->path().string();
    if (lstat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if ((info.st_mode & kOfOthers) == 0) continue;
    if (chmod(file.c_str(), kFileMode) != 0) {
      return tl::unexpected(wal::system_error("make private", file));
    }
    ++files;
  }
  if (code) return error(fmt::format("cannot list {}: {}", directory, code.message()));
  if (!was_open && files == 0) return std::string{};
  return fmt::format("{} was open to others (mode {:04o}, {} files): now it is for its owner alone",
                     directory, before, files);
}

namespace {

bool denied(const std::string& path, int mode) {
  return faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) != 0 && errno == EACCES;
}

}  // namespace

Result<void> check_readable(const std::string& directory, const std::string& file) {
  struct stat info {};
  // A directory above it may be closed, too: then nobody can say whose it is.
  const bool known = ::stat(directory.c_str(), &info) == 0;
  if (!known && errno != EACCES) return {};
  if (known && !S_ISDIR(info.st_mode)) return {};
  const bool closed = !known || denied(directory, R_OK | X_OK);
  const std::string path = closed ? directory : directory + "/" + file;
  if (!closed && !denied(path, R_OK)) return {};
  const bool named = closed ? known : ::stat(path.c_str(), &info) == 0;
  const std::string owner = named ? user_name(info.st_uid) : "its owner";
  return error(fmt::format("no permission to read {} as {}: it is for {} alone; run this as {}",
                           path, user_name(geteuid()), owner,
                           named ? owner + ", " + run_as(info.st_uid) : "that user"));
}

}  // namespace once::server
