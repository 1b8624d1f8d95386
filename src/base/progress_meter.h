// Turns "so many of so many" into rate and time left, for progress lines of downloads, copies and
// conversions. Why smoothed: over one tick a rate is noise, over the whole job it hides that the line went
// slow. Knows no clock (the caller passes the time) and prints nothing.
#pragma once

#include <cstdint>
#include <deque>

namespace hearth {

class ProgressMeter {
 public:
  /// `total` units of work, 0 when unknown; `already_done` of them (a resumed download) do not count for the
  /// rate.
  ProgressMeter(uint64_t total, uint64_t already_done, double now_s);

  void update(uint64_t done, double now_s);
  void set_total(uint64_t total) { total_ = total; }

  uint64_t done() const { return done_; }
  uint64_t total() const { return total_; }
  /// In [0, 1]; negative when the total is unknown.
  double fraction() const;
  /// Units per second over the last kWindow_s seconds; 0 before anything moved.
  double rate() const;
  /// Seconds left at the present rate; negative when unknown.
  double eta_s() const;

 private:
  struct Sample {
    double time_s;
    uint64_t done;
  };
  uint64_t total_;
  uint64_t done_;
  std::deque<Sample> samples_;  // oldest first, spanning about kWindow_s
};

}  // namespace hearth
