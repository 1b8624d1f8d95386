// A sliding window of samples; see the header.
#include "base/progress_meter.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr double kWindow_s = 8.0;
constexpr double kSampleEvery_s = 0.1;  // bounds the window to 80 samples however often update() is called

}  // namespace

ProgressMeter::ProgressMeter(uint64_t total, uint64_t already_done, double now_s)
    : total_(total), done_(already_done), samples_{{now_s, already_done}} {}

void ProgressMeter::update(uint64_t done, double now_s) {
  if (done < samples_.back().done) samples_ = {{now_s, done}};  // the work was started over
  done_ = done;
  const bool refine = samples_.size() > 1 && now_s - samples_[samples_.size() - 2].time_s < kSampleEvery_s;
  if (refine) {
    samples_.back() = {now_s, done};
  } else {
    samples_.push_back({now_s, done});
  }
  while (samples_.size() > 2 && now_s - samples_[1].time_s > kWindow_s) samples_.pop_front();
}

double ProgressMeter::fraction() const {
  if (total_ == 0) return -1.0;
  return std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
}

double ProgressMeter::rate() const {
  const double span_s = samples_.back().time_s - samples_.front().time_s;
  if (span_s <= 0.0) return 0.0;
  return static_cast<double>(samples_.back().done - samples_.front().done) / span_s;
}

double ProgressMeter::eta_s() const {
  const double per_s = rate();
  if (total_ == 0 || per_s <= 0.0) return -1.0;
  return static_cast<double>(total_ - std::min(total_, done_)) / per_s;
}

}  // namespace hearth
