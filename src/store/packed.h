// Where the packed weights of a model are kept, beside whatever else is known only of this model on this
// machine (the verdict of hearth check):
//
//   HOME/packed/models/FOLDER/   of a model in the store (FOLDER as in models/)
//   HOME/packed/files/HASH/      of a file or folder elsewhere, HASH from its path
//
// and what they were made from, so that a changed model is noticed. Everything here can be made again and may
// be deleted at any time. Must not know what packed weights look like.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "store/manifest.h"

namespace hearth::store {

struct PackedPlace {
  std::filesystem::path folder;
  /// What the weights are made from: SHA-256 of a store model's contents, or path, inode, size and time of
  /// change of every file. Equal as long as the model is the same.
  std::string source;

  std::filesystem::path weights() const { return folder / "weights.gguf"; }
};

/// The folder for the model that lies at `model` (as Model::path() gives it, or a user's own file or folder);
/// it need not exist yet.
Result<std::filesystem::path> packed_folder(const std::filesystem::path& home,
                                            const std::filesystem::path& model);
/// The same in the default home.
Result<std::filesystem::path> packed_folder(const std::filesystem::path& model);

/// The two folders that hold the folders of models, and that of a store model.
std::array<std::filesystem::path, 2> packed_parents(const std::filesystem::path& home);
std::filesystem::path packed_of_model(const std::filesystem::path& home, const std::string& folder);

/// What a store model's packed weights are made from.
std::string packed_source(const Manifest& manifest);

/// The source of the model that lies at `model`, as a store in the default home sees it; empty where it
/// cannot be told.
std::string model_source(const std::filesystem::path& model);

/// Folder and source. Errors: kNotFound, kIo (the model cannot be looked at).
Result<PackedPlace> packed_place(const std::filesystem::path& home, const std::filesystem::path& model);

}  // namespace hearth::store
