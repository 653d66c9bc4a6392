// NumPy's global generator, the one that np.random.seed seeds, lent to the library and given back.
#pragma once

#include <pybind11/pybind11.h>

#include <string_view>

#include "lamina/random.h"

namespace lamina::python {

namespace py = pybind11;

/// Whether the global generator is a Mersenne Twister, as it is unless np.random.set_bit_generator has put another in
/// its place.
bool global_random_is_mt19937();

/// The state of NumPy's global generator, taken over where this is made and given back by give_back() or at the end
/// of its life, both with the GIL held; in between draws need no GIL. What other threads draw meanwhile is forgotten.
class GlobalRandom {
 public:
  /// With kept_normal, the second normal that waits is taken and given back too: needed where normals are drawn, and
  /// costs 50 us; else they must not be. ValueError where the generator is another than MT19937.
  explicit GlobalRandom(std::string_view where, bool kept_normal = false);
  ~GlobalRandom();
  GlobalRandom(const GlobalRandom&) = delete;
  GlobalRandom& operator=(const GlobalRandom&) = delete;

  /// Valid until given back.
  RandomState& state() { return state_; }
  void give_back();
  /// Takes the state over anew, as where Python code may have drawn since give_back().
  void take();

 private:
  std::string_view where_;
  bool kept_normal_;
  bool taken_ = false;
  RandomState state_;
};

}  // namespace lamina::python
