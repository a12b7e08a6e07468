#include "server/node_report.h"

#include <chrono>

#include "server/health.h"
#include "server/metrics_page.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

namespace once::server {
namespace {

double seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) /
         1e3;
}

}  // namespace

NodeReport::NodeReport(NodeSource& source)
    : source_(source), start_time_seconds_(seconds_since_1970()) {}

std::string_view NodeReport::version() const { return ONCE_VERSION; }

std::string NodeReport::metrics() const {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = source_.now_ns();
  if (metrics_.empty() || metrics_until_ns_ <= now_ns) {
    metrics_ = metrics_page({version(), start_time_seconds_, source_.figures(), process_figures()});
    metrics_until_ns_ = now_ns + kKeptNs;
  }
  return metrics_;
}

doors::Health NodeReport::live() const { return liveness(source_.silent_ns()); }
doors::Health NodeReport::ready() const { return readiness(source_.figures()); }

}  // namespace once::server
