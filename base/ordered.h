// A number that says which, or how late: it is compared and counted on, and never mixed with one of
// another kind, nor taken for a count. Of the size of the plain number, which goes to the wire and
// to the log, and comes from there: `value`.
#pragma once

#include <compare>
#include <type_traits>

namespace once {

template <class Kind, class Number>
struct Ordered {
  static_assert(std::is_unsigned_v<Number>);
  Number value = 0;

  constexpr Ordered() = default;
  constexpr explicit Ordered(Number number) : value(number) {}
  // REQUIRES: it is not the highest there is.
  constexpr Ordered next() const { return Ordered(static_cast<Number>(value + 1)); }
  // REQUIRES: it is not 0.
  constexpr Ordered previous() const { return Ordered(static_cast<Number>(value - 1)); }
  // The one up to which so many follow `earlier`. REQUIRES: it is not beyond the highest there is.
  friend constexpr Ordered operator+(Ordered earlier, Number count) {
    return Ordered(static_cast<Number>(earlier.value + count));
  }
  // How many follow `earlier`, up to `later`. REQUIRES: `later` is not below it.
  friend constexpr Number operator-(Ordered later, Ordered earlier) {
    return static_cast<Number>(later.value - earlier.value);
  }
  friend constexpr auto operator<=>(const Ordered&, const Ordered&) = default;
};

}  // namespace once
