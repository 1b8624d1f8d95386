// Seeded random numbers that are the same on every machine and compiler (xoshiro256**, Blackman and Vigna
// 2018; seeded by splitmix64). std:: distributions differ between libraries, so the conversions are here too.
#pragma once

#include <cstdint>

namespace hearth {

class Rng {
 public:
  explicit Rng(uint64_t seed);
  /// 64 uniform bits.
  uint64_t next();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  /// Uniform in [0, bound); bound > 0. Unbiased (rejection).
  uint64_t below(uint64_t bound);
  /// Standard normal (Box-Muller).
  double normal();

 private:
  uint64_t state_[4];
};

}  // namespace hearth
