// Batch normalization, over rows and over images.
#include "lamina/layers/batchnorm.h"

#include "lamina/layers/spatial_batchnorm.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"
#include "python/bindings/running.h"

namespace lamina::python {
namespace {

// run(x, gamma, beta, param, out, state) without the GIL.
template <class Run>
py::tuple forward_batchnorm(std::string_view where, py::handle x_, py::handle gamma_, py::handle beta_,
                            const BatchNormArguments& bn, Run&& run) {
  const py::array x = numbers(where, "x", x_), gamma = numbers(where, "gamma", gamma_),
                  beta = numbers(where, "beta", beta_);
  const Type type = promoted({&x, &gamma, &beta});
  return with_type(bn.computed(type), [&]<class T>() {
    const Input<T> xs(where, "x", x), gammas(where, "gamma", gamma), betas(where, "beta", beta);
    const BatchNormParam<T> before = bn.param<T>();
    BatchNormParam<T> param;
    Tensor<T> out;
    BatchNormCache<T> state;
    interruptible([&] {
      param = before;
      run(xs.view(), gammas.view(), betas.view(), param, out, state);
    });
    auto cache = make_cache<BatchNormCache>(where, std::move(state));
    cache->keep("x", x);
    cache->keep("gamma", gamma);
    return py::make_tuple(result(std::move(out), bn.returned(type)), handed_over(std::move(cache)),
                          bn.running_mean(std::move(param), x), bn.running_var(std::move(param), x));
  });
}

// run(dout, state) without the GIL gives the gradients.
template <class Run>
py::tuple backward_batchnorm(std::string_view where, std::string_view layer, py::handle dout_, py::handle cache_,
                             Run&& run) {
  auto& cache = cache_of<BatchNormCache>(where, layer, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), gamma = cache.kept(where, "gamma");
  const Type type = promoted({&dout, &x, &gamma});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), gammas(where, "gamma", gamma);
    NormGradients<T> grads;
    cache.with_state<T>([&](BatchNormCache<T>& state) {
      state.x = xs;
      state.gamma = gammas;
      grads = run(douts.view(), state);
    });
    return py::make_tuple(result(std::move(grads.dx), type), result(std::move(grads.dgamma), type),
                          result(std::move(grads.dbeta), type));
  });
}

constexpr std::string_view kForward = "batchnorm_forward", kSpatial = "spatial_batchnorm_forward";

py::tuple rows_forward(py::handle x, py::handle gamma, py::handle beta, bool train, double eps, double momentum,
                       py::handle running_mean, py::handle running_var) {
  return forward_batchnorm(kForward, x, gamma, beta, {kForward, train, eps, momentum, running_mean, running_var},
                           []<class T>(const TensorView<T>& xs, const TensorView<T>& gammas, const TensorView<T>& betas,
                                       BatchNormParam<T>& param, Tensor<T>& out, BatchNormCache<T>& state) {
                             batchnorm_forward(xs, gammas, betas, param, out, state);
                           });
}

py::tuple rows_backward(py::handle dout, py::handle cache) {
  return backward_batchnorm("batchnorm_backward", kForward, dout, cache,
                            []<class T>(const TensorView<T>& douts, const BatchNormCache<T>& state) {
                              return batchnorm_backward<T>(douts, state);
                            });
}

py::tuple rows_backward_alt(py::handle dout, py::handle cache) {
  return backward_batchnorm("batchnorm_backward_alt", kForward, dout, cache,
                            []<class T>(const TensorView<T>& douts, const BatchNormCache<T>& state) {
                              return batchnorm_backward_alt<T>(douts, state);
                            });
}

py::tuple images_forward(py::handle x, py::handle gamma, py::handle beta, bool train, double eps, double momentum,
                         py::handle running_mean, py::handle running_var) {
  return forward_batchnorm(kSpatial, x, gamma, beta, {kSpatial, train, eps, momentum, running_mean, running_var},
                           []<class T>(const TensorView<T>& xs, const TensorView<T>& gammas, const TensorView<T>& betas,
                                       BatchNormParam<T>& param, Tensor<T>& out, BatchNormCache<T>& state) {
                             spatial_batchnorm_forward(xs, gammas, betas, param, out, state);
                           });
}

py::tuple images_backward(py::handle dout, py::handle cache) {
  return backward_batchnorm("spatial_batchnorm_backward", kSpatial, dout, cache,
                            []<class T>(const TensorView<T>& douts, const BatchNormCache<T>& state) {
                              return spatial_batchnorm_backward<T>(douts, state);
                            });
}

}  // namespace

void bind_batchnorm(py::module_& m) {
  m.def("batchnorm_forward", &rows_forward, py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("train"),
        py::arg("eps"), py::arg("momentum"), py::arg("running_mean"), py::arg("running_var"));
  m.def("batchnorm_backward", &rows_backward, py::arg("dout"), py::arg("cache"));
  m.def("batchnorm_backward_alt", &rows_backward_alt, py::arg("dout"), py::arg("cache"));
  m.def("spatial_batchnorm_forward", &images_forward, py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("train"),
        py::arg("eps"), py::arg("momentum"), py::arg("running_mean"), py::arg("running_var"));
  m.def("spatial_batchnorm_backward", &images_backward, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
