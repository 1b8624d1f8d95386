// What the scheduler knows of one answer or embedding. Only for the scheduler's own files.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/drafter.h"
#include "engine/generation.h"
#include "engine/pooling.h"
#include "engine/scheduler.h"

namespace hearth::engine {

inline constexpr int64_t kPage = 64;  // tokens: what room is given in

struct Scheduler::Answer {
  Answer(Submission asked, std::vector<int32_t> prompt, Generation making)
      : submission(std::move(asked)), ids(std::move(prompt)), generation(std::move(making)) {}

  Submission submission;
  std::vector<int32_t> ids;  // prompt, then the tokens drawn
  Generation generation;
  Drafter drafter;
  std::optional<Pooler> pooler;  // of an embedding: every token is computed for it, and nothing is kept
  int64_t prompt_tokens = 0;
  bool has_sequence = false;
  runtime::SeqId sequence = 0;
  int64_t computed = 0;        // of ids, in the cache
  int64_t snapshot_at = 0;     // tokens after which others are likely to go on otherwise; 0: nowhere
  std::vector<int32_t> chunk;  // of this step: ids from `computed` on, then a proposal
  int64_t proposed = 0;
  size_t told = 0;  // tokens
  double submitted_s = 0, admitted_s = 0, first_s = 0, last_s = 0;
  bool ends_with_context = false;  // max_tokens is what the context has room for
  bool asked_archive = false;
  double archive_busy_s = 0;  // since when it has waited for the archive to be free
  bool over = false;

  bool writing() const { return computed >= prompt_tokens; }
  int64_t left() const { return static_cast<int64_t>(ids.size()) - computed; }
};

}  // namespace hearth::engine
