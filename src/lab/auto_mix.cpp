// Each group is quantised alone and its divergence measured; a tensor's share is in proportion to its own
// error, weighed by importance. For small errors divergence is quadratic in them, so shares add up; what does
// not is caught by measuring the choice itself and correcting the scale.
#include "lab/auto_mix.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <queue>

#include "io/file.h"
#include "lab/divergence.h"
#include "lab/reencode.h"

namespace hearth::lab {
namespace {

using kernels::Format;

constexpr int64_t kSampledRows = 256;  // of a tensor, to estimate its error in a type
constexpr int kCorrections = 8;        // rounds of measuring the choice and correcting the prediction

/// Mean KL divergence from the base model's output, position by position.
class BaseLogits {
 public:
  explicit BaseLogits(const CalibrationText& text) : text_(text) {}

  Status measure_base(engine::LocalModel& base, const std::function<bool()>& go_on) {
    return run(base, go_on, [&](size_t, std::span<const float> logits) {
      base_.insert(base_.end(), logits.begin(), logits.end());
    });
  }

  Result<double> of(engine::LocalModel& model, const std::function<bool()>& go_on) const {
    const auto vocab = static_cast<size_t>(model.runtime().vocabulary());
    double sum = 0;
    size_t positions = 0;
    HEARTH_RETURN_IF_ERROR(run(model, go_on, [&](size_t offset, std::span<const float> logits) {
      for (size_t at = 0; at < logits.size(); at += vocab, ++positions)
        sum += position(std::span(base_).subspan(offset + at, vocab), logits.subspan(at, vocab));
    }));
    return sum / static_cast<double>(positions);
  }

 private:
  template <typename Rows>
  Status run(engine::LocalModel& model, const std::function<bool()>& go_on, Rows&& rows) const {
    size_t offset = 0;
    for (const std::vector<int32_t>& chunk : text_.chunks) {
      const auto take = [&](int64_t, std::span<const float> logits) {
        rows(offset, logits);
        offset += logits.size();
      };
      HEARTH_RETURN_IF_ERROR(run_chunk(model.runtime(), chunk, take, go_on));
    }
    return {};
  }

  static double position(std::span<const float> base, std::span<const float> other) {
    return kl_divergence(base, log_softmax(base), other, log_softmax(other));
  }

  const CalibrationText& text_;
  std::vector<float> base_;  // (positions, vocab)
};

/// Squared error of a sample of rows in `to` over their squared size, both weighed by importance.
double relative_error(const io::Tensor& tensor, const Format& from, const Format& to,
                      std::span<const float> importance, ThreadPool& pool) {
  const int64_t columns = columns_of(tensor);
  const int64_t rows = rows_of(tensor);
  const int64_t sampled = std::min(rows, kSampledRows);
  std::vector<double> errors(static_cast<size_t>(sampled));
  std::vector<double> sizes(static_cast<size_t>(sampled));
  const float* weights = importance.size() == static_cast<size_t>(columns) ? importance.data() : nullptr;
  pool.parallel_for(
      sampled,
      [&](int64_t i) {
        std::vector<float> values(static_cast<size_t>(columns));
        std::vector<float> back(static_cast<size_t>(columns));
        std::vector<std::byte> bytes(row_bytes(to, columns));
        const auto row = static_cast<uint64_t>(i * rows / sampled);
        from.decode(tensor.data.data() + row * row_bytes(from, columns), values.data(), columns);
        to.encode(values.data(), bytes.data(), columns, weights);
        to.decode(bytes.data(), back.data(), columns);
        for (size_t c = 0; c < values.size(); ++c) {
          const double weight = weights != nullptr ? static_cast<double>(weights[c]) : 1.0;
          const double error = static_cast<double>(back[c]) - static_cast<double>(values[c]);
          errors[static_cast<size_t>(i)] += weight * error * error;
          sizes[static_cast<size_t>(i)] +=
              weight * static_cast<double>(values[c]) * static_cast<double>(values[c]);
        }
      },
      Priority::kBackground);
  double error = 0;
  double size = 0;
  for (size_t i = 0; i < errors.size(); ++i) error += errors[i], size += sizes[i];
  return size > 0 ? error / size : 0;
}

/// The work of choose_auto_mix, step by step.
class Chooser {
 public:
  Chooser(const engine::OpenedModel& source, engine::LocalModel& base, const CalibrationText& text,
          const io::ImportanceMatrix& importance,
          const std::function<bool(double, const std::string&)>& progress)
      : source_(source), base_(base), progress_(progress), divergence_(text), importance_(importance) {}

  Result<AutoMix> choose(const AutoBudget& budget) {
    out_.choices = survey(source_.file);
    HEARTH_RETURN_IF_ERROR(make_ladders());
    HEARTH_RETURN_IF_ERROR(divergence_.measure_base(base_, [&] { return go_on(0, "the model itself"); }));
    HEARTH_RETURN_IF_ERROR(measure_groups());
    return settle(budget);
  }

 private:
  bool go_on(double fraction, const std::string& what) const {
    return !progress_ || progress_(fraction, what);
  }

  std::vector<float> importance_of(const io::Tensor& tensor) const {
    const auto found = importance_.entries.find(tensor.name);
    return found == importance_.entries.end() ? std::vector<float>() : found->second.mean_squares();
  }

  static std::pair<Role, int> group_of(const TensorChoice& choice) {
    return {choice.role, static_cast<int>(3 * choice.index / std::max<int64_t>(1, choice.count))};
  }

  /// The types each tensor could have, with their errors as costs; the last is the one it has.
  Status make_ladders() {
    ladders_.resize(source_.file.tensors.size());
    for (size_t i = 0; i < ladders_.size(); ++i) {
      const io::Tensor& tensor = source_.file.tensors[i];
      const Format* from = kernels::find_format(tensor.type);
      if (out_.choices[i].role == Role::kKept || tensor.shape.size() != 2 || from == nullptr) continue;
      if (!go_on(0, concat("errors of ", tensor.name))) return fail(ErrorCode::kCancelled, "stopped");
      const std::vector<float> importance = importance_of(tensor);
      std::vector<std::string_view> names(auto_types().begin(), auto_types().end());
      names.push_back("F16");
      for (const std::string_view name : names) {
        HEARTH_ASSIGN(const Format* format, fitting_format(name, tensor));
        const uint64_t bytes = tensor_bytes(*format, tensor);
        if (bytes >= tensor.data.size() || (!ladders_[i].empty() && bytes <= ladders_[i].back().bytes))
          continue;
        const double error = relative_error(tensor, *from, *format, importance, base_.pool());
        if (std::isfinite(error))
          ladders_[i].push_back({format, bytes, error});  // else its range is too small
      }
      if (!ladders_[i].empty()) ladders_[i].push_back({from, tensor.data.size(), 0});
      io::MappedFile::release_pages(tensor.data);
    }
    return {};
  }

  /// KL divergence with the given rung of each tensor; SIZE_MAX: as in the source.
  Result<double> measure(const std::vector<size_t>& rungs, double fraction, const std::string& what) const {
    engine::OpenedModel copy{source_.file, source_.name};
    for (size_t i = 0; i < rungs.size(); ++i) {
      if (rungs[i] == SIZE_MAX) continue;
      io::Tensor& tensor = copy.file.tensors[i];
      const io::Tensor& original = source_.file.tensors[i];
      const Format* to = ladders_[i][rungs[i]].format;
      const auto bytes = std::make_shared<std::vector<std::byte>>(tensor_bytes(*to, original));
      const std::vector<float> importance = importance_of(original);
      HEARTH_RETURN_IF_ERROR(reencode_into({&original, kernels::find_format(original.type), to, importance},
                                           base_.pool(), *bytes));
      tensor.type = to->id;
      tensor.data = *bytes;
      tensor.owner = bytes;
    }
    engine::LoadOptions options;
    options.threads = base_.pool().threads();
    options.context_tokens = base_.context_tokens();
    HEARTH_ASSIGN(const auto model, engine::LocalModel::load(std::move(copy), options));
    return divergence_.of(*model, [&] { return go_on(fraction, what); });
  }

  /// Quantises the tensors of each group alone to the probe type and turns the errors of all their types into
  /// shares of the divergence.
  Status measure_groups() {
    std::map<std::pair<Role, int>, std::vector<size_t>> members;
    for (size_t i = 0; i < ladders_.size(); ++i) {
      if (!ladders_[i].empty()) members[group_of(out_.choices[i])].push_back(i);
    }
    for (const auto& [group, tensors] : members) {
      std::vector<size_t> rungs(ladders_.size(), SIZE_MAX);
      GroupSensitivity measured{group.first, group.second, 0, 0};
      for (const size_t i : tensors) {
        rungs[i] =
            std::min<size_t>(1, ladders_[i].size() - 2);  // the second smallest: errors are still small
        measured.error += ladders_[i][rungs[i]].cost;
      }
      const double fraction =
          static_cast<double>(out_.groups.size()) / static_cast<double>(members.size() + kCorrections);
      HEARTH_ASSIGN(measured.kld, measure(rungs, fraction, source_.file.tensors[tensors.front()].name));
      const double scale = measured.error > 0 ? std::max(0.0, measured.kld) / measured.error : 0;
      for (const size_t i : tensors) {
        for (Rung& rung : ladders_[i]) rung.cost *= scale;
      }
      out_.groups.push_back(measured);
    }
    return {};
  }

  /// Climbs, measures, and where a divergence is asked for corrects the prediction until it holds.
  Result<AutoMix> settle(const AutoBudget& budget) {
    uint64_t fixed = 0;
    uint64_t least = 0;
    for (size_t i = 0; i < ladders_.size(); ++i) {
      (ladders_[i].empty() ? fixed : least) +=
          ladders_[i].empty() ? source_.file.tensors[i].data.size() : ladders_[i].front().bytes;
    }
    if (budget.kld == 0 && budget.bytes < fixed + least) {
      return fail(ErrorCode::kUsage, "the smallest types of this model take ", io::human_bytes(fixed + least),
                  ", more than the ", io::human_bytes(budget.bytes), " asked for");
    }
    AutoBudget aim{budget.bytes - std::min(budget.bytes, fixed), budget.kld};
    for (int round = 0; round < kCorrections; ++round) {
      const std::vector<size_t> rungs = climb(ladders_, aim);
      const double fraction = static_cast<double>(out_.groups.size() + static_cast<size_t>(round)) /
                              static_cast<double>(out_.groups.size() + kCorrections);
      HEARTH_ASSIGN(out_.measured_kld, measure(chosen(rungs), fraction, "the choice"));
      take(rungs, fixed);
      if (budget.kld == 0 || out_.measured_kld <= budget.kld) return std::move(out_);
      // In the end by more: a step of the ladders may be larger than what is missing.
      const double more = round + 3 < kCorrections ? 0.97 : 0.2;
      aim.kld = std::max(aim.kld * more * budget.kld / out_.measured_kld,
                         std::numeric_limits<double>::denorm_min());
    }
    char figures[96];
    std::snprintf(figures, sizeof(figures), "%.3g, more than the %.3g", out_.measured_kld, budget.kld);
    return fail(ErrorCode::kUsage, "the closest choice found has a KL divergence of ", figures, " asked for");
  }

  std::vector<size_t> chosen(std::vector<size_t> rungs) const {
    for (size_t i = 0; i < rungs.size(); ++i) {
      if (ladders_[i].empty() || rungs[i] == ladders_[i].size() - 1) rungs[i] = SIZE_MAX;
    }
    return rungs;
  }

  void take(const std::vector<size_t>& rungs, uint64_t fixed) {
    out_.bytes = fixed;
    out_.predicted_kld = 0;
    for (size_t i = 0; i < ladders_.size(); ++i) {
      if (ladders_[i].empty()) continue;
      const Rung& rung = ladders_[i][rungs[i]];
      out_.choices[i].format = rung.format;
      out_.bytes += rung.bytes;
      out_.predicted_kld += rung.cost;
    }
  }

  const engine::OpenedModel& source_;
  engine::LocalModel& base_;
  const std::function<bool(double, const std::string&)>& progress_;
  BaseLogits divergence_;
  const io::ImportanceMatrix& importance_;
  std::vector<std::vector<Rung>> ladders_;  // by tensor; empty: stays
  AutoMix out_;
};

/// The best step up from `at`: the rung that saves most cost for each byte it adds; ladder.size(): none saves
/// any.
size_t best_step(const std::vector<Rung>& ladder, size_t at, double* saving) {
  size_t best = ladder.size();
  *saving = 0;
  for (size_t next = at + 1; next < ladder.size(); ++next) {
    const double gain =
        (ladder[at].cost - ladder[next].cost) / static_cast<double>(ladder[next].bytes - ladder[at].bytes);
    if (gain > *saving) {
      *saving = gain;
      best = next;
    }
  }
  return best;
}

}  // namespace

std::vector<size_t> climb(const std::vector<std::vector<Rung>>& ladders, const AutoBudget& budget) {
  std::vector<size_t> rungs(ladders.size());
  std::priority_queue<std::pair<double, size_t>> steps;
  uint64_t bytes = 0;
  double cost = 0;
  auto offer = [&](size_t i) {
    double saving = 0;
    if (best_step(ladders[i], rungs[i], &saving) < ladders[i].size()) steps.emplace(saving, i);
  };
  for (size_t i = 0; i < ladders.size(); ++i) {
    if (ladders[i].empty()) continue;
    bytes += ladders[i].front().bytes;
    cost += ladders[i].front().cost;
    offer(i);
  }
  while (!steps.empty() && (budget.kld == 0 || cost > budget.kld)) {
    const size_t i = steps.top().second;
    steps.pop();
    double saving = 0;
    const size_t next = best_step(ladders[i], rungs[i], &saving);
    const uint64_t more = ladders[i][next].bytes - ladders[i][rungs[i]].bytes;
    if (budget.kld == 0 && bytes + more > budget.bytes) continue;  // a smaller tensor may still fit
    bytes += more;
    cost -= ladders[i][rungs[i]].cost - ladders[i][next].cost;
    rungs[i] = next;
    offer(i);
  }
  return rungs;
}

Result<AutoMix> choose_auto_mix(const engine::OpenedModel& source, engine::LocalModel& base,
                                const CalibrationText& text, const io::ImportanceMatrix& importance,
                                const AutoBudget& budget,
                                const std::function<bool(double, const std::string&)>& progress) {
  return Chooser(source, base, text, importance, progress).choose(budget);
}

void describe_auto(QuantizePlan& plan, const AutoMix& mix) {
  std::map<uint32_t, uint64_t> bytes_by_type;
  for (const TensorPlan& row : plan.tensors) {
    if (row.to != nullptr) bytes_by_type[row.to->id] += row.bytes();
  }
  const auto most = std::max_element(bytes_by_type.begin(), bytes_by_type.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  plan.metadata.erase("general.file_type");
  if (most != bytes_by_type.end()) {
    if (const auto file_type = file_type_of(most->first))
      plan.metadata.set("general.file_type", io::Value::of(*file_type));
  }
  plan.metadata.set("hearth.quantize.auto_kld", io::Value::of(static_cast<float>(mix.measured_kld)));
  std::vector<std::string> groups;
  for (const GroupSensitivity& group : mix.groups) {
    groups.push_back(concat(to_string(group.role), ' ', group.third + 1, "/3 ", group.kld));
  }
  plan.metadata.set("hearth.quantize.auto_sensitivity", io::Value::of(std::move(groups)));
}

}  // namespace hearth::lab
