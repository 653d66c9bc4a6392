// affine - [normalization] - relu in one call.
#include "lamina/sandwiches/affine_norm_relu_dropout.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"
#include "python/bindings/running.h"

namespace lamina::python {
namespace {

// What stands between the affine layer and its ReLU.
struct Hidden {
  std::string layer;
  Normalization normalization = Normalization::none;
  std::optional<py::array> gamma = {}, beta = {};
  std::optional<BatchNormArguments> batchnorm = {};
  double eps = 1e-5;  // of layer normalization
};

py::tuple forward(py::handle x_, py::handle w_, py::handle b_, const Hidden& hidden) {
  const std::string_view where = hidden.layer;
  const py::array x = numbers(where, "x", x_), w = numbers(where, "w", w_), b = numbers(where, "b", b_);
  const bool normalized = hidden.normalization != Normalization::none;
  const Type type = normalized ? promoted({&x, &w, &b, &*hidden.gamma, &*hidden.beta}) : promoted({&x, &w, &b});
  const Type computed = hidden.batchnorm ? hidden.batchnorm->computed(type) : type;
  return with_type(computed, [&]<class T>() -> py::tuple {
    const Input<T> xs(where, "x", x), ws(where, "w", w), bs(where, "b", b);
    const Input<T> gammas = normalized ? Input<T>(where, "gamma", *hidden.gamma) : Input<T>();
    const Input<T> betas = normalized ? Input<T>(where, "beta", *hidden.beta) : Input<T>();
    const BatchNormParam<T> before = hidden.batchnorm ? hidden.batchnorm->param<T>() : BatchNormParam<T>();
    BatchNormParam<T> bn_param;
    AffineNormReluDropoutParam<T> param;
    param.normalization = hidden.normalization;
    param.batchnorm = &bn_param;
    param.layernorm.eps = hidden.eps;
    Tensor<T> out;
    AffineNormReluDropoutCache<T> state;
    interruptible([&] {
      bn_param = before;
      affine_norm_relu_dropout_forward<T>(xs, ws, bs, gammas, betas, param, out, state);
      state.hidden = out;  // the caller may change the other one
    });
    auto cache = make_cache<AffineNormReluDropoutCache>(where, std::move(state));
    cache->keep("x", x);
    cache->keep("w", w);
    if (normalized) cache->keep("gamma", *hidden.gamma);
    const py::array returned = result(std::move(out), hidden.batchnorm ? hidden.batchnorm->returned(type) : type);
    if (!hidden.batchnorm) return py::make_tuple(returned, handed_over(std::move(cache)));
    return py::make_tuple(returned, handed_over(std::move(cache)),
                          hidden.batchnorm->running_mean(std::move(bn_param), x),
                          hidden.batchnorm->running_var(std::move(bn_param), x));
  });
}

// dx, dw, db and, where there is a normalization, dgamma and dbeta.
py::tuple backward(const std::string& where, const std::string& layer, py::handle dout_, py::handle cache_,
                   bool normalized) {
  auto& cache = cache_of<AffineNormReluDropoutCache>(where, layer, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), w = cache.kept(where, "w");
  const py::array gamma = normalized ? cache.kept(where, "gamma") : w;
  const Type type = promoted({&dout, &x, &w, &gamma});
  return with_type(type, [&]<class T>() -> py::tuple {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), ws(where, "w", w), gammas(where, "gamma", gamma);
    Tensor<T> dx, dw, db, dgamma, dbeta;
    cache.with_state<T>([&](AffineNormReluDropoutCache<T>& state) {
      state.affine.x = xs;
      state.affine.w = ws;
      state.batchnorm.x = state.layernorm.x = state.a;
      state.batchnorm.gamma = state.layernorm.gamma = gammas;
      state.out = state.relu.out = state.hidden;
      dw.resize(ws.view().shape());
      for (Tensor<T>* grad : {&db, &dgamma, &dbeta}) grad->resize({ws.view().dim(1)});
      affine_norm_relu_dropout_backward<T>(douts, state, &dx, dw, db, dgamma, dbeta);
    });
    const py::array dx_array = result(std::move(dx), type), dw_array = result(std::move(dw), type),
                    db_array = result(std::move(db), type);
    if (!normalized) return py::make_tuple(dx_array, dw_array, db_array);
    return py::make_tuple(dx_array, dw_array, db_array, result(std::move(dgamma), type),
                          result(std::move(dbeta), type));
  });
}

void normalize(Hidden& hidden, Normalization normalization, py::handle gamma, py::handle beta) {
  hidden.normalization = normalization;
  hidden.gamma = numbers(hidden.layer, "gamma", gamma);
  hidden.beta = numbers(hidden.layer, "beta", beta);
}

py::tuple affine_relu(py::handle x, py::handle w, py::handle b) {
  return forward(x, w, b, {.layer = "affine_relu_forward"});
}

py::tuple affine_bn_relu(py::handle x, py::handle w, py::handle b, py::handle gamma, py::handle beta, bool train,
                         double eps, double momentum, py::handle running_mean, py::handle running_var) {
  Hidden hidden{.layer = "affine_bn_relu_forward"};
  normalize(hidden, Normalization::batchnorm, gamma, beta);
  hidden.batchnorm.emplace(hidden.layer, train, eps, momentum, running_mean, running_var);
  return forward(x, w, b, hidden);
}

py::tuple affine_ln_relu(py::handle x, py::handle w, py::handle b, py::handle gamma, py::handle beta, double eps) {
  Hidden hidden{.layer = "affine_ln_relu_forward"};
  normalize(hidden, Normalization::layernorm, gamma, beta);
  hidden.eps = eps;
  return forward(x, w, b, hidden);
}

}  // namespace

void bind_affine_sandwiches(py::module_& m) {
  m.def("affine_relu_forward", &affine_relu, py::arg("x"), py::arg("w"), py::arg("b"));
  m.def(
      "affine_relu_backward",
      [](py::handle dout, py::handle cache) {
        return backward("affine_relu_backward", "affine_relu_forward", dout, cache, false);
      },
      py::arg("dout"), py::arg("cache"));
  m.def("affine_bn_relu_forward", &affine_bn_relu, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("gamma"),
        py::arg("beta"), py::arg("train"), py::arg("eps"), py::arg("momentum"), py::arg("running_mean"),
        py::arg("running_var"));
  m.def(
      "affine_bn_relu_backward",
      [](py::handle dout, py::handle cache) {
        return backward("affine_bn_relu_backward", "affine_bn_relu_forward", dout, cache, true);
      },
      py::arg("dout"), py::arg("cache"));
  m.def("affine_ln_relu_forward", &affine_ln_relu, py::arg("x"), py::arg("w"), py::arg("b"), py::arg("gamma"),
        py::arg("beta"), py::arg("eps"));
  m.def(
      "affine_ln_relu_backward",
      [](py::handle dout, py::handle cache) {
        return backward("affine_ln_relu_backward", "affine_ln_relu_forward", dout, cache, true);
      },
      py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
