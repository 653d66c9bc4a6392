// The initialization of weights by a block's Initial (block_text.h).
#pragma once

#include <cmath>

#include "lamina/nets/block_text.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// Fills W in row-major order of its public shape, with values drawn in double and rounded to T. `inputs` is the
/// fan-in: how many inputs each output sums. `outputs` is the fan-out: how many outputs each input goes to.
template <class T>
void draw_weights(TensorView<T> W, const Initial& init, Index inputs, Index outputs, RandomState& random) {
  const auto in = static_cast<double>(inputs), out = static_cast<double>(outputs);
  switch (init.kind) {
    case Initial::Kind::zeros:
      return W.fill(T{0});
    case Initial::Kind::scale:
      for (T& w : W) w = static_cast<T>(init.scale * random.randn());
      return;
    case Initial::Kind::he:
    case Initial::Kind::xavier: {
      const double scale = std::sqrt(2 / (init.kind == Initial::Kind::he ? in : in + out));
      for (T& w : W) w = static_cast<T>(scale * static_cast<double>(static_cast<T>(random.randn())));
    }
  }
}

}  // namespace lamina
