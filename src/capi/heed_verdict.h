// Loading a model as an earlier hearth check of it advises; shared by the C API and the command line. Must
// not know how a verdict is found.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "engine/local_model.h"
#include "store/packed.h"

namespace hearth::capi {

/// The place of the model's verdict and packed weights; an error when there is no home or the model cannot be
/// looked at.
Result<store::PackedPlace> place_of(const std::filesystem::path& path);

/// HEARTH_NO_CHECK=1: verdicts are neither heeded nor made.
bool checks_switched_off();

/// Puts the fallbacks of an earlier check into `options`: float32 tensors, and the KV format where the user
/// left the choice to hearth. Nothing for the reference, which needs none.
void heed_verdict(const std::filesystem::path& path, engine::LoadOptions& options);

}  // namespace hearth::capi
