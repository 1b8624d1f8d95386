// Checks of OUT, and the text beside a progress bar.
#include "cli/output_file.h"

#include "base/clock.h"
#include "cli/console.h"
#include "io/file.h"

namespace hearth::cli {

Status check_output_file(const std::filesystem::path& in, const std::filesystem::path& out, bool force) {
  std::error_code error;
  if (!std::filesystem::exists(out, error)) return {};
  if (std::filesystem::equivalent(in, out, error))
    return fail(ErrorCode::kUsage, "OUT is IN; write to another file");
  if (std::filesystem::is_directory(out, error))
    return fail(ErrorCode::kUsage, out.string(), " is a folder; OUT is the file to write");
  if (!force) return fail(ErrorCode::kUsage, out.string(), " exists; --force replaces it");
  return {};
}

std::string ProgressDetail::operator()(uint64_t done, uint64_t total) {
  if (!meter_) meter_.emplace(total, done, now_s());
  meter_->update(done, now_s());
  auto amount = [&](uint64_t n) { return unit_.empty() ? io::human_bytes(n) : concat(n, ' ', unit_); };
  std::string text = amount(done);
  if (const double rate = meter_->rate(); rate >= 1)
    text += concat(", ", amount(static_cast<uint64_t>(rate)), "/s");
  if (const double left = meter_->eta_s(); left >= 0.5) text += concat(", ", format_duration(left), " left");
  return text;
}

}  // namespace hearth::cli
