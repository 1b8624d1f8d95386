// The specialist in the box: a small model of ours inside the binary that turns a household request into JSON
// tool calls, or into {"tool":"escalate", ...} where the request is outside its world
// (models/device/README.md).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/catalogue.h"
#include "engine/completer.h"
#include "engine/local_completer.h"
#include "engine/local_model.h"

namespace hearth::engine {

/// The files of models/device as they were when the binary was built.
std::span<const std::byte> builtin_model_bytes();
std::string_view builtin_catalogue_toml();

class Specialist : public Completer {
 public:
  /// `catalogue_toml` empty: the default household; `catalogue_name` appears in errors.
  static Result<std::unique_ptr<Specialist>> create(std::string_view catalogue_toml,
                                                    std::string_view catalogue_name,
                                                    const LoadOptions& options);

  /// request.prompt is the household request; sampling and max_tokens are the contract's (greedy, 128). The
  /// text is one JSON value that holds against the catalogue.
  Result<Completion> complete(const CompletionRequest& request, const TextSink& sink) override;

  const Catalogue& catalogue() const { return catalogue_; }

 private:
  explicit Specialist(Catalogue catalogue) : catalogue_(std::move(catalogue)) {}
  Catalogue catalogue_;
  std::unique_ptr<LocalModel> model_;
  std::unique_ptr<LocalCompleter> completer_;
};

}  // namespace hearth::engine
