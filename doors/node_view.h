// What a door tells people of the node as a whole: figures, health, version. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace once::doors {

struct Health {
  bool well = false;
  std::string text;  // one line for each check, for `?verbose`
};

class NodeView {
 public:
  virtual ~NodeView() = default;
  virtual std::string_view version() const = 0;  // of the release: "0.4.0"
  // Prometheus text 0.0.4; made anew at most ten times a second.
  virtual std::string metrics() const = 0;
  virtual Health live() const = 0;   // the loops turn; needs no quorum
  virtual Health ready() const = 0;  // the log is read, a majority of links is up, not draining
  // Whether a web page may have this host (without its port) for a node: the names and addresses
  // that the node listens at or was given, and every address in digits.
  virtual bool is_own_host(std::string_view host) const = 0;
};

}  // namespace once::doors
