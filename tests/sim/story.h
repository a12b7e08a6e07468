// A small story about one name: a script says who asks what, what is lost, who crashes; the nodes
// that ship play it in the simulated world; what they say, write and answer is told as text and as
// a picture. A script names causes only: what comes of them is the nodes' own doing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "paxos/messages.h"
#include "tests/sim/network.h"

namespace once::sim {

inline constexpr size_t kStoryNodes = 3;

struct Order {
  enum class Kind : uint8_t { kAsk, kAskAgain, kCrash, kPowerOff, kStart, kPause, kGoOn, kHold };
  Kind kind = Kind::kAsk;
  int64_t at_ns = 0;  // since the story's begin, as all times here
  HostId who = 0;     // nodes are 0.., clients follow them
  HostId to = 0;      // through whom; held towards whom
  int64_t until_ns = 0;
  paxos::Operation operation = paxos::Operation::kRead;
  std::string value = {};
  uint64_t version = 0;
};

struct Loss {  // of the first messages of that kind
  std::string kind;
  HostId from = 0;
  HostId to = 0;
  uint32_t times = 1;
};

struct Script {
  std::string title;
  std::string name;  // the one that it is about; its home is node 1
  uint64_t seed = 1;
  std::vector<std::string> clients;
  std::vector<Order> orders;
  std::vector<Loss> losses;
  int64_t until_ns = 0;
};

// The error names the line.
Result<Script> parse_script(std::string_view text);
// A file, or the name of a story that comes with the simulator.
Result<Script> read_script(const std::string& name_or_file);
std::vector<std::string> story_names();

// Something that happened, for people.
struct Moment {
  enum class Kind : uint8_t {
    kMessage,
    kPromise,  // on the disk, as is
    kAccept,
    kChosen,  // a majority's disks hold it
    kCrash,
    kStart,
    kPause,
    kGoOn,
    kNote,  // at one lane
  };
  enum class Tone : uint8_t { kPlain, kPromise, kValue, kChosen, kRefused };
  Kind kind = Kind::kMessage;
  Tone tone = Tone::kPlain;
  int64_t at_ns = 0;
  HostId who = 0;
  HostId to = 0;            // of a message; of a promise and an accept: whose ballot it is
  int64_t arrives_ns = -1;  // -1: never
  std::string label = {};   // short, for a picture
  std::string verb = {};    // "node 1 VERB node 2REST"
  std::string rest = {};
  std::string value = {};   // which it is about, if any
  std::string number = {};  // messages of one kind and sender belong together
};

struct Tale {
  Script script;
  std::vector<Moment> moments;  // by time
};

Result<Tale> play(const Script& script);
std::string lane_name(const Script& script, HostId host);
std::string as_text(const Tale& tale);
std::string as_picture(const Tale& tale);

}  // namespace once::sim
