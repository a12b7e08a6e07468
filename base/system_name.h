// Names of the system: what it keeps for itself lies beside what users keep.
#pragma once

#include <string_view>

namespace once {

// Nodes refuse them to clients, in every operation on a name.
constexpr bool is_system_name(std::string_view name) { return name.starts_with('_'); }

inline constexpr std::string_view kSystemNameRefused =
    "names that begin with _ are reserved for the system";

}  // namespace once
