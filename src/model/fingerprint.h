// A number that tells models apart by what they compute: weights, rotations, sizes. For what is kept of a
// model's work (keys and values) and must not be used with another. Must not know where it is kept.
#pragma once

#include <cstdint>

#include "model/model.h"

namespace hearth::model {

/// Over all sizes, all vectors, the rotations for `context` positions, and three rows of every matrix:
/// another training, conversion or quantisation changes those, at the price of some hundred rows. Two files
/// that differ in a few other weights are not told apart; who must not confuse them knows the files as well.
uint64_t fingerprint(const Model& model, int64_t context);

}  // namespace hearth::model
