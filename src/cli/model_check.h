// hearth check as the other verbs see it: the verdict on a model is heeded when it is loaded, and the first
// use of a model starts a check that nobody notices.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "cli/model_options.h"
#include "store/verdict.h"

namespace hearth::cli {

/// The place of the model's verdict; an error when there is no home or the model cannot be looked at.
Result<store::PackedPlace> place_of(const std::filesystem::path& path);

/// Puts the fallbacks of an earlier check into `options`: float32 tensors, and the KV format where the user
/// left the choice to hearth.
void heed_verdict(const std::filesystem::path& path, engine::LoadOptions& options);

/// Called when an answer is complete and the model freed: starts `hearth check --background` as a process of
/// its own if this model has not been checked yet. Does nothing with --no-check, HEARTH_NO_CHECK or
/// --reference. Never fails and never prints.
void check_in_background(const std::string& model, const LoadFlags& flags);

/// Lowest priority for processor and disk for this process.
void run_in_background();

/// "KL 0.0003, first choice 98.8% on 312 tokens: as fast as can be", for people.
std::string describe(const store::Verdict& verdict);

}  // namespace hearth::cli
