// The per-token file of hearth perplexity: JSON lines, the first of them what was measured, then one array a
// token. It is also what an interrupted run goes on from. Must not know models.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/result.h"
#include "io/json.h"
#include "lab/perplexity.h"

namespace hearth::lab {

/// Replaces `path`, atomically: {"hearth":"perplexity", ...run, "columns":[...]}, then
/// [index, id, log_prob] or [index, id, log_prob, base_log_prob, kld, same_top1] a line.
Status write_scores(const std::filesystem::path& path, const io::Json& run, bool with_base,
                    std::span<const TokenScore> scores);

/// The scores of an earlier run of the same kind over the same `ids`, from `first` on without a gap. Errors:
/// kUsage (another `run`), kCorrupt, kNotFound.
Result<std::vector<TokenScore>> read_scores(const std::filesystem::path& path, const io::Json& run,
                                            bool with_base, std::span<const int32_t> ids, int64_t first);

}  // namespace hearth::lab
