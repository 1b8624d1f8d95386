// Squares are summed in double, so that a long text loses nothing.
#include "lab/imatrix.h"

#include <algorithm>
#include <string>

#include "io/utf8.h"

namespace hearth::lab {
namespace {

uint64_t hash_chunks(const CalibrationText& text, int64_t chunks) {
  uint64_t hash = hash_ids({});
  for (int64_t i = 0; i < chunks; ++i) hash = hash_ids(text.chunks[static_cast<size_t>(i)], hash);
  return hash;
}

/// What was collected before must be continued with the same text, chunks and model.
Status check_resumable(const io::ImportanceMatrix& matrix, const CalibrationText& text,
                       const model::Model& model) {
  if (matrix.chunks == 0) return {};
  if (matrix.tokens_hash.empty()) {
    return fail(ErrorCode::kUsage,
                "the importance matrix does not say what it was made with, so it cannot be gone on with");
  }
  if (matrix.chunk_tokens != text.chunk_tokens) {
    return fail(ErrorCode::kUsage, "the importance matrix was made with chunks of ", matrix.chunk_tokens,
                " tokens, this run has ", text.chunk_tokens, "; give --chunk ", matrix.chunk_tokens);
  }
  if (std::find(matrix.datasets.begin(), matrix.datasets.end(), text.name) == matrix.datasets.end()) {
    return fail(
        ErrorCode::kUsage, "the importance matrix was made with ",
        matrix.datasets.empty() ? std::string("another text") : io::printable(matrix.datasets.front()),
        ", not with ", io::printable(text.name));
  }
  if (matrix.chunks > static_cast<int64_t>(text.chunks.size())) {
    return fail(ErrorCode::kUsage, "the importance matrix holds ", matrix.chunks,
                " chunks already, this run has only ", text.chunks.size());
  }
  if (matrix.tokens_hash != std::to_string(hash_chunks(text, matrix.chunks))) {
    return fail(ErrorCode::kUsage, "the importance matrix was made with another text of the name ",
                io::printable(text.name), ", or with another model");
  }
  for (const model::NamedMatrix& named : model.matrices()) {
    const auto found = matrix.entries.find(named.tensor);
    if (found != matrix.entries.end() &&
        found->second.sum_squares.size() != static_cast<size_t>(named.matrix->cols())) {
      return fail(ErrorCode::kUsage,
                  "the importance matrix is of another model: ", io::printable(named.tensor),
                  " has other columns there");
    }
  }
  return {};
}

}  // namespace

ImportanceCollector::ImportanceCollector(const model::Model& model, bool with_output) {
  std::string previous;
  for (const model::NamedMatrix& named : model.matrices()) {
    const bool global = named.matrix == &model.output() || named.matrix == &model.embedding();
    const bool wanted = global ? with_output && named.matrix == &model.output() : named.tensor != previous;
    previous = named.tensor;
    if (!wanted) continue;
    sums_[named.matrix] = {named.tensor, std::vector<double>(static_cast<size_t>(named.matrix->cols())), 0};
  }
}

void ImportanceCollector::product(const kernels::Matrix& weights, const float* x, int64_t n) {
  const auto found = sums_.find(&weights);
  if (found == sums_.end()) return;
  const auto columns = static_cast<size_t>(weights.cols());
  double* squares = found->second.squares.data();
  for (int64_t row = 0; row < n; ++row, x += columns) {
    for (size_t c = 0; c < columns; ++c) {
      const auto value = static_cast<double>(x[c]);
      squares[c] += value * value;
    }
  }
  found->second.count += static_cast<double>(n);
}

void ImportanceCollector::move_into(io::ImportanceMatrix& matrix) {
  for (auto& [weights, sums] : sums_) {
    io::ImportanceEntry& entry = matrix.entries[sums.tensor];
    if (entry.counts.empty()) entry = {std::vector<double>(sums.squares.size()), {0}};
    for (size_t c = 0; c < sums.squares.size(); ++c) entry.sum_squares[c] += sums.squares[c];
    entry.counts[0] += sums.count;
    std::fill(sums.squares.begin(), sums.squares.end(), 0.0);
    sums.count = 0;
  }
}

Status collect_importance(engine::LocalModel& model, const CalibrationText& text, bool with_output,
                          io::ImportanceMatrix& matrix, const std::function<bool(int64_t, int64_t)>& progress,
                          const std::function<Status()>& after_chunk) {
  HEARTH_RETURN_IF_ERROR(check_resumable(matrix, text, model.model()));
  if (matrix.chunks == 0) matrix.datasets = {text.name};
  matrix.chunk_tokens = text.chunk_tokens;
  const auto total = static_cast<int64_t>(text.chunks.size());
  ImportanceCollector collector(model.model(), with_output);
  model.runtime().observe(&collector);
  uint64_t hash = hash_chunks(text, matrix.chunks);
  Status status;
  while (matrix.chunks < total && status.ok()) {
    const auto go_on = [&] { return !progress || progress(matrix.chunks, total); };
    status = run_chunk(model.runtime(), text.chunks[static_cast<size_t>(matrix.chunks)], nullptr, go_on);
    if (!status) break;
    hash = hash_ids(text.chunks[static_cast<size_t>(matrix.chunks)], hash);
    collector.move_into(matrix);
    ++matrix.chunks;
    matrix.tokens_hash = std::to_string(hash);
    if (after_chunk) status = after_chunk();
  }
  model.runtime().observe(nullptr);
  return status;
}

}  // namespace hearth::lab
