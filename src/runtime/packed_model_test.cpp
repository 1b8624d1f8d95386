// A packed file computes what its model computes, to the bit: every architecture, every weight format, fast
// and in float32; and whatever is wrong with such a file ends in one line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "io/file.h"
#include "io/gguf.h"
#include "model/hf_folder.h"
#include "model/memory.h"
#include "model/packed.h"
#include "runtime/test_model.h"

namespace hearth::runtime {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PackedModels : public testing::Test {
 protected:
  PackedModels() {
    std::string pattern = (fs::temp_directory_path() / "hearth-packed-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "weights.gguf";
  }
  ~PackedModels() override {
    std::error_code error;
    fs::remove_all(folder_, error);
  }

  static TestModelOptions wide(std::string_view arch, const kernels::Format* format) {
    return {.arch = std::string(arch),
            .layers = 2,
            .dim = 256,
            .heads = 4,
            .kv_heads = 2,
            .head_dim = 64,
            .ffn_dim = 512,
            .vocab = 100,
            .format = format};
  }

  void write(const io::TensorFile& file) {
    const Status status = model::write_packed(file, {"source", "origin"}, path_, pool_, {});
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  std::vector<float> logits(io::TensorFile file, kernels::Precision precision,
                            std::span<const std::string> float32_tensors = {}) {
    auto loaded = model::Model::load(std::move(file), precision, pool_, float32_tensors);
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    if (!loaded) return {};
    const auto runtime = Runtime::create(**loaded, pool_, {.context_tokens = 64, .max_sequences = 1}).value();
    const auto tokens = random_tokens(9, (*loaded)->spec().hp.vocab, 3);
    const SequenceChunk chunk = {runtime->open_sequence().value(), tokens, LogitsWanted::kAll};
    EXPECT_TRUE(runtime->forward({&chunk, 1}).ok());
    return {runtime->logits(0).begin(), runtime->logits(0).end()};
  }
  std::string error_of_opening() {
    const auto file = model::open_source(path_);
    EXPECT_FALSE(file.ok());
    if (file.ok()) return "";
    EXPECT_EQ(file.error().message.find('\n'), std::string::npos);
    return file.error().message;
  }
  void change_byte(int64_t at) {  // from the end when negative
    std::string text = io::read_file(path_, 1 << 30).value();
    text[static_cast<size_t>(at < 0 ? static_cast<int64_t>(text.size()) + at : at)] ^= 0x55;
    std::ofstream(path_, std::ios::binary) << text;
  }

  ThreadPool pool_{2};
  fs::path folder_, path_;
};

TEST_F(PackedModels, EveryArchitectureComputesTheSame) {
  for (const model::ArchSpec* arch : model::arch_registry()) {
    const io::TensorFile file = make_test_file({.arch = std::string(arch->name), .biases = true});
    write(file);
    auto packed = model::open_source(path_);
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    EXPECT_EQ(logits(*packed, kernels::Precision::kFast), logits(file, kernels::Precision::kFast))
        << arch->name;
    EXPECT_EQ(logits(*packed, kernels::Precision::kReference), logits(file, kernels::Precision::kReference))
        << arch->name;
    EXPECT_EQ(packed->metadata.get_string("general.architecture").value(), arch->name);
  }
}

TEST_F(PackedModels, EveryFormatComputesTheSame) {
  for (const kernels::Format* format : kernels::format_registry()) {
    for (const std::string_view arch : {"llama", "phi3"}) {  // phi3 fuses matrices
      const io::TensorFile file = make_test_file(wide(arch, format));
      write(file);
      EXPECT_TRUE(model::verify_packed(path_, {}).ok());
      auto packed = model::open_source(path_).value();
      const std::string mixed[] = {"blk.1.ffn_down.weight", "output.weight", "no.such.tensor"};
      const auto fast = kernels::Precision::kFast;
      EXPECT_EQ(logits(packed, fast), logits(file, fast)) << format->name;
      EXPECT_EQ(logits(packed, fast, mixed), logits(file, fast, mixed)) << format->name;
      EXPECT_EQ(logits(packed, kernels::Precision::kReference), logits(file, kernels::Precision::kReference))
          << format->name;
    }
  }
}

TEST_F(PackedModels, WeightsStayInTheMapAndArePlannedAsTheyAre) {
  const io::TensorFile file = make_test_file(wide("llama", kernels::find_format("Q4_K")));
  write(file);
  auto packed = model::open_source(path_).value();
  const auto spec = model::spec_of(packed).value();
  const int64_t planned = model::weight_bytes(packed, spec, kernels::Precision::kFast);
  // The same, but for what aligns each tensor to 64 bytes.
  const int64_t in_memory_plan = model::weight_bytes(file, spec, kernels::Precision::kFast);
  EXPECT_GE(planned, in_memory_plan);
  EXPECT_LT(planned, in_memory_plan + 64 * static_cast<int64_t>(file.tensors.size()));
  const auto loaded = model::Model::load(std::move(packed), kernels::Precision::kFast, pool_).value();
  EXPECT_EQ(loaded->owned_bytes(), 0);
  const auto in_memory = model::Model::load(file, kernels::Precision::kFast, pool_).value();
  EXPECT_EQ(loaded->mapped_bytes(), in_memory->owned_bytes());
  EXPECT_GT(planned, loaded->mapped_bytes()) << "the vectors count too";
  EXPECT_EQ(loaded->read_bytes_per_token(), in_memory->read_bytes_per_token());
}

TEST_F(PackedModels, DamageIsFound) {
  const io::TensorFile file = make_test_file(wide("llama", kernels::find_format("Q4_K")));
  write(file);
  const auto size = static_cast<int64_t>(fs::file_size(path_));
  change_byte(100);  // the header is looked at every time
  EXPECT_FALSE(error_of_opening().empty());
  write(file);
  change_byte(size / 2);  // weights only when they are verified
  EXPECT_TRUE(model::open_source(path_).ok());
  const Status verified = model::verify_packed(path_, {});
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(verified.error().message, HasSubstr("checksum"));
  write(file);
  fs::resize_file(path_, static_cast<uintmax_t>(size - 4096));
  EXPECT_FALSE(error_of_opening().empty());
  write(file);
  EXPECT_EQ(model::verify_packed(path_, [](uint64_t, uint64_t) { return false; }).error().code,
            ErrorCode::kCancelled);
}

TEST_F(PackedModels, AnotherLayoutIsAnotherVersion) {
  write(make_test_file(wide("llama", kernels::find_format("Q8_0"))));
  for (const bool fingerprint : {true, false}) {
    auto file = io::read_gguf(path_, model::block_layout).value();
    ASSERT_TRUE(model::is_packed(file));
    EXPECT_EQ(model::packed_from(file)->source, "source");
    if (fingerprint) {
      auto numbers = std::get<std::vector<uint64_t>>(file.metadata.find("hearth.packed.fingerprints")->data);
      numbers.back() ^= 1;
      file.metadata.set("hearth.packed.fingerprints", {io::ValueType::kUint64, true, numbers});
    } else {
      file.metadata.set("hearth.packed.version", io::Value::of(uint32_t{9}));
    }
    const Status status = model::present_packed(file);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(status.error().message, HasSubstr("another version"));
  }
}

TEST_F(PackedModels, AnotherVersionIsNotCalledDamaged) {
  write(make_test_file(wide("llama", kernels::find_format("Q8_0"))));
  auto file = io::read_gguf(path_, model::block_layout).value();
  file.metadata.set("hearth.packed.version", io::Value::of(uint32_t{9}));
  const Status before_checksums = model::check_packed_header(file);
  ASSERT_FALSE(before_checksums.ok());
  EXPECT_EQ(before_checksums.error().code, ErrorCode::kUnsupported);
}

/// What a newer hearth does otherwise: it wants what was left out, does without what was packed, divides it
/// otherwise, or translates folders otherwise.
TEST_F(PackedModels, WhatAnotherVersionWouldTakeOtherwiseIsNoticed) {
  io::TensorFile model = make_test_file(wide("phi3", kernels::find_format("Q8_0")));
  io::Tensor extra = model.tensors.back();
  extra.name = "extra.weight";
  model.tensors.push_back(std::move(extra));
  write(model);
  const auto code_after = [&](const std::function<void(io::Metadata&)>& change) {
    auto file = io::read_gguf(path_, model::block_layout).value();
    change(file.metadata);
    const Status status = model::present_packed(file);
    return status.ok() ? std::optional<ErrorCode>() : status.error().code;
  };
  const auto strings = [](const io::Metadata& metadata, const char* key) {
    return *metadata.get_strings(key).value();
  };
  EXPECT_EQ(code_after([&](io::Metadata& metadata) {
              EXPECT_THAT(strings(metadata, "hearth.packed.unused"), testing::ElementsAre("extra.weight"));
            }),
            std::nullopt);
  EXPECT_EQ(code_after([](io::Metadata& metadata) {
              metadata.set("hearth.packed.unused", io::Value::of(std::vector<std::string>{"output.weight"}));
            }),
            ErrorCode::kUnsupported);
  EXPECT_EQ(code_after([](io::Metadata& metadata) { metadata.erase("hearth.packed.unused"); }),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code_after([](io::Metadata& metadata) {
              metadata.set("phi3.attention.head_count_kv", io::Value::of(uint32_t{4}));
            }),
            ErrorCode::kUnsupported)
      << "other parts of the fused matrix";
  EXPECT_EQ(code_after(
                [](io::Metadata& metadata) { metadata.set("phi3.block_count", io::Value::of(uint32_t{1})); }),
            ErrorCode::kUnsupported)
      << "a packed matrix that nobody wants";
  model.translation = model::kHfTranslation;
  write(model);
  EXPECT_EQ(code_after([](io::Metadata&) {}), std::nullopt);
  EXPECT_EQ(code_after([](io::Metadata& metadata) {
              metadata.set("hearth.packed.translation", io::Value::of(model::kHfTranslation + 1));
            }),
            ErrorCode::kUnsupported);
}

TEST_F(PackedModels, MetadataThatLiesIsRefused) {
  write(make_test_file(wide("phi3", kernels::find_format("Q8_0"))));
  const auto change = [&](const char* key, size_t index, uint64_t value) {
    auto file = io::read_gguf(path_, model::block_layout).value();
    auto numbers = std::get<std::vector<uint64_t>>(file.metadata.find(key)->data);
    numbers[index] = value;
    file.metadata.set(key, {io::ValueType::kUint64, true, numbers});
    Status status = model::present_packed(file);
    if (status) {
      const auto loaded = model::Model::load(std::move(file), kernels::Precision::kFast, pool_);
      if (!loaded) status = loaded.error();
    }
    EXPECT_FALSE(status.ok()) << key << ' ' << value;
  };
  for (const uint64_t value : {uint64_t{0}, uint64_t{8}, uint64_t{1} << 41, ~uint64_t{0}}) {
    change("hearth.packed.rows", 0, value);
    change("hearth.packed.rows", 2, value);
    change("hearth.packed.cols", 1, value);
    change("hearth.packed.types", 1, value + 100);
  }
  auto file = io::read_gguf(path_, model::block_layout).value();
  file.metadata.set("hearth.packed.rows", {io::ValueType::kUint64, true, std::vector<uint64_t>{1}});
  EXPECT_EQ(model::present_packed(file).error().code, ErrorCode::kCorrupt);
}

TEST_F(PackedModels, WhatCannotBeLoadedIsNotWritten) {
  io::TensorFile file = make_test_file(wide("llama", kernels::find_format("F32")));
  auto poisoned = std::make_shared<std::vector<float>>(256 * 512, 0.0F);
  (*poisoned)[300 * 256 + 7] = std::numeric_limits<float>::infinity();
  for (io::Tensor& tensor : file.tensors) {
    if (tensor.name != "blk.1.ffn_up.weight") continue;
    tensor.data = std::as_bytes(std::span(*poisoned));
    tensor.owner = poisoned;
  }
  const Status status = model::write_packed(file, {}, path_, pool_, {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("blk.1.ffn_up.weight: row 300 "));
  file.tensors.pop_back();
  EXPECT_EQ(model::write_packed(file, {}, path_, pool_, {}).error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace hearth::runtime
