// conv - relu, conv - batch normalization - relu, conv - relu - max pool in one call.
#include "lamina/sandwiches/conv_bn_relu.h"
#include "lamina/sandwiches/conv_relu.h"
#include "lamina/sandwiches/conv_relu_pool.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bias.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"
#include "python/bindings/convolutions.h"
#include "python/bindings/running.h"

namespace lamina::python {
namespace {

constexpr std::string_view kRelu = "conv_relu_forward", kBnRelu = "conv_bn_relu_forward",
                           kReluPool = "conv_relu_pool_forward";

// The library's caches view the output, which the caller may change: the cache keeps a copy.
template <class T>
void keep_copy(Cache& cache, const Tensor<T>& out) {
  cache.keep("out", result(Tensor<T>(out), type_of<T>()));
}

py::tuple relu_forward(py::handle x_, py::handle w_, py::handle b_, const py::tuple& settings) {
  const py::array x = numbers(kRelu, "x", x_), w = numbers(kRelu, "w", w_);
  const Bias b(kRelu, b_);
  const ConvParam conv = conv_param(settings);
  const Type type = promoted({&x, &w, b.or_else(x)});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kRelu, "x", x), ws(kRelu, "w", w), bs = b.input<T>();
    Tensor<T> out;
    ConvReluCache<T> state;
    interruptible([&] { conv_relu_forward<T>(xs, ws, bs, conv, out, state); });
    auto cache = make_cache<ConvReluCache>(kRelu, std::move(state));
    cache->keep("x", x);
    cache->keep("w", w);
    keep_copy(*cache, out);
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::tuple relu_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "conv_relu_backward";
  auto& cache = cache_of<ConvReluCache>(where, kRelu, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w");
  const Type type = promoted({&dout, &x, &w});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), ws(where, "w", w);
    const Input<T> outs(where, "out", cache.kept(where, "out"));
    Tensor<T> dx, dw, db;
    cache.with_state<T>([&](ConvReluCache<T>& state) {
      state.conv.x = xs;
      state.conv.w = ws;
      state.relu.out = outs;
      dw.resize(ws.view().shape());
      if (state.conv.bias) db.resize({ws.view().dim(0)});
      conv_relu_backward<T>(douts, state, &dx, dw, db);
    });
    return py::make_tuple(result(std::move(dx), type), result(std::move(dw), type), bias_gradient(std::move(db), type));
  });
}

py::tuple bn_relu_forward(py::handle x_, py::handle w_, py::handle b_, py::handle gamma_, py::handle beta_,
                          const py::tuple& settings, bool train, double eps, double momentum, py::handle running_mean,
                          py::handle running_var) {
  const py::array x = numbers(kBnRelu, "x", x_), w = numbers(kBnRelu, "w", w_),
                  gamma = numbers(kBnRelu, "gamma", gamma_), beta = numbers(kBnRelu, "beta", beta_);
  const Bias b(kBnRelu, b_);
  const ConvParam conv = conv_param(settings);
  const BatchNormArguments bn(kBnRelu, train, eps, momentum, running_mean, running_var);
  const Type type = promoted({&x, &w, b.or_else(x), &gamma, &beta});
  return with_type(bn.computed(type), [&]<class T>() {
    const Input<T> xs(kBnRelu, "x", x), ws(kBnRelu, "w", w), bs = b.input<T>(), gammas(kBnRelu, "gamma", gamma),
                                                             betas(kBnRelu, "beta", beta);
    const BatchNormParam<T> before = bn.param<T>();
    BatchNormParam<T> param;
    Tensor<T> out;
    ConvBnReluCache<T> state;
    interruptible([&] {
      param = before;
      conv_bn_relu_forward<T>(xs, ws, bs, gammas, betas, conv, param, out, state);
    });
    auto cache = make_cache<ConvBnReluCache>(kBnRelu, std::move(state));
    cache->keep("x", x);
    cache->keep("w", w);
    cache->keep("gamma", gamma);
    keep_copy(*cache, out);
    return py::make_tuple(result(std::move(out), bn.returned(type)), handed_over(std::move(cache)),
                          bn.running_mean(std::move(param), x), bn.running_var(std::move(param), x));
  });
}

py::tuple bn_relu_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "conv_bn_relu_backward";
  auto& cache = cache_of<ConvBnReluCache>(where, kBnRelu, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w"),
                  gamma = cache.kept(where, "gamma");
  const Type type = promoted({&dout, &x, &w, &gamma});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), ws(where, "w", w), gammas(where, "gamma", gamma);
    const Input<T> outs(where, "out", cache.kept(where, "out"));
    Tensor<T> dx, dw, db, dgamma, dbeta;
    cache.with_state<T>([&](ConvBnReluCache<T>& state) {
      state.conv.x = xs;
      state.conv.w = ws;
      state.batchnorm.x = state.a;
      state.batchnorm.gamma = gammas;
      state.relu.out = outs;
      dw.resize(ws.view().shape());
      if (state.conv.bias) db.resize({ws.view().dim(0)});
      for (Tensor<T>* grad : {&dgamma, &dbeta}) grad->resize(gammas.view().shape());
      conv_bn_relu_backward<T>(douts, state, &dx, dw, db, dgamma, dbeta);
    });
    return py::make_tuple(result(std::move(dx), type), result(std::move(dw), type), bias_gradient(std::move(db), type),
                          result(std::move(dgamma), type), result(std::move(dbeta), type));
  });
}

py::tuple relu_pool_forward(py::handle x_, py::handle w_, py::handle b_, const py::tuple& settings, Index pool_height,
                            Index pool_width, Index pool_stride) {
  const py::array x = numbers(kReluPool, "x", x_), w = numbers(kReluPool, "w", w_);
  const Bias b(kReluPool, b_);
  const ConvParam conv = conv_param(settings);
  const Type type = promoted({&x, &w, b.or_else(x)});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kReluPool, "x", x), ws(kReluPool, "w", w), bs = b.input<T>();
    const PoolParam pool{.pool_height = pool_height, .pool_width = pool_width, .stride = pool_stride};
    Tensor<T> out;
    ConvReluPoolCache<T> state;
    interruptible([&] { conv_relu_pool_forward<T>(xs, ws, bs, conv, pool, out, state); });
    auto cache = make_cache<ConvReluPoolCache>(kReluPool, std::move(state));
    cache->keep("x", x);
    cache->keep("w", w);
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::tuple relu_pool_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "conv_relu_pool_backward";
  auto& cache = cache_of<ConvReluPoolCache>(where, kReluPool, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w");
  const Type type = promoted({&dout, &x, &w});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), ws(where, "w", w);
    Tensor<T> dx, dw, db;
    cache.with_state<T>([&](ConvReluPoolCache<T>& state) {
      state.conv_relu.conv.x = xs;
      state.conv_relu.conv.w = ws;
      state.conv_relu.relu.out = state.hidden;
      dw.resize(ws.view().shape());
      if (state.conv_relu.conv.bias) db.resize({ws.view().dim(0)});
      conv_relu_pool_backward<T>(douts, state, &dx, dw, db);
    });
    return py::make_tuple(result(std::move(dx), type), result(std::move(dw), type), bias_gradient(std::move(db), type));
  });
}

}  // namespace

void bind_conv_sandwiches(py::module_& m) {
  m.def("conv_relu_forward", &relu_forward, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("conv_param"));
  m.def("conv_relu_backward", &relu_backward, py::arg("dout"), py::arg("cache"));
  m.def("conv_bn_relu_forward", &bn_relu_forward, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("gamma"),
        py::arg("beta"), py::arg("conv_param"), py::arg("train"), py::arg("eps"), py::arg("momentum"),
        py::arg("running_mean"), py::arg("running_var"));
  m.def("conv_bn_relu_backward", &bn_relu_backward, py::arg("dout"), py::arg("cache"));
  m.def("conv_relu_pool_forward", &relu_pool_forward, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("conv_param"),
        py::arg("pool_height"), py::arg("pool_width"), py::arg("pool_stride"));
  m.def("conv_relu_pool_backward", &relu_pool_backward, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
