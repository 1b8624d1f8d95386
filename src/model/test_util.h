// Test material: metadata of a small model of any architecture, and float32 tensors for everything its spec
// needs. Not part of the library.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "model/tensors.h"

namespace hearth::model {

inline io::Metadata small_metadata(const std::string& arch) {
  io::Metadata metadata;
  const auto set = [&](const std::string& suffix, io::Value value) {
    metadata.set(arch + suffix, std::move(value));
  };
  metadata.set("general.architecture", io::Value::of(arch));
  set(".block_count", io::Value::of(uint32_t{6}));
  set(".context_length", io::Value::of(uint32_t{128}));
  set(".embedding_length", io::Value::of(uint32_t{24}));
  set(".feed_forward_length", io::Value::of(uint32_t{40}));
  set(".attention.head_count", io::Value::of(uint32_t{4}));
  set(".attention.head_count_kv", io::Value::of(uint32_t{2}));
  set(".attention.key_length", io::Value::of(uint32_t{8}));
  set(".attention.value_length", io::Value::of(uint32_t{8}));
  set(".attention.layer_norm_rms_epsilon", io::Value::of(1e-5F));
  set(".attention.sliding_window", io::Value::of(uint32_t{16}));
  set(".vocab_size", io::Value::of(uint32_t{32}));
  return metadata;
}

inline io::Tensor float_tensor(std::string name, std::vector<int64_t> shape, std::vector<float> values) {
  auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(float));
  std::memcpy(bytes->data(), values.data(), bytes->size());
  io::Tensor tensor{std::move(name), kernels::find_format("f32")->id, std::move(shape), *bytes, nullptr};
  tensor.owner = bytes;
  return tensor;
}

/// Every required tensor, random.
inline io::TensorFile small_file(const io::Metadata& metadata) {
  io::TensorFile file;
  file.metadata = metadata;
  const auto spec = build_spec(metadata, 0, true);
  HEARTH_CHECK(spec.ok());
  Rng rng(5);
  for (const TensorNeed& need : needed_tensors(*spec)) {
    if (need.presence != Presence::kRequired) continue;
    int64_t n = 1;
    for (int64_t side : need.shape) n *= side;
    std::vector<float> values;
    for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(rng.normal()));
    file.tensors.push_back(float_tensor(need.name, need.shape, std::move(values)));
  }
  return file;
}

inline io::Tensor& tensor_named(io::TensorFile& file, std::string_view name) {
  for (io::Tensor& tensor : file.tensors) {
    if (tensor.name == name) return tensor;
  }
  HEARTH_CHECK(false);
}

}  // namespace hearth::model
