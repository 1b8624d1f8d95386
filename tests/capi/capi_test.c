/* The C API from C: every call of hearth.h once, with a model of ours, and the errors a caller will meet.
 * Usage: capi_test MODEL.gguf. Prints the first failed expectation and exits 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hearth/hearth.h"

#define EXPECT(condition)                                                                    \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      fprintf(stderr, "%s:%d: %s failed (last error: %s)\n", __FILE__, __LINE__, #condition, \
              hearth_last_error());                                                          \
      exit(1);                                                                               \
    }                                                                                        \
  } while (0)

struct collected {
  char text[4096];
  size_t bytes;
  int calls_left; /* 0: refuse */
};

static int collect(const char* text, size_t bytes, void* user) {
  struct collected* out = user;
  if (out->bytes + bytes < sizeof(out->text)) {
    memcpy(out->text + out->bytes, text, bytes);
    out->bytes += bytes;
    out->text[out->bytes] = '\0';
  }
  return out->calls_left-- > 0;
}

static void test_errors(void) {
  hearth_model* model = NULL;
  hearth_options* options = hearth_options_new();
  EXPECT(hearth_model_load("/nonexistent/model.gguf", NULL, &model) == HEARTH_NOT_FOUND);
  EXPECT(model == NULL && strstr(hearth_last_error(), "/nonexistent/model.gguf") != NULL);
  EXPECT(hearth_options_set(options, "no_such_option", "1") == HEARTH_OK);
  EXPECT(hearth_model_load("x", options, &model) == HEARTH_USAGE);
  EXPECT(strstr(hearth_last_error(), "no_such_option") != NULL);
  EXPECT(hearth_model_load(NULL, NULL, &model) == HEARTH_USAGE);
  EXPECT(hearth_options_set(NULL, "a", "b") == HEARTH_USAGE);
  hearth_options_free(options);
  hearth_model_free(NULL);
  hearth_session_free(NULL);
  hearth_string_free(NULL);
}

static void test_tokens(const hearth_model* model) {
  static const char text[] = "dim the kitchen lights";
  int32_t ids[64];
  size_t count = 0, bytes = 0;
  char* back = NULL;
  EXPECT(hearth_tokenize(model, text, sizeof(text) - 1, 0, ids, 64, &count) == HEARTH_OK);
  EXPECT(count > 0 && count < 64);
  EXPECT(hearth_tokenize(model, text, sizeof(text) - 1, 0, NULL, 0, &bytes) == HEARTH_TOO_LARGE &&
         bytes == count);
  EXPECT(hearth_detokenize(model, ids, count, &back, &bytes) == HEARTH_OK);
  EXPECT(bytes == sizeof(text) - 1 && strcmp(back, text) == 0);
  hearth_string_free(back);
}

static void test_steps(hearth_model* model) {
  const int32_t vocab = hearth_model_vocab_size(model);
  int32_t ids[64], token = -1, again = -1;
  const int32_t outside = vocab;
  size_t count = 0, values = 0;
  const float* logits = NULL;
  hearth_session* session = NULL;
  hearth_options* greedy = hearth_options_new();
  EXPECT(hearth_options_set(greedy, "temp", "0") == HEARTH_OK);
  EXPECT(hearth_session_new(model, greedy, &session) == HEARTH_OK);
  EXPECT(hearth_session_sample(session, &token) == HEARTH_USAGE); /* nothing evaluated yet */
  EXPECT(hearth_tokenize(model, "lock the front door", 19, HEARTH_ADD_SPECIAL, ids, 64, &count) == HEARTH_OK);
  EXPECT(hearth_session_step(session, ids, count) == HEARTH_OK);
  EXPECT(hearth_session_length(session) == (int64_t)count);
  EXPECT(hearth_session_logits(session, &logits, &values) == HEARTH_OK && values == (size_t)vocab);
  EXPECT(hearth_session_sample(session, &token) == HEARTH_OK && token >= 0 && token < vocab);
  for (size_t i = 0; i < values; ++i) EXPECT(logits[i] <= logits[token]);
  EXPECT(hearth_session_step(session, &token, 1) == HEARTH_OK);
  EXPECT(hearth_session_truncate(session, (int64_t)count - 1) == HEARTH_OK);
  EXPECT(hearth_session_step(session, &ids[count - 1], 1) == HEARTH_OK);
  EXPECT(hearth_session_sample(session, &again) == HEARTH_OK && again == token);
  EXPECT(hearth_session_step(session, &outside, 1) == HEARTH_USAGE);
  EXPECT(hearth_session_truncate(session, 1000000) == HEARTH_USAGE);
  hearth_session_free(session);
  hearth_options_free(greedy);
}

static void test_complete(hearth_model* model) {
  static const char request[] =
      "{\"prompt\": \"<|home|><lock><1> front door<|user|> lock the front door<|call|>\", \"temp\": 0, "
      "\"max_tokens\": 40}";
  struct collected out = {"", 0, 1000}, refusing = {"", 0, 0};
  char* result = NULL;
  hearth_session* session = NULL;
  EXPECT(hearth_session_new(model, NULL, &session) == HEARTH_OK);
  EXPECT(hearth_session_complete(session, request, collect, &out, &result) == HEARTH_OK);
  EXPECT(strcmp(out.text, "{\"tool\":\"lock\",\"device\":<1>,\"state\":\"lock\"}") == 0);
  EXPECT(strstr(result, "\"finish_reason\":\"stop\"") != NULL);
  EXPECT(strstr(result, "\"generated_tokens\":") != NULL);
  hearth_string_free(result);
  EXPECT(hearth_session_complete(session, request, collect, &refusing, &result) == HEARTH_OK);
  EXPECT(strstr(result, "\"finish_reason\":\"cancelled\"") != NULL);
  hearth_string_free(result);
  EXPECT(hearth_session_complete(session, "{\"prompt\": 3}", NULL, NULL, NULL) == HEARTH_USAGE);
  EXPECT(hearth_session_complete(session, "{", NULL, NULL, NULL) == HEARTH_CORRUPT);
  EXPECT(hearth_session_complete(session, "{\"prompt\": \"a\", \"temp\": \"hot\"}", NULL, NULL, NULL) ==
         HEARTH_USAGE);
  hearth_session_free(session);
}

int main(int argc, char** argv) {
  hearth_model* model = NULL;
  hearth_options* options = hearth_options_new();
  if (argc != 2) return 2;
  EXPECT(strlen(hearth_version()) > 0);
  test_errors();
  EXPECT(hearth_options_set(options, "threads", "1") == HEARTH_OK);
  EXPECT(hearth_options_set(options, "ctx", "256") == HEARTH_OK);
  EXPECT(hearth_options_set(options, "max_sessions", "2") == HEARTH_OK);
  EXPECT(hearth_model_load(argv[1], options, &model) == HEARTH_OK);
  EXPECT(hearth_model_context_size(model) == 256);
  test_tokens(model);
  test_steps(model);
  test_complete(model);
  hearth_model_free(model);
  hearth_options_free(options);
  printf("C API: all expectations hold\n");
  return 0;
}
