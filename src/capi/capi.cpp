// The C API over the engine: handles in, statuses out, exceptions stopped here.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "capi/heed_verdict.h"
#include "capi/request_options.h"
#include "engine/local_completer.h"
#include "engine/local_model.h"
#include "hearth/hearth.h"
#include "io/json.h"

using hearth::Error;
using hearth::ErrorCode;
using hearth::fail;
using hearth::Result;
using hearth::Status;

struct hearth_options {
  hearth::capi::KeyValues entries;
};

struct hearth_model {
  std::unique_ptr<hearth::engine::LocalModel> local;
};

struct hearth_session {
  hearth_model* model = nullptr;
  hearth::engine::CompletionRequest defaults;
  std::unique_ptr<hearth::engine::LocalCompleter> completer;
  std::optional<hearth::runtime::SamplerChain> chain;  // of the step level, made on first use
};

namespace {

thread_local std::string last_error;

hearth_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return HEARTH_USAGE;
    case ErrorCode::kNotFound:
      return HEARTH_NOT_FOUND;
    case ErrorCode::kCorrupt:
      return HEARTH_CORRUPT;
    case ErrorCode::kUnsupported:
      return HEARTH_UNSUPPORTED;
    case ErrorCode::kTooLarge:
    case ErrorCode::kNoMemory:
      return HEARTH_TOO_LARGE;
    case ErrorCode::kIo:
      return HEARTH_IO;
    case ErrorCode::kNetwork:
      return HEARTH_NETWORK;
    case ErrorCode::kCancelled:
      return HEARTH_CANCELLED;
    case ErrorCode::kBusy:
    case ErrorCode::kUnavailable:
      return HEARTH_BUSY;
    case ErrorCode::kInternal:
      return HEARTH_INTERNAL;
  }
  return HEARTH_INTERNAL;
}

hearth_status report(const Error& error) {
  last_error = error.message;
  return status_of(error.code);
}

/// Runs `body` (returning Status) with exceptions turned into statuses.
template <typename Body>
hearth_status guarded(Body&& body) noexcept {
  try {
    last_error.clear();
    const Status status = body();
    return status ? HEARTH_OK : report(status.error());
  } catch (const std::bad_alloc&) {
    last_error = "out of memory";
    return HEARTH_TOO_LARGE;
  } catch (const std::exception& error) {
    last_error = error.what();
    return HEARTH_INTERNAL;
  } catch (...) {
    last_error = "unknown exception";
    return HEARTH_INTERNAL;
  }
}

Status require(bool condition, const char* what) {
  if (condition) return {};
  return fail(ErrorCode::kUsage, what);
}

/// A malloc'ed, NUL-terminated copy for hearth_string_free.
Result<char*> copy_string(std::string_view text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) return fail(ErrorCode::kTooLarge, "out of memory");
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

/// Where the model's packed weights are kept; nowhere when that is not wanted or cannot be told.
hearth::engine::PackedCache packed_cache(const char* path, const hearth::capi::ModelOptions& options) {
  hearth::engine::PackedCache cache;
  if (!options.pack_cache || options.load.precision == hearth::kernels::Precision::kReference) return cache;
  if (const auto place = hearth::capi::place_of(path); place) {
    cache.file = place->weights();
    cache.source = place->source;
  }
  return cache;
}

Status check_tokenizer(const hearth_model* model) {
  HEARTH_RETURN_IF_ERROR(require(model != nullptr, "model is NULL"));
  if (!model->local->tokenizer())
    return fail(ErrorCode::kUnsupported, model->local->name(), " has no tokenizer");
  return {};
}

}  // namespace

extern "C" {

const char* hearth_version(void) { return HEARTH_VERSION; }

const char* hearth_last_error(void) { return last_error.c_str(); }

void hearth_string_free(char* string) { std::free(string); }

hearth_options* hearth_options_new(void) { return new (std::nothrow) hearth_options(); }

void hearth_options_free(hearth_options* options) { delete options; }

hearth_status hearth_options_set(hearth_options* options, const char* key, const char* value) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(options && key && value, "options, key and value must not be NULL"));
    options->entries.emplace_back(key, value);
    return {};
  });
}

hearth_status hearth_model_load(const char* path, const hearth_options* options, hearth_model** model) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(path && model, "path and model must not be NULL"));
    *model = nullptr;
    HEARTH_ASSIGN(auto chosen,
                  hearth::capi::model_options(options ? options->entries : hearth::capi::KeyValues()));
    if (chosen.heed_check) hearth::capi::heed_verdict(path, chosen.load);
    HEARTH_ASSIGN(auto opened, hearth::engine::open_model(path, packed_cache(path, chosen)));
    HEARTH_ASSIGN(auto local, hearth::engine::LocalModel::load(std::move(opened), chosen.load));
    *model = new hearth_model{std::move(local)};
    return {};
  });
}

void hearth_model_free(hearth_model* model) { delete model; }

int32_t hearth_model_vocab_size(const hearth_model* model) {
  return model ? static_cast<int32_t>(model->local->runtime().vocabulary()) : 0;
}

int64_t hearth_model_context_size(const hearth_model* model) {
  return model ? model->local->context_tokens() : 0;
}

int hearth_model_is_end(const hearth_model* model, int32_t token) {
  return model && model->local->tokenizer() && model->local->tokenizer()->is_end_of_generation(token) ? 1 : 0;
}

hearth_status hearth_tokenize(const hearth_model* model, const char* text, size_t text_bytes, int flags,
                              int32_t* ids, size_t capacity, size_t* count) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(check_tokenizer(model));
    HEARTH_RETURN_IF_ERROR(
        require(count && (text || text_bytes == 0) && (ids || capacity == 0), "a pointer is NULL"));
    const hearth::text::EncodeOptions options{(flags & HEARTH_ADD_SPECIAL) != 0,
                                              (flags & HEARTH_PARSE_SPECIAL) != 0};
    const auto encoded =
        model->local->tokenizer()->encode(std::string_view(text ? text : "", text_bytes), options);
    *count = encoded.size();
    for (size_t i = 0; i < std::min(capacity, encoded.size()); ++i) ids[i] = encoded[i];
    if (encoded.size() > capacity) {
      return fail(ErrorCode::kTooLarge, encoded.size(), " tokens do not fit into a buffer for ", capacity);
    }
    return {};
  });
}

hearth_status hearth_detokenize(const hearth_model* model, const int32_t* ids, size_t count, char** text,
                                size_t* text_bytes) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(check_tokenizer(model));
    HEARTH_RETURN_IF_ERROR(require(text && (ids || count == 0), "a pointer is NULL"));
    const std::string decoded = model->local->tokenizer()->decode({ids, count}, false);
    HEARTH_ASSIGN(*text, copy_string(decoded));
    if (text_bytes) *text_bytes = decoded.size();
    return {};
  });
}

hearth_status hearth_session_new(hearth_model* model, const hearth_options* options,
                                 hearth_session** session) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(model && session, "model and session must not be NULL"));
    *session = nullptr;
    auto created = std::make_unique<hearth_session>();
    created->model = model;
    for (const auto& [key, value] : options ? options->entries : hearth::capi::KeyValues()) {
      HEARTH_RETURN_IF_ERROR(hearth::capi::set_request_option(created->defaults, key, value));
    }
    HEARTH_ASSIGN(created->completer, hearth::engine::LocalCompleter::create(*model->local));
    *session = created.release();
    return {};
  });
}

void hearth_session_free(hearth_session* session) { delete session; }

int64_t hearth_session_length(const hearth_session* session) {
  return session ? session->completer->context_used() : 0;
}

hearth_status hearth_session_truncate(hearth_session* session, int64_t length) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(session != nullptr, "session is NULL"));
    return session->completer->truncate(length);
  });
}

hearth_status hearth_session_step(hearth_session* session, const int32_t* ids, size_t count) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(
        require(session && ids && count > 0, "session and ids must not be NULL, count not 0"));
    return session->completer->step({ids, count});
  });
}

hearth_status hearth_session_logits(const hearth_session* session, const float** logits, size_t* count) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(session && logits && count, "a pointer is NULL"));
    HEARTH_ASSIGN(const std::span<const float> values, session->completer->logits());
    *logits = values.data();
    *count = values.size();
    return {};
  });
}

hearth_status hearth_session_sample(hearth_session* session, int32_t* token) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(session && token, "session and token must not be NULL"));
    if (!session->chain) {
      HEARTH_ASSIGN(auto chain,
                    hearth::runtime::SamplerChain::create(session->defaults.sampling,
                                                          session->model->local->runtime().vocabulary()));
      session->chain.emplace(std::move(chain));
    }
    HEARTH_ASSIGN(const std::span<const float> values, session->completer->logits());
    HEARTH_ASSIGN(const auto sampled, session->chain->sample(values, session->completer->live_tokens()));
    *token = sampled.id;
    return {};
  });
}

hearth_status hearth_session_complete(hearth_session* session, const char* request_json,
                                      hearth_text_callback callback, void* user, char** result_json) {
  return guarded([&]() -> Status {
    HEARTH_RETURN_IF_ERROR(require(session && request_json, "session and request_json must not be NULL"));
    if (result_json) *result_json = nullptr;
    HEARTH_ASSIGN(const auto request, hearth::capi::read_request(request_json, session->defaults));
    const auto sink = [&](std::string_view text) {
      return !callback || callback(text.data(), text.size(), user) != 0;
    };
    HEARTH_ASSIGN(const auto completion, session->completer->complete(request, sink));
    if (result_json) {
      HEARTH_ASSIGN(*result_json, copy_string(hearth::engine::completion_json(
                                      completion, request.sampling.top_logprobs > 0)));
    }
    return {};
  });
}

}  // extern "C"
