// Metrics as text, in the format 0.0.4 of Prometheus: families with their samples. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace once::server {

class MetricWriter {
 public:
  enum class Type : uint8_t { kCounter, kGauge, kHistogram };
  struct Label {
    std::string_view name;
    std::string_view value;  // any bytes; empty: as if there were no such label
  };
  using Labels = std::initializer_list<Label>;

  // What follows belongs to it, until the next one begins.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(uint64_t value, Labels labels = {}) { sample("", value, labels); }
  void sample(double value, Labels labels = {});
  // `suffix`: of a histogram's parts.
  void sample(std::string_view suffix, uint64_t value, Labels labels);
  void sample(std::string_view suffix, double value, Labels labels);

  const std::string& text() const { return text_; }

 private:
  void begin(std::string_view suffix, Labels labels);

  std::string family_;
  std::string text_;
};

}  // namespace once::server
