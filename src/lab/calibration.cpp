// Chunks are run in pieces, because logits of a whole chunk of a large vocabulary would fill the memory.
#include "lab/calibration.h"

#include <algorithm>

namespace hearth::lab {
namespace {

constexpr size_t kPieceTokens = 128;

}  // namespace

uint64_t hash_ids(std::span<const int32_t> ids, uint64_t hash) {
  for (const int32_t id : ids) hash = (hash ^ static_cast<uint32_t>(id)) * 1099511628211u;
  return hash;
}

Result<CalibrationText> cut_text(const engine::LocalModel& model, std::string_view text, std::string name,
                                 int64_t chunk_tokens, int64_t max_chunks, bool parse_special) {
  const text::Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer == nullptr)
    return fail(ErrorCode::kUnsupported, model.name(), " has no tokenizer, so it cannot read a text");
  HEARTH_ASSIGN(const std::vector<int32_t> ids, model.encode_prompt(std::string(text), parse_special));
  CalibrationText out{std::move(name), chunk_tokens, {}};
  const auto size = static_cast<size_t>(chunk_tokens);
  for (size_t at = 0; at + size <= ids.size(); at += size) {
    if (max_chunks > 0 && static_cast<int64_t>(out.chunks.size()) == max_chunks) break;
    auto& chunk = out.chunks.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(at),
                                          ids.begin() + static_cast<std::ptrdiff_t>(at + size));
    if (tokenizer->adds_bos() && tokenizer->bos()) chunk.front() = *tokenizer->bos();
  }
  if (out.chunks.empty()) {
    return fail(ErrorCode::kUsage, out.name, " has ", ids.size(), " tokens, fewer than one chunk of ",
                chunk_tokens, "; give a longer text or a smaller chunk");
  }
  return out;
}

Status run_chunk(runtime::Runtime& runtime, std::span<const int32_t> tokens,
                 const std::function<void(int64_t, std::span<const float>)>& rows,
                 const std::function<bool()>& go_on) {
  HEARTH_ASSIGN(const runtime::SeqId sequence, runtime.open_sequence());
  Status status;
  for (size_t at = 0; at < tokens.size() && status.ok(); at += kPieceTokens) {
    const auto piece = tokens.subspan(at, std::min(kPieceTokens, tokens.size() - at));
    const runtime::SequenceChunk chunk{sequence, piece, runtime::LogitsWanted::kAll};
    if (go_on && !go_on()) {
      status = fail(ErrorCode::kCancelled, "stopped");
    } else {
      status = runtime.forward({&chunk, 1});
    }
    if (status.ok() && rows) rows(static_cast<int64_t>(at), runtime.logits(0));
  }
  runtime.close_sequence(sequence);
  return status;
}

}  // namespace hearth::lab
