// Neighbouring blocks that run as one sandwich.
#pragma once

#include <memory>
#include <vector>

#include "lamina/nets/block.h"

namespace lamina {

/// Replaces steps that are neighbours and have a sandwich by one step each, which it puts into `made`; the blocks keep
/// their names and state, which the new step reads. These are fused:
///   conv - relu, conv - batchnorm - relu, affine - [batchnorm or layernorm] - relu - [dropout]
template <class T>
void fuse_neighbours(std::vector<Step<T>*>& steps, std::vector<std::unique_ptr<Step<T>>>& made);

}  // namespace lamina
