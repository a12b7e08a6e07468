// What `once run` and `once lock` share: the command behind --, started and waited for.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/commands/child.h"
#include "cli/run_claim.h"

namespace once::client {

std::string now_utc();
std::string host_name();

// Lets it begin and waits until it has ended. That it cannot be started is a result too. REQUIRES:
// the child is prepared for it.
RunResult run_program(Child& child, const std::vector<std::string>& program,
                      const std::vector<std::pair<std::string, std::string>>& environment,
                      const Term& term = {});

// Why the process for it could not be made.
std::string cannot_prepare(int error_number);
// Why the program is not there to run (find_program.h), as an error number and in such words.
std::string no_program(const std::string& program, int error_number);

std::string described(const RunResult& result);  // "it exited with 3"
int code_of(const RunResult& result);            // as a shell says it

}  // namespace once::client
