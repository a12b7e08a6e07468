// Addresses that one end can listen on and that the other cannot dial: 0.0.0.0, [::], :7401, *.
// Whoever is told one of them dials himself, or nobody. Looks up no name. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace once {

// The bytes of an address of IPv6 as text, with a %SCOPE or without; nothing: it is none.
std::optional<std::array<uint8_t, 16>> ipv6_of(std::string_view text);

// Stands for all addresses of a machine, in whatever spelling.
bool is_wildcard(std::string_view host);

// 127.0.0.1, ::1, localhost.
bool is_loopback(std::string_view host);

// Why nobody can dial HOST:PORT ("stands for every address of a machine"), or nothing. A host that
// is a name may still turn out to be anything.
std::string undialable(std::string_view address);

}  // namespace once
