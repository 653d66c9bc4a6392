// Update rules. sgd changes w where it lies, as the course's does; the others return a fresh w and fresh state.
#include <optional>

#include "lamina/check.h"
#include "lamina/optim/update_rule.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"

namespace lamina::python {
namespace {

// Whether two arrays have bytes in common but do not lie at the same place.
template <class T>
bool overlap(const T* a, const T* b, Index n) {
  return a != b && a < b + n && b < a + n;
}

py::array sgd_of(py::handle w_, py::handle dw_, double learning_rate) {
  constexpr std::string_view where = "sgd";
  const py::array w = numbers(where, "w", w_), dw = numbers(where, "dw", dw_);
  check_lengths(where, "dw", dw, lengths(w), "w");
  const bool owned = !py::isinstance<py::array>(w_);  // made from numbers that are no array
  const OptimConfig config{.learning_rate = learning_rate, .rate_given = true};
  if (!owned && w.dtype().kind() != 'f')
    throw py::type_error(lamina::detail::message(where, "expected w of a floating type to be changed in place, got ",
                                                 py::str(w.dtype()).cast<std::string>()));
  if (!w.writeable()) fail(where, "expected a w that may be written to, got a read-only array");
  return with_type(promoted({&w, &dw}), [&]<class T>() {
    const Input<T> ws = flat<T>(w), dws = flat<T>(dw);
    TensorView<T> to = ws;
    Tensor<T> copy, other;
    const bool in_place = ws.is(w);
    if (!in_place) to = copy = Tensor<T>(ws.view());
    TensorView<T> from = dws;
    if (overlap<T>(to.data(), from.data(), to.size())) from = other = Tensor<T>(from);
    {
      const py::gil_scoped_release unlocked;
      sgd<T>(to, from, config);
    }
    if (in_place) return w;
    const py::array updated = result(std::move(copy), type_of<T>(), w);
    if (owned) return updated;
    py::module_::import("numpy").attr("copyto")(w, updated, py::arg("casting") = "same_kind");
    return w;
  });
}

// What a rule remembers, None before the first update.
class State {
 public:
  State(std::string_view where, std::string_view name, py::handle object, const py::array& w) {
    if (object.is_none()) return;
    array_ = numbers(where, name, object);
    check_lengths(where, name, *array_, lengths(w), "w");
  }

  const py::array& array(const py::array& w) const { return array_ ? *array_ : w; }
  template <class T>
  Tensor<T> tensor() const {
    return array_ ? Tensor<T>(flat<T>(*array_).view()) : Tensor<T>();
  }
  /// After an update by dw; without a state before it was zeros of w's type.
  template <class T>
  py::array after(Tensor<T>&& tensor, const py::array& w, const py::array& dw) const {
    return result(std::move(tensor), promoted({&array(w), &dw}), w);
  }

 private:
  std::optional<py::array> array_;
};

// Updates copies of w and of the states: next_w and the states after.
py::tuple updated(UpdateRule rule, const py::array& w, const py::array& dw, const OptimConfig& config,
                  const State& first, const State& second, Index t) {
  check_lengths(name_of(rule), "dw", dw, lengths(w), "w");
  const Type type = promoted({&w, &dw, &first.array(w), &second.array(w)});
  return with_type(type, [&]<class T>() -> py::tuple {
    const Input<T> ws = flat<T>(w), dws = flat<T>(dw);
    OptimState<T> state{first.tensor<T>(), second.tensor<T>(), t};
    Tensor<T> next;
    {
      const py::gil_scoped_release unlocked;
      next.assign(ws);
      update<T>(rule, next, dws, config, state);
    }
    const py::array next_w = result(std::move(next), type, w);
    if (rule == UpdateRule::sgd_momentum) return py::make_tuple(next_w, first.after(std::move(state.first), w, dw));
    if (rule == UpdateRule::rmsprop) return py::make_tuple(next_w, second.after(std::move(state.second), w, dw));
    return py::make_tuple(next_w, first.after(std::move(state.first), w, dw),
                          second.after(std::move(state.second), w, dw));
  });
}

py::tuple sgd_momentum_of(py::handle w_, py::handle dw, double learning_rate, double momentum, bool nesterov,
                          py::handle velocity) {
  constexpr std::string_view where = "sgd_momentum";
  const py::array w = numbers(where, "w", w_);
  return updated(UpdateRule::sgd_momentum, w, numbers(where, "dw", dw),
                 {.learning_rate = learning_rate, .momentum = momentum, .nesterov = nesterov, .rate_given = true},
                 {where, "velocity", velocity, w}, {where, "", py::none(), w}, 0);
}

py::tuple rmsprop_of(py::handle w_, py::handle dw, double learning_rate, double decay_rate, double epsilon,
                     py::handle cache) {
  constexpr std::string_view where = "rmsprop";
  const py::array w = numbers(where, "w", w_);
  return updated(UpdateRule::rmsprop, w, numbers(where, "dw", dw),
                 {.learning_rate = learning_rate, .decay_rate = decay_rate, .epsilon = epsilon, .rate_given = true},
                 {where, "", py::none(), w}, {where, "cache", cache, w}, 0);
}

py::tuple adam_of(py::handle w_, py::handle dw, double learning_rate, double beta1, double beta2, double epsilon,
                  py::handle m, py::handle v, Index t) {
  constexpr std::string_view where = "adam";
  const py::array w = numbers(where, "w", w_);
  return updated(
      UpdateRule::adam, w, numbers(where, "dw", dw),
      {.learning_rate = learning_rate, .beta1 = beta1, .beta2 = beta2, .epsilon = epsilon, .rate_given = true},
      {where, "m", m, w}, {where, "v", v, w}, t);
}

}  // namespace

void bind_optim(py::module_& m) {
  m.def("sgd", &sgd_of, py::arg("w"), py::arg("dw"), py::arg("learning_rate"));
  m.def("sgd_momentum", &sgd_momentum_of, py::arg("w"), py::arg("dw"), py::arg("learning_rate"), py::arg("momentum"),
        py::arg("nesterov"), py::arg("velocity"));
  m.def("rmsprop", &rmsprop_of, py::arg("w"), py::arg("dw"), py::arg("learning_rate"), py::arg("decay_rate"),
        py::arg("epsilon"), py::arg("cache"));
  m.def("adam", &adam_of, py::arg("w"), py::arg("dw"), py::arg("learning_rate"), py::arg("beta1"), py::arg("beta2"),
        py::arg("epsilon"), py::arg("m"), py::arg("v"), py::arg("t"));
}

}  // namespace lamina::python
