// hearth for C++: header-only RAII over the C API. Errors are hearth::Exception with the message of the
// library.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/hearth.h"

namespace hearth_api {

/// A failed call: status() is the C API's, what() the library's message.
class Exception : public std::runtime_error {
 public:
  Exception(hearth_status status, const char* message) : std::runtime_error(message), status_(status) {}
  hearth_status status() const { return status_; }

 private:
  hearth_status status_;
};

inline void check(hearth_status status) {
  if (status != HEARTH_OK) throw Exception(status, hearth_last_error());
}

/// A string owned by the library.
using String = std::unique_ptr<char, decltype(&hearth_string_free)>;

class Options {
 public:
  Options() : handle_(hearth_options_new(), &hearth_options_free) {}
  Options& set(const std::string& key, const std::string& value) {
    check(hearth_options_set(handle_.get(), key.c_str(), value.c_str()));
    return *this;
  }
  const hearth_options* get() const { return handle_.get(); }

 private:
  std::unique_ptr<hearth_options, decltype(&hearth_options_free)> handle_;
};

class Model {
 public:
  explicit Model(const std::string& path, const Options& options = {})
      : handle_(load(path, options), &hearth_model_free) {}
  hearth_model* get() const { return handle_.get(); }
  int32_t vocab_size() const { return hearth_model_vocab_size(get()); }
  int64_t context_size() const { return hearth_model_context_size(get()); }
  bool is_end(int32_t token) const { return hearth_model_is_end(get(), token) != 0; }

  /// `flags`: HEARTH_ADD_SPECIAL | HEARTH_PARSE_SPECIAL.
  std::vector<int32_t> tokenize(std::string_view text, int flags = 0) const {
    std::vector<int32_t> ids(text.size() + 16);
    size_t count = 0;
    hearth_status status =
        hearth_tokenize(get(), text.data(), text.size(), flags, ids.data(), ids.size(), &count);
    ids.resize(count);
    if (status == HEARTH_TOO_LARGE) {
      status = hearth_tokenize(get(), text.data(), text.size(), flags, ids.data(), ids.size(), &count);
    }
    check(status);
    return ids;
  }

  std::string detokenize(const std::vector<int32_t>& ids) const {
    char* text = nullptr;
    size_t bytes = 0;
    check(hearth_detokenize(get(), ids.data(), ids.size(), &text, &bytes));
    const String owned(text, &hearth_string_free);
    return std::string(text, bytes);
  }

 private:
  static hearth_model* load(const std::string& path, const Options& options) {
    hearth_model* model = nullptr;
    check(hearth_model_load(path.c_str(), options.get(), &model));
    return model;
  }
  std::unique_ptr<hearth_model, decltype(&hearth_model_free)> handle_;
};

/// Must not outlive its Model.
class Session {
 public:
  explicit Session(Model& model, const Options& options = {})
      : handle_(open(model, options), &hearth_session_free) {}
  hearth_session* get() const { return handle_.get(); }
  int64_t length() const { return hearth_session_length(get()); }
  void truncate(int64_t length) { check(hearth_session_truncate(get(), length)); }
  void step(const std::vector<int32_t>& ids) { check(hearth_session_step(get(), ids.data(), ids.size())); }
  int32_t sample() {
    int32_t token = 0;
    check(hearth_session_sample(get(), &token));
    return token;
  }
  std::vector<float> logits() const {
    const float* values = nullptr;
    size_t count = 0;
    check(hearth_session_logits(get(), &values, &count));
    return {values, values + count};
  }

  /// Returns the result JSON. `on_text` gets text as it becomes final; returning false stops.
  std::string complete(const std::string& request_json,
                       const std::function<bool(std::string_view)>& on_text = {}) {
    const auto forward = [](const char* text, size_t bytes, void* user) -> int {
      const auto& callback = *static_cast<const std::function<bool(std::string_view)>*>(user);
      return !callback || callback(std::string_view(text, bytes)) ? 1 : 0;
    };
    char* result = nullptr;
    check(hearth_session_complete(get(), request_json.c_str(), forward,
                                  const_cast<std::function<bool(std::string_view)>*>(&on_text), &result));
    const String owned(result, &hearth_string_free);
    return result;
  }

 private:
  static hearth_session* open(Model& model, const Options& options) {
    hearth_session* session = nullptr;
    check(hearth_session_new(model.get(), options.get(), &session));
    return session;
  }
  std::unique_ptr<hearth_session, decltype(&hearth_session_free)> handle_;
};

}  // namespace hearth_api
