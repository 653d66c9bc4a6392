// Clipping of gradients by their norm.
#pragma once

#include <cmath>

namespace lamina {

/// What to multiply all gradients by so that their Euclidean norm together, the root of `squares`, is at most
/// clip_norm; 1 where it is already (Pascanu, Mikolov and Bengio, 2013).
inline double clip_scale(double squares, double clip_norm) {
  const double norm = std::sqrt(squares);
  return norm > clip_norm ? clip_norm / norm : 1;
}

}  // namespace lamina
