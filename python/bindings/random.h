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

/// NumPy's global generator, lent where this is made or take() is called, and given back by give_back() or at the end
/// of this one's life, all with the GIL held; in between draws need no GIL. Its lock is held as long, so that draws of
/// other threads wait: draw nothing by Python code in between. Normals must not be drawn.
class GlobalRandom {
 public:
  /// ValueError where the generator is another than MT19937.
  explicit GlobalRandom(std::string_view where);
  ~GlobalRandom();
  GlobalRandom(const GlobalRandom&) = delete;
  GlobalRandom& operator=(const GlobalRandom&) = delete;

  /// Valid until given back.
  RandomState& state() { return state_; }
  void give_back();
  bool taken() const { return taken_; }
  /// Takes the state over anew, as where Python code may have drawn since give_back().
  void take();
  /// Forgets the second normal that waits, as seeding does. While not taken.
  static void drop_normal();

 private:
  struct Mt19937;
  py::object generator_, acquire_, release_;
  Mt19937* words_;
  bool taken_ = false;
  RandomState state_ = RandomState(RandomState::State{});
};

}  // namespace lamina::python
