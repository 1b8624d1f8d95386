// A package is a folder "intel-rapl:N" (AMD's too); the parts below it, "intel-rapl:N:M", are counted in it
// already.
#include "lab/energy.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

#include "io/file.h"

namespace hearth::lab {
namespace {

std::optional<int64_t> read_number(const std::filesystem::path& path) {
  constexpr uint64_t kMaxBytes = 1 << 16;  // such files say that they are a page long
  const auto text = io::read_file(path, kMaxBytes);
  if (!text) return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end == text->data() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

EnergyMeter::EnergyMeter(const std::filesystem::path& root) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with("intel-rapl:") || std::count(name.begin(), name.end(), ':') != 1) continue;
    Package package;
    package.counter = entry->path() / "energy_uj";
    const std::optional<int64_t> now = read_number(package.counter);
    if (!now) continue;
    package.last_uj = *now;
    package.range_uj = read_number(entry->path() / "max_energy_range_uj").value_or(0);
    packages_.push_back(std::move(package));
  }
}

std::optional<double> EnergyMeter::joules() {
  if (packages_.empty()) return std::nullopt;
  double joules = 0;
  for (Package& package : packages_) {
    const std::optional<int64_t> now = read_number(package.counter);
    if (!now) return std::nullopt;
    int64_t used = *now - package.last_uj;
    package.last_uj = *now;
    if (used < 0) used += package.range_uj;
    if (used < 0) return std::nullopt;
    joules += static_cast<double>(used) * 1e-6;
  }
  return joules;
}

}  // namespace hearth::lab
