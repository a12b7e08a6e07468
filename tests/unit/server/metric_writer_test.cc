#include "server/metric_writer.h"

#include <gtest/gtest.h>

namespace once::server {
namespace metric_writer_test {

TEST(MetricWriter, WritesFamiliesAndTheirSamples) {
  MetricWriter out;
  out.family("a_total", MetricWriter::Type::kCounter, "What");
  out.sample(uint64_t{7});
  out.sample(uint64_t{8}, {{"peer", "2"}, {"core", "0"}});
  out.family("b_seconds", MetricWriter::Type::kHistogram, "How long");
  out.sample("_bucket", uint64_t{1}, {{"le", "0.5"}});
  out.sample("_sum", 0.25, {});
  out.family("c", MetricWriter::Type::kGauge, "Now");
  out.sample(0.00005);
  EXPECT_EQ(out.text(),
            "# HELP a_total What\n"
            "# TYPE a_total counter\n"
            "a_total 7\n"
            "a_total{peer=\"2\",core=\"0\"} 8\n"
            "# HELP b_seconds How long\n"
            "# TYPE b_seconds histogram\n"
            "b_seconds_bucket{le=\"0.5\"} 1\n"
            "b_seconds_sum 0.25\n"
            "# HELP c Now\n"
            "# TYPE c gauge\n"
            "c 5e-05\n");
}

TEST(MetricWriter, EscapesWhatWouldEndALabelOrALine) {
  MetricWriter out;
  out.family("a", MetricWriter::Type::kGauge, "a \"b\" \\ c\nd");
  out.sample(uint64_t{1}, {{"x", "q\"b\\n\nz"}});
  EXPECT_EQ(out.text(),
            "# HELP a a \"b\" \\\\ c\\nd\n"
            "# TYPE a gauge\n"
            "a{x=\"q\\\"b\\\\n\\nz\"} 1\n");
}

TEST(MetricWriter, LeavesAnEmptyLabelOut) {
  MetricWriter out;
  out.family("a", MetricWriter::Type::kGauge, "A");
  out.sample(uint64_t{1}, {{"x", ""}});
  out.sample(uint64_t{2}, {{"x", ""}, {"y", "z"}});
  EXPECT_EQ(out.text(), "# HELP a A\n# TYPE a gauge\na 1\na{y=\"z\"} 2\n");
}

}  // namespace metric_writer_test
}  // namespace once::server
