// What a person can do whose node lost its disk, or a part of it: one text for all who say so.
#pragma once

namespace once {

inline constexpr const char* kLeaveItOff =
    "leave this node off; its cluster goes on without it, and it cannot be replaced yet (see "
    "A lost disk in docs/deploy.md)";

}  // namespace once
