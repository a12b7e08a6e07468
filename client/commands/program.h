// What `once run` and `once lock` share: the command behind --, started and waited for.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "client/commands/child.h"
#include "client/run_record.h"

namespace once::client {

std::string now_utc();

// Starts it and waits until it has ended. That it cannot be started is a result too.
RunResult run_program(Child& child, const std::vector<std::string>& program,
                      const std::vector<std::pair<std::string, std::string>>& environment);

std::string described(const RunResult& result);  // "it exited with 3"
int code_of(const RunResult& result);            // as a shell says it

}  // namespace once::client
