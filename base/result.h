// Errors as values: what happened, to what, and what to do next, in words for the person who reads
// it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace once {

struct Error {
  std::string message;
  bool corrupt = false;  // stored data are not what was stored: no retry and no other setting helps
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> error(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace once
