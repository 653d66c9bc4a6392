// Fusing of adjacent blocks into a sandwich (a fused layer of lamina/sandwiches/).
#pragma once

#include <memory>
#include <vector>

#include "lamina/nets/block.h"

namespace lamina {

/// Replaces adjacent steps for which there is a sandwich by one fused step, which it adds to `made`. The blocks keep
/// their names and state, which the fused step reads. These are fused:
///   conv - relu, conv - batchnorm - relu, affine - [batchnorm or layernorm] - relu - [dropout]
template <class T>
void fuse_neighbours(std::vector<Step<T>*>& steps, std::vector<std::unique_ptr<Step<T>>>& made);

}  // namespace lamina
