#include "server/metric_writer.h"

#include <fmt/format.h>

namespace once::server {
namespace {

constexpr std::string_view type_word(MetricWriter::Type type) {
  switch (type) {
    case MetricWriter::Type::kCounter:
      return "counter";
    case MetricWriter::Type::kGauge:
      return "gauge";
    case MetricWriter::Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void put_escaped(std::string& text, std::string_view raw, bool quotes) {
  for (const char c : raw) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || (c == '"' && quotes)) text += '\\';
    text += c;
  }
}

}  // namespace

void MetricWriter::family(std::string_view name, Type type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).append(" ");
  put_escaped(text_, help, false);
  text_.append("\n# TYPE ").append(name).append(" ").append(type_word(type)).append("\n");
}

void MetricWriter::begin(std::string_view suffix, Labels labels) {
  text_.append(family_).append(suffix);
  char before = '{';
  for (const Label& label : labels) {
    if (label.value.empty()) continue;
    text_ += before;
    text_.append(label.name).append("=\"");
    put_escaped(text_, label.value, true);
    text_ += '"';
    before = ',';
  }
  if (before == ',') text_ += '}';
}

void MetricWriter::sample(double value, Labels labels) { sample("", value, labels); }

void MetricWriter::sample(std::string_view suffix, uint64_t value, Labels labels) {
  begin(suffix, labels);
  text_.append(fmt::format(" {}\n", value));
}

void MetricWriter::sample(std::string_view suffix, double value, Labels labels) {
  begin(suffix, labels);
  text_.append(fmt::format(" {}\n", value));
}

}  // namespace once::server
