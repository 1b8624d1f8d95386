// Makes random models and interprets specs in double. Slow and plain on purpose: it must be obviously what
// spec.h says.
#include "runtime/test_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

namespace hearth::runtime {
namespace {

constexpr uint32_t kFloat32Type = 0;  // GGUF tensor type of plain floats

using Row = std::vector<double>;

/// One tensor's values and where its rows begin, by (layer, kind, slot).
struct Slab {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 1;
};

class Interpreter {
 public:
  Interpreter(const TestModel& model, int64_t context, const Disturbance& disturbance)
      : spec_(model.model->spec()), disturbance_(disturbance), rng_(disturbance.seed + 77) {
    for (size_t i = 0; i < spec_.ropes.size(); ++i) {
      ropes_.push_back(model.model->rope_table(static_cast<int>(i), context));
    }
    for (const model::TensorNeed& need : model::needed_tensors(spec_)) {
      for (const io::Tensor& tensor : model.file.tensors) {
        if (tensor.name != need.name) continue;
        const int64_t cols = need.shape.size() > 1 ? need.shape[1] : 1;
        for (const model::Part& part : need.parts) {
          slabs_[{need.layer, static_cast<int>(part.kind), part.slot}] = {
              reinterpret_cast<const float*>(tensor.data.data()) + part.row * cols, part.rows, cols};
        }
      }
    }
  }

  Reference run(const std::vector<int32_t>& tokens) {
    const Slab embedding = global(model::Global::kEmbedding);
    std::vector<Row> x;
    for (const int32_t token : tokens) {
      Row row(static_cast<size_t>(embedding.cols));
      for (size_t d = 0; d < row.size(); ++d) {
        row[d] = round(value(embedding, token * embedding.cols + static_cast<int64_t>(d)) *
                       static_cast<double>(spec_.embedding_scale));
      }
      x.push_back(row);
    }
    for (size_t i = 0; i < spec_.layers.size(); ++i) layer(static_cast<int64_t>(i), x);
    Slab output = global(model::Global::kOutput);
    if (!output.data) output = embedding;
    Reference out;
    for (const Row& row : x) {
      out.hidden.push_back(norm(row, global(model::Global::kOutputNorm)));
      Row y = multiply(output, out.hidden.back());
      if (spec_.final_softcap > 0) {
        for (double& v : y) v = cap(v, spec_.final_softcap);
      }
      out.logits.push_back(y);
    }
    return out;
  }

 private:
  double round(double v) { return disturb(v, disturbance_.eps); }
  double disturb(double v, double eps) { return eps > 0 ? v * (1 + eps * (2 * rng_.uniform() - 1)) : v; }
  double cap(double v, float limit) {
    return round(static_cast<double>(limit) * std::tanh(round(v / static_cast<double>(limit))));
  }
  static double value(const Slab& slab, int64_t i) { return static_cast<double>(slab.data[i]); }

  Slab find(int64_t layer, model::Part::Kind kind, int slot) const {
    const auto it = slabs_.find({layer, static_cast<int>(kind), slot});
    return it == slabs_.end() ? Slab{} : it->second;
  }
  Slab global(model::Global g) const { return find(-1, model::Part::Kind::kGlobal, static_cast<int>(g)); }
  Slab vector(int64_t layer, model::Vector v) const {
    return find(layer, model::Part::Kind::kVector, static_cast<int>(v));
  }
  Slab matrix(int64_t layer, model::Weight w) const {
    return find(layer, model::Part::Kind::kMatrix, static_cast<int>(w));
  }

  Row multiply(const Slab& w, const Row& x) {
    Row y(static_cast<size_t>(w.rows));
    for (int64_t r = 0; r < w.rows; ++r) {
      double sum = 0;
      for (size_t c = 0; c < x.size(); ++c)
        sum = round(sum + value(w, r * w.cols + static_cast<int64_t>(c)) * x[c]);
      y[static_cast<size_t>(r)] = sum;
    }
    return y;
  }

  void add_bias(Row& y, const Slab& bias) {
    if (!bias.data) return;
    for (size_t i = 0; i < y.size(); ++i) y[i] = round(y[i] + value(bias, static_cast<int64_t>(i)));
  }

  Row project(int64_t layer, model::Weight w, model::Vector bias, const Row& x) {
    Row y = multiply(matrix(layer, w), x);
    add_bias(y, vector(layer, bias));
    return y;
  }

  /// RMSNorm; without weights the row passes unchanged.
  Row norm(const Row& x, const Slab& weight) {
    if (!weight.data) return x;
    double sum = 0;
    for (const double v : x) sum = round(sum + v * v);
    const double scale =
        round(1 / std::sqrt(sum / static_cast<double>(x.size()) + static_cast<double>(spec_.hp.norm_eps)));
    Row y(x.size());
    for (size_t i = 0; i < x.size(); ++i) y[i] = round(x[i] * scale * value(weight, static_cast<int64_t>(i)));
    return y;
  }

  void rotate(double* head, const model::LayerSpec& spec, int64_t position) {
    if (spec.rope_index < 0) return;
    const model::RopeTable& table = ropes_[static_cast<size_t>(spec.rope_index)];
    if (table.kind == model::RopeKind::kNone) return;
    const int64_t pairs = table.dims / 2;
    for (int64_t j = 0; j < pairs; ++j) {
      const bool interleaved = table.kind == model::RopeKind::kNorm;
      double& a = head[interleaved ? 2 * j : j];
      double& b = head[interleaved ? 2 * j + 1 : j + pairs];
      const double angle = static_cast<double>(position) * table.frequency[static_cast<size_t>(j)];
      const double c = round(std::cos(angle) * static_cast<double>(table.magnitude));
      const double s = round(std::sin(angle) * static_cast<double>(table.magnitude));
      const double rotated = round(a * c - b * s);
      b = round(a * s + b * c);
      a = rotated;
    }
  }

  /// Norm and rotation of every head of a row.
  void turn_heads(Row& row, int64_t heads, const model::LayerSpec& spec, const Slab& weight,
                  int64_t position) {
    const auto dim = static_cast<size_t>(spec.head_dim_k);
    for (size_t h = 0; h < static_cast<size_t>(heads); ++h) {
      Row head(row.begin() + static_cast<int64_t>(h * dim),
               row.begin() + static_cast<int64_t>((h + 1) * dim));
      head = norm(head, weight);
      rotate(head.data(), spec, position);
      std::copy(head.begin(), head.end(), row.begin() + static_cast<int64_t>(h * dim));
    }
  }

  Row attend(const model::LayerSpec& spec, const Row& q, const std::vector<Row>& k, const std::vector<Row>& v,
             int64_t position) {
    Row out(static_cast<size_t>(spec.n_heads * spec.head_dim_v));
    const int64_t first = spec.window > 0 ? std::max<int64_t>(0, position - spec.window + 1) : 0;
    for (int64_t h = 0; h < spec.n_heads; ++h) {
      const int64_t kv = h / (spec.n_heads / spec.n_kv_heads);
      Row scores;
      for (int64_t j = first; j <= position; ++j) {
        double sum = 0;
        for (int64_t d = 0; d < spec.head_dim_k; ++d) {
          sum = round(sum + q[static_cast<size_t>(h * spec.head_dim_k + d)] *
                                k[static_cast<size_t>(j)][static_cast<size_t>(kv * spec.head_dim_k + d)]);
        }
        sum = round(sum * static_cast<double>(spec.attention_scale));
        scores.push_back(spec.attention_softcap > 0 ? cap(sum, spec.attention_softcap) : sum);
      }
      const double top = *std::max_element(scores.begin(), scores.end());
      double total = 0;
      for (double& s : scores) total = round(total + (s = round(std::exp(round(s - top)))));
      for (int64_t d = 0; d < spec.head_dim_v; ++d) {
        double sum = 0;
        for (size_t j = 0; j < scores.size(); ++j) {
          sum = round(sum +
                      scores[j] *
                          v[static_cast<size_t>(first) + j][static_cast<size_t>(kv * spec.head_dim_v + d)]);
        }
        out[static_cast<size_t>(h * spec.head_dim_v + d)] = round(sum / total);
      }
    }
    return out;
  }

  Row feed_forward(int64_t i, const model::LayerSpec& spec, const Row& x) {
    auto act = [&](double g) {
      if (spec.activation == model::Activation::kSilu) return round(g / round(1 + std::exp(-g)));
      const double u = std::sqrt(2 / std::acos(-1.0)) * round(g + 0.044715 * g * g * g);
      return round(0.5 * g * (1 + std::tanh(round(u))));
    };
    const Row up = project(i, model::Weight::kUp, model::Vector::kUpBias, x);
    Row y = spec.gated ? project(i, model::Weight::kGate, model::Vector::kGateBias, x) : up;
    for (size_t d = 0; d < y.size(); ++d) y[d] = round(act(y[d]) * (spec.gated ? up[d] : 1.0));
    return project(i, model::Weight::kDown, model::Vector::kDownBias, y);
  }

  void join(Row& x, const Row& branch) {
    for (size_t d = 0; d < x.size(); ++d) x[d] = round(x[d] + branch[d]);
  }

  void layer(int64_t i, std::vector<Row>& x) {
    using model::Vector;
    using model::Weight;
    const model::LayerSpec& spec = spec_.layers[static_cast<size_t>(i)];
    std::vector<Row> q;
    std::vector<Row> k;
    std::vector<Row> v;
    for (size_t t = 0; t < x.size(); ++t) {
      const Row h = norm(x[t], vector(i, Vector::kPreAttentionNorm));
      q.push_back(project(i, Weight::kQ, Vector::kQBias, h));
      k.push_back(project(i, Weight::kK, Vector::kKBias, h));
      v.push_back(project(i, Weight::kV, Vector::kVBias, h));
      turn_heads(q.back(), spec.n_heads, spec, vector(i, Vector::kQNorm), static_cast<int64_t>(t));
      turn_heads(k.back(), spec.n_kv_heads, spec, vector(i, Vector::kKNorm), static_cast<int64_t>(t));
      for (double& e : k.back()) e = disturb(e, disturbance_.stored_eps);
      for (double& e : v.back()) e = disturb(e, disturbance_.stored_eps);
    }
    for (size_t t = 0; t < x.size(); ++t) {
      const Row mixed = attend(spec, q[t], k, v, static_cast<int64_t>(t));
      join(x[t], norm(project(i, Weight::kO, Vector::kOBias, mixed), vector(i, Vector::kPostAttentionNorm)));
      const Row h = norm(x[t], vector(i, Vector::kPreFfnNorm));
      join(x[t], norm(feed_forward(i, spec, h), vector(i, Vector::kPostFfnNorm)));
    }
  }

  const model::ModelSpec& spec_;
  Disturbance disturbance_;
  Rng rng_;
  std::vector<model::RopeTable> ropes_;
  std::map<std::tuple<int64_t, int, int>, Slab> slabs_;
};

io::Metadata test_metadata(const TestModelOptions& o) {
  io::Metadata m;
  m.set("general.architecture", io::Value::of(o.arch));
  auto set_int = [&](std::string_view key, int64_t value) {
    m.set(concat(o.arch, ".", key), io::Value::of(static_cast<uint32_t>(value)));
  };
  auto set_float = [&](std::string_view key, float value) {
    m.set(concat(o.arch, ".", key), io::Value::of(value));
  };
  set_int("block_count", o.layers);
  set_int("embedding_length", o.dim);
  set_int("context_length", 512);
  set_int("feed_forward_length", o.ffn_dim);
  set_int("attention.head_count", o.heads);
  set_int("attention.head_count_kv", o.kv_heads);
  set_int("attention.key_length", o.head_dim);
  set_int("attention.value_length", o.head_dim);
  set_int("rope.dimension_count", o.head_dim - (o.head_dim > 8 ? 4 : 0));
  set_float("attention.layer_norm_rms_epsilon", 1e-5f);
  if (o.window > 0) set_int("attention.sliding_window", o.window);
  if (o.softcap > 0) {
    set_float("attn_logit_softcapping", o.softcap);
    set_float("final_logit_softcapping", o.softcap);
  }
  return m;
}

/// Values that keep activations near 1: norms around 1, frequency factors of at least 1, matrices scaled by
/// their width.
void fill_random(const model::TensorNeed& need, Rng& rng, std::vector<float>& values) {
  const bool is_norm = need.name.find("norm") != std::string::npos;
  const bool is_factor = need.name.rfind("rope_", 0) == 0;
  const double scale = need.shape.size() > 1 ? 1 / std::sqrt(static_cast<double>(need.shape[1])) : 0.2;
  for (float& v : values) {
    double x = rng.normal() * scale;
    if (is_norm) x = 1 + x;
    if (is_factor) x = 1 + rng.uniform();
    v = static_cast<float>(need.name == "token_embd.weight" ? rng.normal() : x);
  }
}

}  // namespace

io::TensorFile make_test_file(const TestModelOptions& options) {
  io::TensorFile file;
  file.metadata = test_metadata(options);
  const model::ModelSpec spec = model::build_spec(file.metadata, options.vocab, options.tied).value();
  Rng rng(options.seed);
  for (const model::TensorNeed& need : model::needed_tensors(spec)) {
    const bool is_output = need.name == "output.weight";
    const bool is_rope = need.name.rfind("rope_", 0) == 0;
    if (need.presence == model::Presence::kOptional && !is_rope && !options.biases) continue;
    if (is_output && options.tied) continue;
    int64_t count = 1;
    for (const int64_t n : need.shape) count *= n;
    auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(count));
    fill_random(need, rng, *values);
    if (options.format && need.shape.size() == 2) {
      const kernels::Format& format = *options.format;
      auto bytes = std::make_shared<std::vector<std::byte>>(
          static_cast<size_t>(count / format.block_elems * format.block_bytes));
      format.encode(values->data(), bytes->data(), count, nullptr);
      file.tensors.push_back({need.name, format.id, need.shape, std::span(*bytes), bytes});
    } else {
      file.tensors.push_back(
          {need.name, kFloat32Type, need.shape, std::as_bytes(std::span(*values)), values});
    }
  }
  return file;
}

TestModel make_test_model(const TestModelOptions& options, ThreadPool& pool) {
  TestModel made;
  made.file = make_test_file(options);
  made.model = model::Model::load(made.file, options.precision, pool).value();
  return made;
}

Reference reference(const TestModel& model, const std::vector<int32_t>& tokens, int64_t context,
                    const Disturbance& disturbance) {
  return Interpreter(model, context, disturbance).run(tokens);
}

Tolerance float_tolerance(const TestModel& model, const std::vector<int32_t>& tokens, int64_t context,
                          double stored_eps, const Reference& exact) {
  Tolerance tolerance{std::vector<double>(tokens.size()), std::vector<double>(tokens.size())};
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Reference moved = reference(model, tokens, context, {0x1p-23, stored_eps, seed});
    for (size_t t = 0; t < tokens.size(); ++t) {
      auto widen = [](double& bound, const Row& a, const Row& b) {
        for (size_t i = 0; i < a.size(); ++i) bound = std::max(bound, 16 * std::abs(a[i] - b[i]));
      };
      widen(tolerance.logits[t], moved.logits[t], exact.logits[t]);
      widen(tolerance.hidden[t], moved.hidden[t], exact.hidden[t]);
    }
  }
  return tolerance;
}

std::vector<int32_t> random_tokens(int64_t n, int64_t vocab, uint64_t seed) {
  Rng rng(seed);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < n; ++i)
    tokens.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab))));
  return tokens;
}

}  // namespace hearth::runtime
