// Checks of OUT, and the text beside a progress bar.
#include "cli/output_file.h"

#include "base/clock.h"
#include "cli/console.h"
#include "io/file.h"
#include "io/gguf.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

/// The files that reading `input` opens, as far as they exist.
std::vector<fs::path> files_of(const fs::path& input) {
  std::error_code error;
  if (!fs::is_directory(input, error)) return io::gguf_parts(input);
  std::vector<fs::path> files;
  fs::directory_iterator it(input, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error))
    files.push_back(it->path());
  return files;
}

Status check_apart(const fs::path& input, const fs::path& out) {
  std::error_code error;
  for (const fs::path& file : files_of(input)) {
    if (fs::equivalent(file, out, error))
      return fail(ErrorCode::kUsage, out.string(), " is an input itself; write to another file");
  }
  if (!fs::is_directory(input, error)) return {};
  const fs::path inside =
      fs::weakly_canonical(fs::absolute(out), error).lexically_relative(fs::canonical(input, error));
  if (error || inside.empty() || *inside.begin() == "..") return {};
  return fail(ErrorCode::kUsage, out.string(), " is in the folder of the model; write to another folder");
}

}  // namespace

Status check_output_file(const std::vector<fs::path>& inputs, const fs::path& out, bool replace,
                         std::string_view advice) {
  std::error_code error;
  if (fs::is_directory(out, error))
    return fail(ErrorCode::kUsage, out.string(), " is a folder; give the name of a file to write");
  for (const fs::path& input : inputs) HEARTH_RETURN_IF_ERROR(check_apart(input, out));
  if (fs::exists(out, error)) {
    if (!fs::is_regular_file(out, error))
      return fail(ErrorCode::kUsage, out.string(), " is no regular file, so it is not replaced");
    if (!replace) return fail(ErrorCode::kUsage, out.string(), " exists; ", advice);
  }
  const auto probe = io::AtomicFile::create(out);  // and gone again
  return probe ? Status() : Status(probe.error());
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
