// A History as text, to keep one, to send one, to check one later. First line `once-history 2`;
// then one line a call, its fields in this order, one space between them:
//
//   CLIENT write name=N id=I value=V call=T return=R OUTCOME [version=U sealed=B writer=I result=V]
//   CLIENT read name=N call=T return=R OUTCOME [version=U sealed=B writer=I result=V]
//
// OUTCOME: done, refused, empty, unknown, nothing; the part in brackets belongs to done and refused
// and to no other. T and R: nanoseconds; R may be `never`. B: 0 or 1. I: 32 hex digits. N and V:
// printable ASCII, every other byte, space and '%' as %xx. Last line `end COUNT`, so that a file
// that was cut is never taken for a shorter history.
#pragma once

#include <iosfwd>
#include <string>

#include "base/result.h"
#include "tests/check/history.h"

namespace once::check {

std::string to_line(const Call& call);  // without the newline
Result<Call> parse_line(const std::string& line);

void write_history(const History& history, std::ostream& out);
Result<History> read_history(std::istream& in);  // the error names the line

// Files; the error names the path and the line.
Result<void> save_history(const History& history, const std::string& path);
Result<History> load_history(const std::string& path);

}  // namespace once::check
