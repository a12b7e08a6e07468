// Which connections one core makes to the cores of other nodes, and when. The lower node number
// dials for a link. Until a node may vote its core 0 asks every member, and afterwards it asks,
// now and then, those below it that it has no link to: else a node below that does not know of it
// would never hear that it is there. Decides only; who opens streams is Links. Private to net/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/types.h"
#include "net/peer_link.h"
#include "net/peer_links.h"

namespace once::net {

class PeerDials {
 public:
  explicit PeerDials(const PeerLinksOptions& options);

  void start();
  const std::string* address_of(NodeId node) const;  // nullptr: not a member
  // The next one whose time has come, without a link; nullptr: none. `may_vote`: this node.
  Dial* next_due(int64_t now_ns, bool may_vote);
  // The peer was met, and said how many cores it runs. Returns the links that have no use any more.
  std::vector<PeerLink*> plan(NodeId node, uint16_t cores);

  enum class End : uint8_t { kWorked, kLearned, kFailed };
  // Its link has ended, after such a life: sets when it is dialled again.
  void schedule(Dial& dial, End end, int64_t now_ns, bool may_vote);
  // Something has changed that makes that node, or any (0), worth a try at once.
  void hurry(NodeId node, int64_t now_ns);
  void linked(NodeId node, int64_t now_ns);  // no need to ask after this one for a while

 private:
  void add(NodeId node, CoreId target);

  const Endpoint self_;
  const uint16_t cores_;
  const uint16_t shard_count_;
  const std::vector<std::pair<NodeId, std::string>> peers_;
  Prng prng_;
  std::vector<std::unique_ptr<Dial>> dials_;
};

}  // namespace once::net
