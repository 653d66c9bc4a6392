#include "lamina/layers/affine.h"

#include "python/bindings/arrays.h"
#include "python/bindings/bias.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"

namespace lamina::python {
namespace {

// x (N, d_1, ..., d_k) as the library takes it: (N, D) where it has more axes than a Shape.
template <class T>
Input<T> examples(std::string_view where, const py::array& x) {
  if (x.ndim() <= Shape::kMaxRank) return Input<T>(where, "x", x);
  const Index N = x.shape(0);
  Index D = 1;
  for (int axis = 1; axis < x.ndim(); ++axis) D *= x.shape(axis);
  return Input<T>(x, Shape{N, D});
}

py::tuple forward_affine(py::handle x_, py::handle w_, py::handle b_) {
  constexpr std::string_view where = "affine_forward";
  const py::array x = numbers(where, "x", x_), w = numbers(where, "w", w_);
  const Bias b(where, b_);
  const Type type = promoted({&x, &w, b.or_else(x)});
  return with_type(type, [&]<class T>() {
    const Input<T> xs = examples<T>(where, x), ws(where, "w", w), bs = b.input<T>();
    Tensor<T> out;
    AffineCache<T> state;
    interruptible([&] { lamina::affine_forward<T>(xs, ws, bs, out, state); });
    auto cache = make_cache<AffineCache>(where, std::move(state));
    cache->keep("x", x);
    cache->keep("w", w);
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::tuple backward_affine(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "affine_backward";
  auto& cache = cache_of<AffineCache>(where, "affine_forward", cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w");
  const Type type = promoted({&dout, &x, &w});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs = examples<T>(where, x), ws(where, "w", w);
    AffineGradients<T> grads;
    cache.with_state<T>([&](AffineCache<T>& state) {
      state.x = xs;
      state.w = ws;
      grads = lamina::affine_backward<T>(douts, state);
    });
    return py::make_tuple(result(std::move(grads.dx), type, x), result(std::move(grads.dw), type),
                          bias_gradient(std::move(grads.db), type));
  });
}

}  // namespace

void bind_affine(py::module_& m) {
  m.def("affine_forward", &forward_affine, py::arg("x"), py::arg("w"), py::arg("b"));
  m.def("affine_backward", &backward_affine, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
