// Check on a model that is well, on one made to fail, and on a cache format that costs too much: the right
// remedy, and no other.
#include "lab/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "kernels/format.h"

namespace hearth::lab {
namespace {

constexpr const char* kModel = HEARTH_SOURCE_DIR "/models/device/device.gguf";

io::Tensor& tensor(io::TensorFile& file, const std::string& name) {
  return *std::find_if(file.tensors.begin(), file.tensors.end(),
                       [&](const io::Tensor& t) { return t.name == name; });
}

/// Changes the values of a tensor in its own format.
template <typename Change>
void change(io::Tensor& tensor, Change&& change_value) {
  const kernels::Format& format = *kernels::find_format(tensor.type);
  const int64_t cols = tensor.shape.back();
  const auto count = static_cast<int64_t>(tensor.data.size()) / format.block_bytes * format.block_elems;
  std::vector<float> values(static_cast<size_t>(count));
  format.decode(tensor.data.data(), values.data(), count);
  for (int64_t i = 0; i < count; ++i) change_value(i % cols, values[static_cast<size_t>(i)]);
  auto bytes = std::make_shared<std::vector<std::byte>>(tensor.data.size());
  format.encode(values.data(), bytes->data(), count, nullptr);
  tensor.data = *bytes;
  tensor.owner = bytes;
}

/// One channel of each 32 of the FFN's input in a layer becomes enormous and its weights zero: in float32 it
/// changes nothing, but a scale of 32 activations has no room left for the others.
void hurt(io::TensorFile& file, const std::string& layer, float size) {
  const auto outlier = [](int64_t channel) { return channel % 32 == 7; };
  change(tensor(file, layer + ".ffn_norm.weight"), [&](int64_t c, float& v) { v = outlier(c) ? size : v; });
  for (const char* name : {".ffn_gate.weight", ".ffn_up.weight"})
    change(tensor(file, layer + name), [&](int64_t c, float& v) { v = outlier(c) ? 0 : v; });
}

Result<engine::OpenedModel> open_hurt() {
  HEARTH_ASSIGN(engine::OpenedModel opened, engine::open_model(kModel));
  hurt(opened.file, "blk.2", 1e5f);
  return opened;
}

CheckReport check(const std::function<Result<engine::OpenedModel>()>& open, const CheckBounds& bounds,
                  const std::string& kv = "auto") {
  engine::LoadOptions options;
  options.threads = 2;
  options.kv_format = kv;
  auto report = check_model(options, bounds, Priority::kPrefill, {open, open, {}});
  EXPECT_TRUE(report.ok()) << (report ? "" : report.error().message);
  return report ? std::move(report).value() : CheckReport();
}

TEST(Check, AModelThatIsWellNeedsNothing) {
  const CheckReport report = check([] { return engine::open_model(kModel); }, {});
  EXPECT_TRUE(report.within_bounds);
  EXPECT_TRUE(report.float32_tensors.empty());
  EXPECT_TRUE(report.kv_fallback.empty());
  EXPECT_EQ(report.kv_format, "f16");
  EXPECT_GT(report.tokens, 200);
  EXPECT_GT(report.fast.kld_mean, 0);
  EXPECT_LT(report.fast.kld_mean, 0.005);
  EXPECT_EQ(report.errors.size(), 1u + 5 * 7);  // the tied output and five layers
  for (const TensorError& e : report.errors) {
    EXPECT_GT(e.error, 0) << e.tensor;
    EXPECT_LT(e.error, 0.02) << e.tensor;
  }
}

TEST(Check, OutliersAreComputedInFloat32) {
  const CheckReport report = check(open_hurt, {});
  EXPECT_GT(report.fast.kld_mean, CheckBounds().kld_mean) << "this model should fail";
  EXPECT_TRUE(report.within_bounds);
  EXPECT_LT(report.chosen.kld_mean, 0.005);
  std::vector<std::string> chosen = report.float32_tensors;
  std::sort(chosen.begin(), chosen.end());
  EXPECT_EQ(chosen, (std::vector<std::string>{"blk.2.ffn_gate.weight", "blk.2.ffn_up.weight"}));
  EXPECT_TRUE(report.kv_fallback.empty());
}

TEST(Check, ACacheThatCostsTooMuchIsReplaced) {
  const auto open = [] { return engine::open_model(kModel); };
  const CheckReport rough = check(open, {}, "int8"), fine = check(open, {}, "f16");
  ASSERT_GT(rough.fast.kld_mean, fine.fast.kld_mean);
  const CheckBounds between{.kld_mean = (rough.fast.kld_mean + fine.fast.kld_mean) / 2, .top1_agreement = 0};
  const CheckReport report = check(open, between, "int8");
  EXPECT_TRUE(report.within_bounds);
  EXPECT_EQ(report.kv_fallback, "f16");
  EXPECT_TRUE(report.float32_tensors.empty());
  EXPECT_EQ(report.chosen.kld_mean, fine.fast.kld_mean);
}

/// Keys beyond what f16 can hold, with queries so small that in float32 nothing changes.
Result<engine::OpenedModel> open_large_keys() {
  HEARTH_ASSIGN(engine::OpenedModel opened, engine::open_model(kModel));
  const auto scale = [&](const std::string& name, float factor) {
    io::Tensor& scaled = tensor(opened.file, name);
    const kernels::Format& format = *kernels::find_format(scaled.type);
    const auto count = static_cast<int64_t>(scaled.data.size()) / format.block_bytes * format.block_elems;
    auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(count) * sizeof(float));
    auto* values = reinterpret_cast<float*>(bytes->data());
    format.decode(scaled.data.data(), values, count);
    for (int64_t i = 0; i < count; ++i) values[i] *= factor;
    scaled.type = kernels::find_format("F32")->id;
    scaled.data = *bytes;
    scaled.owner = bytes;
  };
  for (int layer = 0; layer < 5; ++layer) {
    scale(concat("blk.", layer, ".attn_k.weight"), 1e6f);
    scale(concat("blk.", layer, ".attn_q.weight"), 1e-6f);
  }
  return opened;
}

TEST(Check, ACacheThatCannotHoldTheKeysIsReplacedAndNoTensorBlamed) {
  const CheckReport report = check(open_large_keys, {});
  EXPECT_EQ(report.kv_format, "f16");
  EXPECT_GT(report.fast.kld_mean, CheckBounds().kld_mean) << "this model should fail";
  EXPECT_TRUE(report.within_bounds);
  EXPECT_EQ(report.kv_fallback, "int8");
  EXPECT_TRUE(report.float32_tensors.empty());
}

TEST(Check, TensorsThatDoNotHelpAreTakenBack) {
  // Layer 3's products are further off than layer 2's, but nothing comes of them: its FFN's output is zero.
  const auto open = []() -> Result<engine::OpenedModel> {
    HEARTH_ASSIGN(engine::OpenedModel opened, open_hurt());
    hurt(opened.file, "blk.3", 1e7f);
    change(tensor(opened.file, "blk.3.ffn_down.weight"), [](int64_t, float& v) { v = 0; });
    return opened;
  };
  const CheckReport report = check(open, {});
  EXPECT_TRUE(report.within_bounds);
  std::vector<std::string> chosen = report.float32_tensors;
  std::sort(chosen.begin(), chosen.end());
  EXPECT_EQ(chosen, (std::vector<std::string>{"blk.2.ffn_gate.weight", "blk.2.ffn_up.weight"}));
}

TEST(Check, ACacheAndTensorsAreFoundTogether) {
  const auto open = []() -> Result<engine::OpenedModel> {
    HEARTH_ASSIGN(engine::OpenedModel keys, open_large_keys());
    HEARTH_ASSIGN(const engine::OpenedModel hurt, open_hurt());
    for (io::Tensor& t : keys.file.tensors) {
      if (t.name.starts_with("blk.2.ffn_")) {
        const auto from = std::find_if(hurt.file.tensors.begin(), hurt.file.tensors.end(),
                                       [&](const io::Tensor& other) { return other.name == t.name; });
        t.data = from->data;
        t.owner = from->owner;
      }
    }
    return keys;
  };
  const CheckReport report = check(open, {});
  EXPECT_TRUE(report.within_bounds);
  EXPECT_EQ(report.kv_fallback, "int8");
  std::vector<std::string> chosen = report.float32_tensors;
  std::sort(chosen.begin(), chosen.end());
  EXPECT_EQ(chosen, (std::vector<std::string>{"blk.2.ffn_gate.weight", "blk.2.ffn_up.weight"}));
}

TEST(Check, OnlyTheFilesFaultIsFinal) {
  for (const ErrorCode code : {ErrorCode::kUnsupported, ErrorCode::kCorrupt, ErrorCode::kUsage})
    EXPECT_TRUE(fails_every_time(code));
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kNotFound, ErrorCode::kTooLarge,
                               ErrorCode::kNetwork, ErrorCode::kCancelled, ErrorCode::kInternal})
    EXPECT_FALSE(fails_every_time(code));
}

TEST(Check, BoundsThatNothingMeetsEndInTheReference) {
  const CheckReport report =
      check([] { return engine::open_model(kModel); }, {.kld_mean = 0, .top1_agreement = 1});
  EXPECT_EQ(report.float32_tensors.size(), report.errors.size());
  EXPECT_EQ(report.kv_fallback, "f32");
  EXPECT_LT(report.chosen.kld_mean, 1e-12);
}

TEST(Check, StopsWhenAskedAndSaysWhatItNeeds) {
  const auto open = [] { return engine::open_model(kModel); };
  engine::LoadOptions options;
  options.threads = 1;
  const auto stopped =
      check_model(options, {}, Priority::kPrefill, {open, open, [](std::string_view) { return false; }});
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  const auto bare = []() -> Result<engine::OpenedModel> {
    HEARTH_ASSIGN(engine::OpenedModel opened, engine::open_model(kModel));
    io::Metadata metadata;
    for (const auto& [key, value] : opened.file.metadata.entries()) {
      if (!key.starts_with("tokenizer.")) metadata.set(key, value);
    }
    opened.file.metadata = std::move(metadata);
    return opened;
  };
  EXPECT_EQ(check_model(options, {}, Priority::kPrefill, {bare, bare, {}}).error().code,
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace hearth::lab
