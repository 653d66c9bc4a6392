// Clipping of gradients by their norm.
#pragma once

#include <cmath>

namespace lamina {

/// The factor that scales all gradients so that their joint Euclidean norm is at most clip_norm; 1 if it already is
/// (Pascanu, Mikolov and Bengio, 2013). `squares` is the sum of the squares of all gradients.
inline double clip_scale(double squares, double clip_norm) {
  const double norm = std::sqrt(squares);
  return norm > clip_norm ? clip_norm / norm : 1;
}

}  // namespace lamina
