// A tale as a picture: a lane for each node and client, time from top to bottom. Long pauses are
// drawn short, and say how long they are.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/sim/story.h"

namespace once::sim {
namespace {

using Kind = Moment::Kind;
using Tone = Moment::Tone;

constexpr double kWidth = 880;
constexpr double kFirstLane = 112;
constexpr double kLastLane = 812;
constexpr double kTop = 84;
constexpr double kPerMs = 36;
constexpr double kLeast = 15;
constexpr double kMost = 52;
constexpr double kPause = 3;  // ms; longer ones are said

constexpr const char* kStyle = R"(  <style>
    .paper { fill: #ffffff } .ink { fill: #1f2933 } .dim { fill: #66727f }
    .lane { stroke: #9aa5b1; stroke-width: 1.4 } .asleep { stroke-dasharray: 2 5 }
    .plain { stroke: #66727f; fill: #66727f } .promise { stroke: #b06f00; fill: #b06f00 }
    .v0 { stroke: #c02a1e; fill: #c02a1e } .v1 { stroke: #1f5fd0; fill: #1f5fd0 }
    .v2 { stroke: #8138b8; fill: #8138b8 } .chosen { stroke: #0f7b46; fill: #0f7b46 }
    .refused { stroke: #5b6570; fill: #5b6570 } .band { fill: #0f7b46; opacity: 0.09 }
    .v3 { stroke: #0b7285; fill: #0b7285 }
    line, path { stroke-width: 1.5 } path.open { fill: none }
    .halo { fill: #ffffff; stroke: #ffffff;
            stroke-width: 4; stroke-linejoin: round }
    .ring { fill: #ffffff; stroke-width: 2.2 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #12181f } .ink { fill: #e4e9ee } .dim { fill: #9aa6b2 }
      .lane { stroke: #5a6672 } .plain { stroke: #a3afba; fill: #a3afba }
      .promise { stroke: #f0b24a; fill: #f0b24a } .v0 { stroke: #ff8a7d; fill: #ff8a7d }
      .v1 { stroke: #86b4ff; fill: #86b4ff } .v2 { stroke: #d1a0ff; fill: #d1a0ff }
      .chosen { stroke: #56d492; fill: #56d492 } .refused { stroke: #b4bec8; fill: #b4bec8 }
      .v3 { stroke: #62cfe0; fill: #62cfe0 } .band { fill: #56d492; opacity: 0.12 }
      .halo { fill: #12181f; stroke: #12181f } .ring { fill: #12181f }
    }
  </style>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

double ms(int64_t ns) { return static_cast<double>(ns) / static_cast<double>(kMs); }

class Picture {
 public:
  explicit Picture(const Tale& tale) : tale_(tale) {
    place_lanes();
    place_times();
  }

  std::string draw() {
    const double height = y_.rbegin()->second + 44;
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
        "font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"11.5\">\n  "
        "<title>{}</title>\n",
        kWidth, height, escaped(tale_.script.title));
    out_ += kStyle;
    out_ += fmt::format("  <rect class=\"paper\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"8\"/>\n",
                        kWidth, height);
    text(18, 28, "start", "ink", tale_.script.title, "font-size=\"15\" font-weight=\"bold\"");
    draw_chosen(height);
    draw_lanes(height - 26);
    draw_clock();
    for (const Moment& moment : tale_.moments) {
      if (moment.kind == Kind::kMessage) draw_arrow(moment);
    }
    for (const Moment& moment : tale_.moments) draw_label(moment);
    for (const Moment& moment : tale_.moments) draw_mark(moment);
    return out_ + "</svg>\n";
  }

 private:
  // Client, nodes, client: who is nearer to node 1 stands on its side.
  void place_lanes() {
    order_.push_back(kStoryNodes);
    for (HostId node = 0; node < kStoryNodes; ++node) order_.push_back(node);
    for (size_t i = 1; i < tale_.script.clients.size(); ++i) {
      order_.push_back(static_cast<HostId>(kStoryNodes + i));
    }
    step_ = (kLastLane - kFirstLane) / static_cast<double>(order_.size() - 1);
    for (size_t i = 0; i < order_.size(); ++i) {
      x_[order_[i]] = kFirstLane + step_ * static_cast<double>(i);
    }
  }

  void place_times() {
    std::set<int64_t> times;
    for (const Moment& moment : tale_.moments) {
      times.insert(moment.at_ns);
      if (moment.arrives_ns >= 0) times.insert(moment.arrives_ns);
    }
    double y = kTop;
    int64_t before = times.empty() ? 0 : *times.begin();
    y_[before] = y;
    for (const int64_t time : times) {
      y += time == before ? 0 : std::clamp(ms(time - before) * kPerMs, kLeast, kMost);
      y_[time] = y;
      before = time;
    }
  }

  void text(double x, double y, const char* anchor, const char* kind, const std::string& what,
            const std::string& more = "") {
    out_ += fmt::format(
        "  <text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\" {}>{}"
        "</text>\n",
        x, y, anchor, kind, more, escaped(what));
  }

  // Twice: once as its own background, for what it crosses.
  void label(double x, double y, const char* anchor, const std::string& kind,
             const std::string& what, const std::string& more = "") {
    text(x, y, anchor, "halo", what, more);
    text(x, y, anchor, kind.c_str(), what, more + " style=\"stroke: none\"");
  }

  void line(double x1, double y1, double x2, double y2, const std::string& kind,
            const std::string& more = "") {
    out_ += fmt::format(
        "  <line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\" {}/>\n", x1,
        y1, x2, y2, kind, more);
  }

  // Values get their colours in the order in which they are met.
  std::string kind_of(const Moment& moment) {
    switch (moment.tone) {
      case Tone::kPromise:
        return "promise";
      case Tone::kChosen:
        return "chosen";
      case Tone::kRefused:
        return "refused";
      case Tone::kPlain:
        return "plain";
      case Tone::kValue:
        break;
    }
    const auto found = std::ranges::find(values_, moment.value);
    const auto place = static_cast<size_t>(found - values_.begin());
    if (found == values_.end()) values_.push_back(moment.value);
    return fmt::format("v{}", place % 4);
  }

  void draw_chosen(double height) {
    const double left = x_[0] - 26, right = x_[kStoryNodes - 1] + 26;
    for (const Moment& moment : tale_.moments) {
      if (moment.kind != Kind::kChosen) continue;
      const double y = y_[moment.at_ns];
      if (!banded_) {
        out_ += fmt::format(
            "  <rect class=\"band\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
            "height=\"{:.1f}\"/>\n",
            left, y, right - left, height - 26 - y);
      }
      banded_ = true;
      line(left, y, right, y, "chosen", "stroke-dasharray=\"5 4\"");
    }
  }

  void draw_lanes(double bottom) {
    for (const HostId host : order_) {
      const double x = x_[host];
      text(x, 58, "middle", "ink", lane_name(tale_.script, host), "font-weight=\"bold\"");
      if (host == 0) text(x, 71, "middle", "dim", "home", "font-size=\"10\"");
      double from = 76;
      bool up = true, awake = true;
      auto to = [&](double y) {
        if (up) line(x, from, x, y, awake ? "lane" : "lane asleep");
        from = y;
      };
      for (const Moment& moment : tale_.moments) {
        if (moment.who != host) continue;
        const bool changes = moment.kind == Kind::kCrash || moment.kind == Kind::kStart ||
                             moment.kind == Kind::kPause || moment.kind == Kind::kGoOn;
        if (!changes) continue;
        to(y_[moment.at_ns]);
        up = moment.kind != Kind::kCrash;
        awake = moment.kind != Kind::kPause;
      }
      to(bottom);
    }
  }

  void draw_clock() {
    text(46, 58, "end", "dim", "ms", "font-size=\"10\"");
    double last = -100, before_y = 0;
    int64_t before = 0;
    for (const auto& [time, y] : y_) {
      if (y - last >= 12) {
        const double shown = ms(time);
        text(46, y + 4, "end", "dim",
             shown == std::floor(shown) ? fmt::format("{:.0f}", shown)
                                        : fmt::format("{:.1f}", shown),
             "font-size=\"10\"");
        last = y;
      }
      if (y > kTop && ms(time - before) > kPause) {
        text(52, (y + before_y) / 2 + 4, "start", "dim", "...", "font-size=\"12\"");
      }
      before = time;
      before_y = y;
    }
  }

  void draw_arrow(const Moment& moment) {
    const double x1 = x_[moment.who], y1 = y_[moment.at_ns];
    const bool lost = moment.arrives_ns < 0;
    double x2 = x_[moment.to], y2 = lost ? y1 : y_[moment.arrives_ns];
    const std::string kind = kind_of(moment);
    if (lost) {
      const double way = std::abs(x2 - x1) > step_ * 1.5 ? 0.72 : 0.62;
      x2 = x1 + (x2 - x1) * way;
      y2 = y1 + 20;
    }
    const std::string dashes = moment.tone == Tone::kRefused ? "stroke-dasharray=\"6 3\"" : "";
    line(x1, y1, x2, y2, kind, dashes);
    if (lost) {
      out_ += fmt::format(
          "  <path class=\"{} open\" style=\"stroke-width: 2.4\" d=\"M{:.1f},{:.1f} l9,9 m0,-9 "
          "l-9,9\"/>\n",
          kind, x2 - 4.5, y2 - 4.5);
      return;
    }
    const double angle = std::atan2(y2 - y1, x2 - x1) * 180 / M_PI;
    out_ += fmt::format(
        "  <path class=\"{}\" transform=\"translate({:.1f},{:.1f}) rotate({:.1f})\" "
        "d=\"M-1,0 l-8,-3.6 v7.2 z\"/>\n",
        kind, x2, y2, angle);
  }

  // In the first gap behind its sender, along the arrow. What is said to several that way is
  // said once.
  void draw_label(const Moment& moment) {
    if (moment.kind != Kind::kMessage) return;
    const double x1 = x_[moment.who], y1 = y_[moment.at_ns];
    const double x2 = x_[moment.to];
    const bool right = x2 > x1;
    for (const Moment& other : tale_.moments) {
      if (&other == &moment) break;
      const bool same = other.kind == Kind::kMessage && other.who == moment.who &&
                        other.at_ns == moment.at_ns && other.label == moment.label;
      if (same && (x_[other.to] > x1) == right) return;
    }
    const double y2 = moment.arrives_ns < 0 ? y1 + 20 : y_[moment.arrives_ns];
    const double slope = std::atan2(y2 - y1, std::abs(x2 - x1));
    // What goes to a client over the heads of others: beside the client.
    const double way = moment.to >= kStoryNodes ? std::abs(x2 - x1) - step_ * 0.5 : step_ * 0.5;
    const double x = x1 + (right ? way : -way);
    const double y = y1 + std::tan(slope) * way;
    const double angle = (right ? slope : -slope) * 180 / M_PI;
    label(0, -4, "middle", kind_of(moment), moment.label,
          fmt::format("transform=\"translate({:.1f},{:.1f}) rotate({:.1f})\" font-size=\"10.5\"", x,
                      y, angle));
  }

  bool is_marked(HostId host, int64_t at_ns) const {
    return std::ranges::any_of(tale_.moments, [&](const Moment& moment) {
      return moment.kind == Kind::kAccept && moment.who == host && moment.at_ns == at_ns;
    });
  }

  void draw_mark(const Moment& moment) {
    const double x = x_[moment.who], y = y_[moment.at_ns];
    const std::string kind = kind_of(moment);
    const bool own = moment.who == moment.to;  // of a proposer, who sends to both sides
    const bool left = moment.who == 0 || moment.who == kStoryNodes || (own && moment.who == 1);
    const double above = moment.who == 1 && !own ? -6 : 4;
    const double beside = left ? x - 10 : x + 10;
    const char* anchor = left ? "end" : "start";
    switch (moment.kind) {
      case Kind::kMessage:
        return;
      case Kind::kPromise:
        out_ += fmt::format(
            "  <circle class=\"ring\" cx=\"{:.1f}\" cy=\"{:.1f}\" "
            "r=\"5\" style=\"stroke: #c98a1a\"/>\n",
            x, y);
        return label(beside, y + above, anchor, kind, moment.label, "font-size=\"10\"");
      case Kind::kAccept:
        out_ += fmt::format(
            "  <rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"11\" "
            "height=\"11\" rx=\"1.5\"/>\n",
            kind, x - 5.5, y - 5.5);
        return label(beside, y + above, anchor, kind, moment.label,
                     "font-size=\"10\" font-weight=\"bold\"");
      case Kind::kChosen:
        return label(x_[0] - 30, y + (is_marked(0, moment.at_ns) ? -10 : 4), "end", "chosen",
                     moment.label, "font-size=\"11\" font-weight=\"bold\"");
      case Kind::kCrash:
        out_ += fmt::format(
            "  <path class=\"ink open\" style=\"stroke-width: 2.6\" stroke=\"#c02a1e\""
            " d=\"M{:.1f},{:.1f} l12,12 m0,-12 l-12,12\"/>\n",
            x - 6, y - 6);
        break;
      case Kind::kNote:
        break;
      default:
        line(x - 8, y, x + 8, y, "plain", "style=\"stroke-width: 2.4\"");
        break;
    }
    label(beside, y + 4, anchor, "ink", moment.label, "font-size=\"10.5\" font-style=\"italic\"");
  }

  const Tale& tale_;
  std::string out_;
  std::vector<HostId> order_;
  std::map<HostId, double> x_;
  std::map<int64_t, double> y_;
  std::vector<std::string> values_;
  double step_ = 0;
  bool banded_ = false;
};

}  // namespace

std::string as_picture(const Tale& tale) { return Picture(tale).draw(); }

}  // namespace once::sim
