// Convolution: the library's fast path, and its specification in plain loops.
#include "lamina/layers/conv.h"

#include "lamina/layers/conv_naive.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bias.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"
#include "python/bindings/convolutions.h"

namespace lamina::python {
namespace {

constexpr std::string_view kFast = "conv_forward_fast", kNaive = "conv_forward_naive";

py::tuple fast_forward(py::handle x_, py::handle w_, py::handle b_, const py::tuple& settings) {
  const py::array x = numbers(kFast, "x", x_), w = numbers(kFast, "w", w_);
  const Bias b(kFast, b_);
  const ConvParam param = conv_param(settings);
  const Type type = promoted({&x, &w, b.or_else(x)});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kFast, "x", x), ws(kFast, "w", w), bs = b.input<T>();
    Tensor<T> out;
    ConvCache<T> state;
    interruptible([&] { lamina::detail::conv_forward<T>(kFast, xs, ws, bs, param, false, out, state); });
    auto cache = make_cache<ConvCache>(kFast, std::move(state));
    cache->keep("x", x);
    cache->keep("w", w);
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::tuple fast_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "conv_backward_fast";
  auto& cache = cache_of<ConvCache>(where, kFast, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w");
  const Type type = promoted({&dout, &x, &w});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), ws(where, "w", w);
    ConvGradients<T> grads;
    cache.with_state<T>([&](ConvCache<T>& state) {
      state.x = xs;
      state.w = ws;
      grads.dw.resize(state.w.shape());
      if (state.bias) grads.db.resize({state.w.dim(0)});
      lamina::detail::conv_backward<T>(where, douts, state, &grads.dx, grads.dw, grads.db);
    });
    return py::make_tuple(result(std::move(grads.dx), type), result(std::move(grads.dw), type),
                          bias_gradient(std::move(grads.db), type));
  });
}

struct NaiveSettings {
  ConvParam param;
  bool bias;
};

py::tuple naive_forward(py::handle x_, py::handle w_, py::handle b_, const py::tuple& settings) {
  const py::array x = numbers(kNaive, "x", x_), w = numbers(kNaive, "w", w_);
  const Bias b(kNaive, b_);
  const ConvParam param = conv_param(settings);
  const Type type = promoted({&x, &w, b.or_else(x)});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kNaive, "x", x), ws(kNaive, "w", w), bs = b.input<T>();
    lamina::detail::check_convolution<T>(kNaive, xs, ws, bs, param);
    Tensor<T> out;
    interruptible([&] { out = naive::conv_forward<T>(xs, ws, bs, param); });
    auto cache = std::make_unique<Cache>(kNaive);
    cache->keep("x", x);
    cache->keep("w", w);
    cache->settings = NaiveSettings{param, !bs.view().empty()};
    cache->out_shape = lengths(out.shape());
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::tuple naive_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "conv_backward_naive";
  const Cache& cache = find_cache(where, kNaive, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w");
  check_lengths(where, "dout", dout, cache.out_shape, "out");
  const auto [param, bias] = std::any_cast<NaiveSettings>(cache.settings);
  const Type type = promoted({&dout, &x, &w});
  return with_type(type, [&, param = param, bias = bias]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), ws(where, "w", w);
    ConvGradients<T> grads;
    interruptible([&] { grads = naive::conv_backward<T>(douts, xs, ws, param, bias); });
    return py::make_tuple(result(std::move(grads.dx), type), result(std::move(grads.dw), type),
                          bias_gradient(std::move(grads.db), type));
  });
}

}  // namespace

void bind_conv(py::module_& m) {
  m.def("conv_forward_fast", &fast_forward, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("conv_param"));
  m.def("conv_backward_fast", &fast_backward, py::arg("dout"), py::arg("cache"));
  m.def("conv_forward_naive", &naive_forward, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("conv_param"));
  m.def("conv_backward_naive", &naive_backward, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
