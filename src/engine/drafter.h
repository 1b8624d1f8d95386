// Speculation without a second model: what followed the last tokens when they occurred before is proposed to
// follow them again (prompt look-up decoding, Saxena 2023). The model checks the proposal in one pass, and a
// token counts only where the sampler draws that very token: answers are those without speculation, for every
// temperature and seed. Proposes less, and then nothing for a while, where it is wrong. Must not know models.
#pragma once

#include <cstdint>
#include <span>

namespace hearth::engine {

class Drafter {
 public:
  static constexpr int64_t kMostTokens = 8;

  /// Tokens that may follow `history`, at most `most`: a part of `history` itself.
  std::span<const int32_t> propose(std::span<const int32_t> history, int64_t most) const;
  /// One step without a proposal, or what became of one.
  void learn(int64_t proposed, int64_t accepted);

 private:
  int64_t length_ = 4;    // of the next proposal
  int64_t pause_ = 0;     // steps without one
  int64_t patience_ = 4;  // how long the next pause is
};

}  // namespace hearth::engine
