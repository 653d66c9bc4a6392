#include "lamina/layers/dropout.h"

#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"
#include "python/bindings/random.h"

namespace lamina::python {
namespace {

constexpr std::string_view kDropout = "dropout_forward";

// NumPy's draws where its global generator is not MT19937.
template <class T>
void dropout_of(const TensorView<T>& x, const TensorView<double>& uniform, double p, Tensor<T>& out,
                DropoutCache<T>& state) {
  out.resize(x.shape());
  state.mask.resize(x.shape());
  for (Index i = 0; i < x.size(); ++i) {
    state.mask[i] = uniform[i] < p ? static_cast<T>(1 / p) : T{0};
    out[i] = x[i] * state.mask[i];
  }
}

py::tuple forward_dropout(py::handle x_, double p, bool train) {
  const py::array x = numbers(kDropout, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs = flat<T>(x);
    Tensor<T> out;
    DropoutCache<T> state;
    const DropoutParam param{.p = p, .mode = train ? Mode::train : Mode::test};
    const bool draws = train && p > 0 && p <= 1;  // else lamina says what is wrong, before a draw
    if (draws && !global_random_is_mt19937()) {
      const Input<double> uniform =
          flat<double>(call(py::module_::import("numpy.random").attr("random_sample"), x.size()));
      const Unlocked unlocked;
      dropout_of<T>(xs, uniform, p, out, state);
    } else if (draws) {
      GlobalRandom random(kDropout);
      const Unlocked unlocked;
      dropout_forward<T>(xs, param, random.state(), out, state);
    } else {
      RandomState unused;
      const Unlocked unlocked;
      dropout_forward<T>(xs, param, unused, out, state);
    }
    auto cache = make_cache<DropoutCache>(kDropout, std::move(state));
    cache->out_shape = lengths(x);
    return py::make_tuple(result(std::move(out), type, x), handed_over(std::move(cache)));
  });
}

py::array backward_dropout(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "dropout_backward";
  auto& cache = cache_of<DropoutCache>(where, kDropout, cache_);
  const py::array dout = numbers(where, "dout", dout_);
  check_lengths(where, "dout", dout, cache.out_shape, "out");
  const Type type = promoted({&dout});
  return with_type(type, [&]<class T>() {
    const Input<T> douts = flat<T>(dout);
    Tensor<T> dx;
    cache.with_state<T>([&](const DropoutCache<T>& state) { dropout_backward<T>(douts, state, dx); });
    return result(std::move(dx), type, dout);
  });
}

}  // namespace

void bind_dropout(py::module_& m) {
  m.def("dropout_forward", &forward_dropout, py::arg("x"), py::arg("p"), py::arg("train"));
  m.def("dropout_backward", &backward_dropout, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
