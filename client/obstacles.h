// What is in the way of each address at which nobody answers, in one line for people. Pure.
#pragma once

#include <string>
#include <vector>

namespace once::client {

struct Obstacle {
  std::string address;
  std::string why = {};  // empty: nothing was heard of it yet
};

// "A, B: refused; C: no answer yet". Printable, since nodes said some of it.
std::string words_about(const std::vector<Obstacle>& obstacles);

// What an operation ends with that waited for them in vain.
inline std::string nobody_answers(const std::string& words) { return "no node answers: " + words; }

}  // namespace once::client
