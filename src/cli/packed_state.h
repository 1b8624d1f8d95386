// The packed weights of models as the command line shows and checks them: what state they are in, and whether
// every byte kept in the store is still the right one.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "cli/console.h"

namespace hearth::cli {

struct PackedState {
  /// "only" (the model is a packed file itself), "current", "changed" (the model is another now), "version"
  /// (of another version of hearth), "damaged", "unreadable", "none".
  std::string state = "none";
  std::filesystem::path path;  // of the packed file; empty: none
  uint64_t bytes = 0;
};
/// Looks at headers only.
PackedState packed_state(const std::filesystem::path& model);
/// "current, 384 MiB in /home/...": for people.
std::string describe(const PackedState& state);

/// Reads all models of the store and all packed weights, with a progress line, and names each damaged file in
/// one line. Packed weights that are damaged are removed: the next start makes them again. Errors: kCorrupt
/// when anything was damaged.
Status verify_everything(Console& console);

/// Deletes the packed weights of `model` (a name or path); of all models when empty. Returns the bytes freed.
Result<uint64_t> remove_packed_weights(const std::string& model);

}  // namespace hearth::cli
