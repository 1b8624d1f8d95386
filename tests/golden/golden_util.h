// What the golden tests share: a model with a runtime, opened from a path, and a scratch folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "runtime/session.h"

namespace hearth::golden {

struct Opened {
  std::unique_ptr<model::Model> model;
  std::unique_ptr<runtime::Runtime> runtime;
};

inline Opened open_model(const std::filesystem::path& path, kernels::Precision precision,
                         const runtime::RuntimeOptions& options, ThreadPool& pool) {
  Opened out;
  auto file = model::open_source(path);
  if (!file.ok()) {
    ADD_FAILURE() << file.error().message;
    return out;
  }
  auto loaded = model::Model::load(std::move(*file), precision, pool);
  if (!loaded.ok()) {
    ADD_FAILURE() << loaded.error().message;
    return out;
  }
  out.model = std::move(*loaded);
  auto made = runtime::Runtime::create(*out.model, pool, options);
  if (!made.ok()) {
    ADD_FAILURE() << made.error().message;
    return out;
  }
  out.runtime = std::move(*made);
  return out;
}

/// Logits of every position (tokens * vocabulary), the tokens fed `chunk` at a time to a new sequence.
inline std::vector<float> logits_of(runtime::Runtime& session, const std::vector<int32_t>& tokens,
                                    size_t chunk) {
  std::vector<float> all;
  auto sequence = session.open_sequence();
  if (!sequence.ok()) {
    ADD_FAILURE() << sequence.error().message;
    return all;
  }
  for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
    const auto part = std::span(tokens).subspan(begin, std::min(chunk, tokens.size() - begin));
    const runtime::SequenceChunk one{*sequence, part, runtime::LogitsWanted::kAll};
    const Status done = session.forward({&one, 1});
    if (!done.ok()) {
      ADD_FAILURE() << done.error().message;
      break;
    }
    const auto logits = session.logits(0);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  session.close_sequence(*sequence);
  return all;
}

/// A folder that vanishes with the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_golden_XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace hearth::golden
