#include "python/bindings/random.h"

#include <cstring>
#include <string>

#include "lamina/check.h"

namespace lamina::python {
namespace {

// How NumPy lays out the states of its bit generators: bitgen_t (numpy/random/bitgen.h), whose first member points to
// the state, and that of MT19937.
struct BitGenerator {
  void* state;
};
struct Mt19937 {
  std::uint32_t key[624];
  int position;
};

py::object global() { return py::module_::import("numpy.random.mtrand").attr("_rand"); }

// A lock of Python's, held for the life of this.
class Held {
 public:
  explicit Held(py::object lock) : lock_(std::move(lock)) { lock_.attr("acquire")(); }
  ~Held() { lock_.attr("release")(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  py::object lock_;
};

bool is_mt19937(py::handle generator) {
  return py::str(py::type::handle_of(generator).attr("__name__")).equal(py::str("MT19937"));
}

py::object bit_generator(std::string_view where) {
  py::object generator = global().attr("_bit_generator");
  if (!is_mt19937(generator))
    fail(where, "expected NumPy's global generator to be MT19937, got ",
         py::str(py::type::handle_of(generator).attr("__name__")).cast<std::string>());
  return generator;
}

Mt19937& words(const py::object& generator) {
  const py::object capsule = generator.attr("capsule");
  void* bits = PyCapsule_GetPointer(capsule.ptr(), "BitGenerator");
  if (!bits) throw py::error_already_set();
  return *static_cast<Mt19937*>(static_cast<BitGenerator*>(bits)->state);
}

}  // namespace

bool global_random_is_mt19937() { return is_mt19937(global().attr("_bit_generator")); }

GlobalRandom::GlobalRandom(std::string_view where, bool kept_normal) : where_(where), kept_normal_(kept_normal) {
  take();
}

void GlobalRandom::take() {
  const py::object generator = bit_generator(where_);
  RandomState::State state;
  {
    const Held held(generator.attr("lock"));
    const Mt19937& from = words(generator);
    std::memcpy(state.key.data(), from.key, sizeof from.key);
    state.position = from.position;
  }
  if (kept_normal_) {
    const py::dict all = global().attr("get_state")(py::arg("legacy") = false);
    state.has_gauss = all["has_gauss"].cast<int>() != 0;
    state.gauss = all["gauss"].cast<double>();
  }
  state_.set_state(state);
  taken_ = true;
}

void GlobalRandom::give_back() {
  if (!taken_) return;
  taken_ = false;
  const py::object generator = bit_generator(where_);
  const RandomState::State& state = state_.state();
  {
    const Held held(generator.attr("lock"));
    Mt19937& to = words(generator);
    std::memcpy(to.key, state.key.data(), sizeof to.key);
    to.position = state.position;
  }
  if (kept_normal_) {
    py::dict all = global().attr("get_state")(py::arg("legacy") = false);
    all["has_gauss"] = state.has_gauss ? 1 : 0;
    all["gauss"] = state.gauss;
    global().attr("set_state")(all);
  }
}

GlobalRandom::~GlobalRandom() {
  try {
    give_back();
  } catch (...) {  // Python's error goes with it: a destructor throws nothing
  }
}

}  // namespace lamina::python
