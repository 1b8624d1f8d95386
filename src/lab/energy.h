// Energy the processor has used, where the system tells (Linux powercap, RAPL: whole packages, with
// everything else that runs on them). Absent in most virtual machines and, without permission, elsewhere.
// Must not know what is measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace hearth::lab {

class EnergyMeter {
 public:
  /// Finds the packages; the path is a parameter for tests.
  explicit EnergyMeter(const std::filesystem::path& root = "/sys/class/powercap");

  bool available() const { return !packages_.empty(); }
  /// Joules since the last call, or since the meter was made; nullopt where they cannot be read. Counters
  /// wrap around: call at least once a minute.
  std::optional<double> joules();

 private:
  struct Package {
    std::filesystem::path counter;
    int64_t range_uj = 0;  // 0: not told, a wrap around cannot be undone
    int64_t last_uj = 0;
  };
  std::vector<Package> packages_;
};

}  // namespace hearth::lab
