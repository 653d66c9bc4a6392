#include "python/bindings/random.h"

#include <cstring>
#include <string>

#include "lamina/check.h"
#include "python/bindings/gil.h"

namespace lamina::python {
namespace {

// How NumPy lays out the states of its bit generators: bitgen_t (numpy/random/bitgen.h), whose first member points to
// the state, and that of MT19937.
struct BitGenerator {
  void* state;
};

py::object global() { return py::module_::import("numpy.random.mtrand").attr("_rand"); }

bool is_mt19937(py::handle generator) {
  return py::str(py::type::handle_of(generator).attr("__name__")).equal(py::str("MT19937"));
}

}  // namespace

struct GlobalRandom::Mt19937 {
  std::uint32_t key[624];
  int position;
};

bool global_random_is_mt19937() { return is_mt19937(global().attr("_bit_generator")); }

GlobalRandom::GlobalRandom(std::string_view where) : generator_(global().attr("_bit_generator")) {
  if (!is_mt19937(generator_))
    fail(where, "expected NumPy's global generator to be MT19937, got ",
         py::str(py::type::handle_of(generator_).attr("__name__")).cast<std::string>());
  const py::object capsule = generator_.attr("capsule"), lock = generator_.attr("lock");
  void* bits = PyCapsule_GetPointer(capsule.ptr(), "BitGenerator");
  if (!bits) throw py::error_already_set();
  words_ = static_cast<Mt19937*>(static_cast<BitGenerator*>(bits)->state);
  acquire_ = lock.attr("acquire");
  release_ = lock.attr("release");
  take();
}

void GlobalRandom::take() {
  call(acquire_);
  taken_ = true;
  RandomState::State state;
  std::memcpy(state.key.data(), words_->key, sizeof words_->key);
  state.position = words_->position;
  state_.set_state(state);
}

void GlobalRandom::give_back() {
  if (!taken_) return;
  taken_ = false;
  const RandomState::State& state = state_.state();
  std::memcpy(words_->key, state.key.data(), sizeof words_->key);
  words_->position = state.position;
  release_();
}

void GlobalRandom::drop_normal() {
  py::dict all = global().attr("get_state")(py::arg("legacy") = false);
  if (all["has_gauss"].cast<int>() == 0) return;
  all["has_gauss"] = 0;
  all["gauss"] = 0.0;
  global().attr("set_state")(all);
}

GlobalRandom::~GlobalRandom() {
  try {
    give_back();
  } catch (...) {  // Python's error goes with it: a destructor throws nothing
  }
}

}  // namespace lamina::python
