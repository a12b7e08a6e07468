// The metrics of a node as Prometheus reads them: each row of server/counter_table.h, and what no
// counter says. Pure. docs/operations.md has the families; dashboards and alerts rely on them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "paxos/messages.h"
#include "server/node_figures.h"
#include "server/process_figures.h"

namespace once::server {

struct MetricsPage {
  std::string_view version;       // of the release
  double start_time_seconds = 0;  // of the process, since 1970
  NodeFigures node;
  ProcessFigures process;
};


// "once_" and the name in base units, "_total" behind a counter. Empty: it has none.
std::string metric_name(const CounterRow& row);

std::string metrics_page(const MetricsPage& page);

}  // namespace once::server
