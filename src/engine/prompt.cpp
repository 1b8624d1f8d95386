// Render, tokenize, and compare with the context.
#include "engine/prompt.h"

namespace hearth::engine {
namespace {

Result<std::vector<int32_t>> encode(const LocalModel& model, const CompletionRequest& request) {
  if (!request.prompt_ids.empty()) {
    for (const int32_t id : request.prompt_ids) {
      if (id < 0 || id >= model.model().spec().hp.vocab)
        return fail(ErrorCode::kUsage, "the prompt has the token id ", id, " but the model knows ",
                    model.model().spec().hp.vocab);
    }
    return request.prompt_ids;
  }
  if (request.chat_json.empty()) return model.encode_prompt(request.prompt, request.parse_special);
  HEARTH_ASSIGN(const std::string prompt, model.render_chat(request.chat_json));
  return model.encode_prompt(prompt, true);
}

}  // namespace

Result<std::vector<int32_t>> prompt_ids(const LocalModel& model, const CompletionRequest& request) {
  HEARTH_ASSIGN(std::vector<int32_t> ids, encode(model, request));
  if (ids.empty()) return fail(ErrorCode::kUsage, "the prompt is empty; give some text");
  const auto count = static_cast<int64_t>(ids.size());
  if (count > model.context_tokens()) {
    return fail(ErrorCode::kTooLarge, "the prompt has ", count, " tokens but the context holds ",
                model.context_tokens(), "; shorten it or raise --ctx");
  }
  return ids;
}

}  // namespace hearth::engine
