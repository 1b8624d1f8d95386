/* hearth's C API: load a model, turn text into tokens, and complete requests or step token by token.
 *
 * Objects are opaque handles; options are string keys and values, so that new ones never change the ABI.
 * Every function that can fail returns a hearth_status; hearth_last_error() then says what, where and what to
 * try. A handle may be used by one thread at a time; different sessions of one model may be used by different
 * threads, which take turns. Strings are UTF-8. Nothing here prints, aborts or exits. */
#ifndef HEARTH_HEARTH_H_
#define HEARTH_HEARTH_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HEARTH_API __attribute__((visibility("default")))
#else
#define HEARTH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hearth_status {
  HEARTH_OK = 0,
  HEARTH_USAGE = 1,       /* the call makes no sense: unknown option, value out of range */
  HEARTH_NOT_FOUND = 2,   /* no such file, model or tokenizer */
  HEARTH_CORRUPT = 3,     /* bytes that break the rules of their format */
  HEARTH_UNSUPPORTED = 4, /* well-formed, but hearth does not do it */
  HEARTH_TOO_LARGE = 5,   /* does not fit into memory, context or a caller's buffer */
  HEARTH_IO = 6,          /* the operating system refused */
  HEARTH_NETWORK = 7,
  HEARTH_CANCELLED = 8, /* a callback asked to stop */
  HEARTH_INTERNAL = 9,
  HEARTH_BUSY = 10 /* too much asked for at once; the same call may succeed later */
} hearth_status;

typedef struct hearth_options hearth_options;
typedef struct hearth_model hearth_model;
typedef struct hearth_session hearth_session;

/* "MAJOR.MINOR.PATCH" */
HEARTH_API const char* hearth_version(void);
/* What went wrong in this thread's last failed call; never NULL; valid until the thread's next call. */
HEARTH_API const char* hearth_last_error(void);
/* Frees strings that hearth handed out. NULL is allowed. */
HEARTH_API void hearth_string_free(char* string);

/* ---- options: string keys and values ----
 * Model keys: "threads", "ctx" (tokens, or "auto"), "max_sessions" (open at a time, each with room for "ctx"
 * tokens; 1), "kv" ("auto", "f16", "int8", "f32", or "FORMAT,windowed=FORMAT"), "precision" ("fast",
 * "reference"), "pack_cache" ("on": packed weights of larger models are kept in the user's model store, for
 * quick starts; "off"), "check" ("on": where an earlier `hearth check` of the file found that it needs
 * float32 for some tensors or another KV format, it is loaded so, unless "kv" names a format; "off";
 * HEARTH_NO_CHECK=1 in the environment is "off" for all). Nothing here starts a check. Sampling keys: those
 * of `hearth run --help` without the dashes: "temp", "top_k", "top_p", "min_p", "seed",
 * ... and "max_tokens", "stop" (may be set several times), "logprobs". */
HEARTH_API hearth_options* hearth_options_new(void);
HEARTH_API void hearth_options_free(hearth_options* options);
/* The value is checked where the options are used. */
HEARTH_API hearth_status hearth_options_set(hearth_options* options, const char* key, const char* value);

/* ---- models ----
 * `path`: a .gguf file or a Hugging Face folder. `options` may be NULL. */
HEARTH_API hearth_status hearth_model_load(const char* path, const hearth_options* options,
                                           hearth_model** model);
HEARTH_API void hearth_model_free(hearth_model* model);
HEARTH_API int32_t hearth_model_vocab_size(const hearth_model* model);
/* Capacity in tokens of a session of this model. */
HEARTH_API int64_t hearth_model_context_size(const hearth_model* model);
/* 1 if the token ends a generation. */
HEARTH_API int hearth_model_is_end(const hearth_model* model, int32_t token);

/* ---- text and tokens ---- */
enum { HEARTH_ADD_SPECIAL = 1, HEARTH_PARSE_SPECIAL = 2 };
/* Writes up to `capacity` ids and the full count to *count; HEARTH_TOO_LARGE when the buffer is too small
 * (call again with *count). `ids` may be NULL when capacity is 0. */
HEARTH_API hearth_status hearth_tokenize(const hearth_model* model, const char* text, size_t text_bytes,
                                         int flags, int32_t* ids, size_t capacity, size_t* count);
/* The bytes the ids stand for, NUL-terminated and counted; free with hearth_string_free. */
HEARTH_API hearth_status hearth_detokenize(const hearth_model* model, const int32_t* ids, size_t count,
                                           char** text, size_t* text_bytes);

/* ---- sessions: one conversation's KV cache ---- */
/* `options`: sampling keys, may be NULL. */
HEARTH_API hearth_status hearth_session_new(hearth_model* model, const hearth_options* options,
                                            hearth_session** session);
HEARTH_API void hearth_session_free(hearth_session* session);
HEARTH_API int64_t hearth_session_length(const hearth_session* session);
/* Forgets all tokens from position `length` on. */
HEARTH_API hearth_status hearth_session_truncate(hearth_session* session, int64_t length);

/* Step level: evaluates `count` more tokens. Afterwards the logits of the last one can be read or sampled. */
HEARTH_API hearth_status hearth_session_step(hearth_session* session, const int32_t* ids, size_t count);
/* float32 logits (vocab_size) of the last token; valid until the session's next call. */
HEARTH_API hearth_status hearth_session_logits(const hearth_session* session, const float** logits,
                                               size_t* count);
/* Draws the next token from the last logits by the session's sampling options (it is not evaluated yet). */
HEARTH_API hearth_status hearth_session_sample(hearth_session* session, int32_t* token);

/* Request level: text as it becomes final, whole UTF-8 characters; return 0 to stop. */
typedef int (*hearth_text_callback)(const char* text, size_t text_bytes, void* user);
/* `request_json`: {"prompt": "..."} or {"messages": [...], "tools": [...]}, plus sampling keys as members.
 * `callback` may be NULL. *result_json (may be NULL) gets {"text", "finish_reason", "usage", ...}; free it
 * with hearth_string_free. The session keeps the KV cache, so the next turn of a chat only computes what is
 * new. */
HEARTH_API hearth_status hearth_session_complete(hearth_session* session, const char* request_json,
                                                 hearth_text_callback callback, void* user,
                                                 char** result_json);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HEARTH_HEARTH_H_ */
