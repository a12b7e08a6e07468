// Under which hosts a web page may reach a node. A page of another site can make its own name stand
// for the node's address, and the browser then sends that name: it must be none of these. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace once::server {

class OwnHosts {
 public:
  // As people write them: with a port and brackets or without.
  void add_address(std::string_view address);
  void add_host(std::string_view host);
  // `host`: without a port; IPv6 in brackets or not. Every address in digits is one, since nobody
  // can make digits stand for something else; so is localhost.
  bool has(std::string_view host) const;

 private:
  std::vector<std::string> hosts_;  // as plain() makes them
};

}  // namespace once::server
