// The tiles in group_codes.h for 256-bit byte dot products. Must not know any tile or format by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/gemm/int_panel_vnni256.h"
#include "kernels/tiles/group_codes_avx2.h"

namespace hearth::kernels::vnni256 {

template <typename Tile>
struct GroupView {
  using Layout = Tile;
  using GroupCodes = typename Tile::GroupCodes;
  using Scales = typename Tile::Scales;
  using GroupScales = vnni256::GroupScales<Scales::kMinima>;
  using RowScales = NoScales;
  template <int N>
  using Fold = GroupFold<N>;
  template <int N>
  using Minima = std::conditional_t<Scales::kMinima, FloatMinima<N>, NoMinima>;
  static constexpr bool kSigned = GroupCodes::kSums == Sums::kWide;  // values of a table
  static constexpr int kZero = kSigned ? 128 : GroupCodes::kZero;
  static constexpr int kGroupBytes = GroupCodes::kBytes;

  const std::byte* tile;
  int groups;
  avx2::ScaleReader<Scales> reader;

  HEARTH_INLINE_AVX2 GroupView(const std::byte* packed, int count)
      : tile(packed), groups(count), reader(packed) {}
  HEARTH_INLINE_AVX2 typename Tile::Vectors vectors(int g) const { return Tile::vectors(tile, groups, g); }
  HEARTH_INLINE_AVX2 avx2::CodeReader<GroupCodes> codes(int g) const {
    avx2::CodeReader<GroupCodes> codes(vectors(g));
    if constexpr (kSigned) codes.table = _mm256_xor_si256(codes.table, _mm256_set1_epi8(-128));
    return codes;
  }
  HEARTH_INLINE_AVX2 GroupScales scales(int g) const {
    const __m256 d = reader.scale(g);
    if constexpr (Scales::kMinima) {
      return {d, avx2::minimum_of_values<Tile>(reader, d, g)};
    } else {
      return {d};
    }
  }
  HEARTH_INLINE_AVX2 NoScales row_scales() const { return {}; }
};

template <typename Tile>
void multiply_groups(const TileJob& job) {
  multiply<GroupView<Tile>>(job);
}

}  // namespace hearth::kernels::vnni256

#endif  // defined(__x86_64__)
