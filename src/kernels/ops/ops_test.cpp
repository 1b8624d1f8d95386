// Every operation, every ISA, every tail length, against the definition in double with bounds derived from
// the number of roundings: c * eps * (sum of magnitudes that go into a value), eps = 2^-24 (half an ulp).
#include "kernels/ops/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "kernels/half.h"

namespace hearth::kernels {
namespace {

constexpr double kEps = 0x1p-24;
constexpr double kTiny = 1e-37;  // below the normal range results may be flushed

std::vector<float> random_row(Rng& rng, int64_t n, double scale = 1.0) {
  std::vector<float> row(static_cast<size_t>(n));
  for (float& x : row) x = static_cast<float>(rng.normal() * scale);
  return row;
}

double wide(float x) { return static_cast<double>(x); }

class OpsTest : public testing::TestWithParam<Isa> {
 protected:
  const Ops& ops_ = ops(GetParam());
  Rng rng_{42};
  const std::vector<int64_t> lengths_ = {1, 2, 3, 7, 8, 9, 15, 16, 31, 33, 64, 100, 257, 1024};
};

TEST_P(OpsTest, RmsNorm) {
  for (int64_t n : lengths_) {
    for (bool weighted : {false, true}) {
      const auto x = random_row(rng_, n, 3.0);
      const auto w = random_row(rng_, n);
      std::vector<float> y(x.size());
      ops_.rms_norm(x.data(), weighted ? w.data() : nullptr, 1e-6f, y.data(), n);
      double sum = 0;
      for (float v : x) sum += wide(v) * wide(v);
      const double scale = 1 / std::sqrt(sum / static_cast<double>(n) + wide(1e-6f));
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = wide(x[i]) * scale * (weighted ? wide(w[i]) : 1.0);
        EXPECT_NEAR(wide(y[i]), want, 4 * kEps * std::abs(want)) << n << " " << i;  // scale, two products
      }
    }
  }
}

TEST_P(OpsTest, RopeOfAPairDoesNotDependOnItsPlace) {
  const auto pair = random_row(rng_, 2);
  constexpr size_t kPairs = 15;  // whole vectors and tails of every length
  const std::vector<float> cos(kPairs, std::cos(0.7f));
  const std::vector<float> sin(kPairs, std::sin(0.7f));
  for (const bool neox : {false, true}) {
    std::vector<float> x(2 * kPairs);
    for (size_t i = 0; i < x.size(); ++i) x[i] = pair[neox ? i / kPairs : i % 2];
    (neox ? ops_.rope_neox : ops_.rope_interleaved)(x.data(), cos.data(), sin.data(), kPairs);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], x[neox ? i / kPairs * kPairs : i % 2]) << i;
  }
}

TEST_P(OpsTest, Rope) {
  for (int64_t pairs : {1, 2, 3, 4, 5, 8, 12, 20, 32, 48, 64, 100}) {
    for (bool neox : {false, true}) {
      const auto angle = random_row(rng_, pairs, 100.0);
      std::vector<float> cos(angle.size());
      std::vector<float> sin(angle.size());
      for (size_t i = 0; i < angle.size(); ++i) {
        cos[i] = std::cos(angle[i]);
        sin[i] = std::sin(angle[i]);
      }
      auto x = random_row(rng_, 2 * pairs + 1);
      const auto before = x;
      (neox ? ops_.rope_neox : ops_.rope_interleaved)(x.data(), cos.data(), sin.data(), pairs);
      EXPECT_EQ(x.back(), before.back());
      for (size_t i = 0; i < angle.size(); ++i) {
        const size_t a = neox ? i : 2 * i;
        const size_t b = neox ? i + angle.size() : 2 * i + 1;
        const double c = wide(cos[i]);
        const double s = wide(sin[i]);
        const double bound_a = 2 * kEps * (std::abs(wide(before[a]) * c) + std::abs(wide(before[b]) * s));
        const double bound_b = 2 * kEps * (std::abs(wide(before[a]) * s) + std::abs(wide(before[b]) * c));
        EXPECT_NEAR(wide(x[a]), wide(before[a]) * c - wide(before[b]) * s, bound_a);
        EXPECT_NEAR(wide(x[b]), wide(before[a]) * s + wide(before[b]) * c, bound_b);
      }
    }
  }
}

TEST_P(OpsTest, Gates) {
  for (int64_t n : lengths_) {
    auto gate = random_row(rng_, n, 4.0);
    const auto up = random_row(rng_, n);
    gate[0] = n % 2 ? -95.0f : 95.0f;  // beyond where exp overflows or vanishes
    std::vector<float> y(gate.size());
    ops_.silu_mul(gate.data(), up.data(), y.data(), n);
    for (size_t i = 0; i < y.size(); ++i) {
      const double want = wide(gate[i]) / (1 + std::exp(-wide(gate[i]))) * wide(up[i]);
      EXPECT_NEAR(wide(y[i]), want, (2 * kExpRelativeUlps + 4) * kEps * std::abs(want) + kTiny * 1000);
    }
    ops_.gelu_tanh_mul(gate.data(), up.data(), y.data(), n);
    for (size_t i = 0; i < y.size(); ++i) {
      const double g = wide(gate[i]);
      const double u = std::sqrt(2 / std::acos(-1.0)) * (g + 0.044715 * g * g * g);
      const double want = g / (1 + std::exp(-2 * u)) * wide(up[i]);
      // The argument 2u of the exponential carries four roundings and two rounded constants, each relative to
      // |2u|.
      const double relative = (2 * kExpRelativeUlps + 5 + 6 * std::abs(2 * u)) * kEps;
      EXPECT_NEAR(wide(y[i]), want, relative * std::abs(want) + kTiny * 1000) << g;
    }
    const std::vector<float> ones(gate.size(), 1.0f);
    std::vector<float> alone(gate.size());
    for (auto act : {ops_.silu_mul, ops_.gelu_tanh_mul}) {
      act(gate.data(), ones.data(), y.data(), n);
      act(gate.data(), nullptr, alone.data(), n);
      EXPECT_EQ(y, alone);
    }
  }
}

TEST_P(OpsTest, AddScaleSoftcapMax) {
  for (int64_t n : lengths_) {
    const auto x = random_row(rng_, n, 20.0);
    const auto z = random_row(rng_, n);
    auto sum = x;
    ops_.add(sum.data(), z.data(), n);
    auto scaled = x;
    ops_.scale(scaled.data(), 1.7f, n);
    auto capped = x;
    ops_.softcap(capped.data(), 30.0f, n);
    float top = x[0];
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(sum[i], x[i] + z[i]);
      EXPECT_EQ(scaled[i], x[i] * 1.7f);
      // 1 - e and 1 + e are absolute in units of 1, e itself 2 ulps: the error is relative to the cap.
      EXPECT_NEAR(wide(capped[i]), 30.0 * std::tanh(wide(x[i]) / 30.0), 12 * kEps * 30.0);
      top = std::max(top, x[i]);
    }
    EXPECT_EQ(ops_.max(x.data(), n), top);
  }
}

TEST_P(OpsTest, SoftmaxFamily) {
  for (int64_t n : lengths_) {
    auto x = random_row(rng_, n, 6.0);
    if (n > 2) x[1] = -std::numeric_limits<float>::infinity();
    double top = -1e30;
    for (float v : x) top = std::max(top, wide(v));
    double sum = 0;
    for (float v : x) sum += std::exp(wide(v) - top);
    const double lse = top + std::log(sum);
    // exp's argument x - top is rounded once; every term of the sum has the same relative error at most.
    auto relative = [&](float v) { return (2 * kExpRelativeUlps + std::abs(wide(v) - top)) * kEps; };
    double sum_error = 0;
    for (float v : x) {
      if (std::isfinite(v)) sum_error += relative(v) * std::exp(wide(v) - top) / sum;
    }
    EXPECT_NEAR(ops_.log_sum_exp(x.data(), n), lse, sum_error + 1e-14 * std::abs(lse));
    std::vector<float> p(x.size());
    std::vector<float> logp(x.size());
    ops_.softmax(x.data(), p.data(), n);
    ops_.log_softmax(x.data(), logp.data(), n);
    for (size_t i = 0; i < x.size(); ++i) {
      if (!std::isfinite(x[i])) {
        EXPECT_EQ(p[i], 0.0f);
        EXPECT_EQ(logp[i], -std::numeric_limits<float>::infinity());
        continue;
      }
      const double want = std::exp(wide(x[i]) - lse);
      EXPECT_NEAR(wide(p[i]), want, (relative(x[i]) + sum_error + 3 * kEps) * want + kTiny);
      EXPECT_NEAR(wide(logp[i]), wide(x[i]) - lse, sum_error + 2 * kEps * std::abs(wide(x[i]) - lse));
    }
  }
}

TEST_P(OpsTest, NanIsNotHidden) {
  std::vector<float> gate(9, 1.0f);
  gate[3] = std::nanf("");
  std::vector<float> y(9);
  ops_.silu_mul(gate.data(), gate.data(), y.data(), 9);
  EXPECT_TRUE(std::isnan(y[3]));
  EXPECT_FALSE(std::isnan(y[4]));
  ops_.rms_norm(gate.data(), nullptr, 1e-6f, y.data(), 9);
  EXPECT_TRUE(std::isnan(y[0]));
}

TEST_P(OpsTest, HalvesEqualScalar) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> floats(halves.size());
  ops_.half_to_float(halves.data(), floats.data(), 65535);
  for (size_t i = 0; i < 65535; ++i) {
    if (!std::isnan(floats[i])) {
      EXPECT_EQ(floats[i], half_to_float(halves[i]));
    }
  }
  Rng rng(7);
  for (float& x : floats) x = static_cast<float>(rng.normal() * std::exp2(rng.uniform() * 40 - 26));
  ops_.float_to_half(floats.data(), halves.data(), 65535);
  for (size_t i = 0; i < 65535; ++i) EXPECT_EQ(halves[i], float_to_half(floats[i])) << floats[i];
}

TEST_P(OpsTest, TailsWriteNothingElse) {
  for (int64_t n = 1; n < 20; ++n) {
    std::vector<float> x(static_cast<size_t>(n) + 1, 2.0f);
    std::vector<float> y(x.size(), 1.0f);
    x.back() = 99.0f;
    y.back() = 77.0f;
    ops_.softmax(x.data(), y.data(), n);
    ops_.silu_mul(x.data(), x.data(), y.data(), n);
    ops_.rms_norm(x.data(), nullptr, 0.0f, y.data(), n);
    EXPECT_EQ(y.back(), 77.0f);
    ops_.scale(x.data(), 3.0f, n);
    ops_.add(x.data(), y.data(), n);
    ops_.softcap(x.data(), 3.0f, n);
    EXPECT_EQ(x.back(), 99.0f);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, OpsTest,
                         testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace hearth::kernels
