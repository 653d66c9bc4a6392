// Layer normalization and spatial group normalization.
#include "lamina/layers/groupnorm.h"
#include "lamina/layers/layernorm.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"

namespace lamina::python {
namespace {

constexpr std::string_view kLayer = "layernorm_forward", kGroup = "spatial_groupnorm_forward";

// run(x, gamma, beta, out, state) without the GIL.
template <template <class> class State, class Run>
py::tuple forward_norm(std::string_view where, py::handle x_, py::handle gamma_, py::handle beta_, Run&& run) {
  const py::array x = numbers(where, "x", x_), gamma = numbers(where, "gamma", gamma_),
                  beta = numbers(where, "beta", beta_);
  const Type type = promoted({&x, &gamma, &beta});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(where, "x", x), gammas(where, "gamma", gamma), betas(where, "beta", beta);
    Tensor<T> out;
    State<T> state;
    interruptible([&] { run(xs.view(), gammas.view(), betas.view(), out, state); });
    auto cache = make_cache<State>(where, std::move(state));
    cache->keep("x", x);
    cache->keep("gamma", gamma);
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

// run(dout, state) without the GIL gives the gradients.
template <template <class> class State, class Run>
py::tuple backward_norm(std::string_view where, std::string_view layer, py::handle dout_, py::handle cache_,
                        Run&& run) {
  auto& cache = cache_of<State>(where, layer, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x"), gamma = cache.kept(where, "gamma");
  const Type type = promoted({&dout, &x, &gamma});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x), gammas(where, "gamma", gamma);
    NormGradients<T> grads;
    cache.template with_state<T>([&](State<T>& state) {
      state.x = xs;
      state.gamma = gammas;
      grads = run(douts.view(), state);
    });
    return py::make_tuple(result(std::move(grads.dx), type), result(std::move(grads.dgamma), type),
                          result(std::move(grads.dbeta), type));
  });
}

py::tuple layer_forward(py::handle x, py::handle gamma, py::handle beta, double eps) {
  return forward_norm<LayerNormCache>(
      kLayer, x, gamma, beta,
      [eps]<class T>(const TensorView<T>& xs, const TensorView<T>& gammas, const TensorView<T>& betas, Tensor<T>& out,
                     LayerNormCache<T>& state) {
        layernorm_forward(xs, gammas, betas, LayerNormParam{eps}, out, state);
      });
}

py::tuple layer_backward(py::handle dout, py::handle cache) {
  return backward_norm<LayerNormCache>("layernorm_backward", kLayer, dout, cache,
                                       []<class T>(const TensorView<T>& douts, const LayerNormCache<T>& state) {
                                         return layernorm_backward<T>(douts, state);
                                       });
}

py::tuple group_forward(py::handle x, py::handle gamma, py::handle beta, Index G, double eps) {
  return forward_norm<GroupNormCache>(
      kGroup, x, gamma, beta,
      [=]<class T>(const TensorView<T>& xs, const TensorView<T>& gammas, const TensorView<T>& betas, Tensor<T>& out,
                   GroupNormCache<T>& state) {
        spatial_groupnorm_forward(xs, gammas, betas, G, GroupNormParam{eps}, out, state);
      });
}

py::tuple group_backward(py::handle dout, py::handle cache) {
  return backward_norm<GroupNormCache>("spatial_groupnorm_backward", kGroup, dout, cache,
                                       []<class T>(const TensorView<T>& douts, const GroupNormCache<T>& state) {
                                         return spatial_groupnorm_backward<T>(douts, state);
                                       });
}

}  // namespace

void bind_norms(py::module_& m) {
  m.def("layernorm_forward", &layer_forward, py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("eps"));
  m.def("layernorm_backward", &layer_backward, py::arg("dout"), py::arg("cache"));
  m.def("spatial_groupnorm_forward", &group_forward, py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("G"),
        py::arg("eps"));
  m.def("spatial_groupnorm_backward", &group_backward, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
