// Test material of this module: tiny random models of any registered architecture, made in memory from the
// tensors its spec asks for, and the interpreter of specs in double that they are compared with. Not part of
// the library.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "model/model.h"
#include "model/tensors.h"
#include "runtime/session.h"

namespace hearth::runtime {

struct TestModelOptions {
  std::string arch;
  int64_t window = 0;
  bool tied = true;
  bool biases = false;  // also make the tensors that the architecture has as optional
  float softcap = 0;    // for attention and final logits
  int64_t layers = 6;   // enough for every layer pattern of the registered architectures
  int64_t dim = 32;
  int64_t heads = 6;
  int64_t kv_heads = 2;
  int64_t head_dim = 12;
  int64_t ffn_dim = 40;
  int64_t vocab = 61;
  uint64_t seed = 1;
  const kernels::Format* format = nullptr;  // of the matrices; null: float32
  kernels::Precision precision = kernels::Precision::kReference;
};

/// A model file; the interpreter reads only those of float32.
io::TensorFile make_test_file(const TestModelOptions& options);

struct TestModel {
  io::TensorFile file;  // a copy: loading takes the other
  std::unique_ptr<model::Model> model;
};
TestModel make_test_model(const TestModelOptions& options, ThreadPool& pool);

/// How much the interpreter disturbs itself: relative size of random errors on every intermediate result and
/// on stored keys and values. All zero: plain double.
struct Disturbance {
  double eps = 0;
  double stored_eps = 0;
  uint64_t seed = 0;
};

/// Of every position: logits (tokens x vocab), and the hidden states they are made from (tokens x dim).
struct Reference {
  std::vector<std::vector<double>> logits;
  std::vector<std::vector<double>> hidden;
};
/// The forward pass as model/spec.h words it, contiguous and in double.
Reference reference(const TestModel& model, const std::vector<int32_t>& tokens, int64_t context,
                    const Disturbance& disturbance = {});

/// For each position how far float rounding may move its outputs: 16 times the largest deviation seen in 4
/// runs of the interpreter with every operation disturbed by up to 2^-23 (stored keys and values by
/// `stored_eps`).
struct Tolerance {
  std::vector<double> logits;
  std::vector<double> hidden;
};
Tolerance float_tolerance(const TestModel& model, const std::vector<int32_t>& tokens, int64_t context,
                          double stored_eps, const Reference& exact);

std::vector<int32_t> random_tokens(int64_t n, int64_t vocab, uint64_t seed);

}  // namespace hearth::runtime
