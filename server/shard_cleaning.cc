// The shard as its cleaner sees it.
#include "server/shard.h"

namespace once::server {

size_t Shard::keep(const paxos::LoggedRecord* records, size_t count) {
  turn([&] { replica_.keep(records, count, io_.now_ns(), output_); });
  return output_.records.size();
}

size_t Shard::keep_facts() {
  turn([&] { replica_.keep_facts(io_.now_ns(), output_); });
  return output_.records.size();
}

CleanerHandler::Adopted Shard::adopt() {
  bool more = false;
  turn([&] { more = replica_.adopt(io_.now_ns(), output_); });
  return {output_.records.size(), more};
}

}  // namespace once::server
