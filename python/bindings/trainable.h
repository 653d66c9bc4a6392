// What Solver's loop in C++ asks of a net that Python holds.
#pragma once

#include "lamina/nets/net.h"
#include "lamina/random.h"

namespace lamina::python {

/// A net of the library under Python's model, which the loop has for itself: it computes with Python's lock released.
/// The bound class of a net derives from it.
class Trainable {
 public:
  Trainable() = default;
  Trainable(const Trainable&) = delete;
  Trainable& operator=(const Trainable&) = delete;
  virtual ~Trainable() = default;

  /// The net where it computes in that type, else null.
  virtual Net<float>* floats() = 0;
  virtual Net<double>* doubles() = 0;
  /// The stream that the net's dropout draws from: NumPy's state is copied into it before, and back after a pass.
  virtual RandomState& random() = 0;
};

}  // namespace lamina::python
