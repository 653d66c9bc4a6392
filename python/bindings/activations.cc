// The activations: elementwise, on any number of axes.
#include <any>

#include "lamina/layers/elu.h"
#include "lamina/layers/gelu.h"
#include "lamina/layers/leaky_relu.h"
#include "lamina/layers/relu.h"
#include "lamina/layers/sigmoid.h"
#include "lamina/layers/silu.h"
#include "lamina/layers/tanh.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"

namespace lamina::python {
namespace {

// A forward pass: run(x, out) without the GIL.
template <class Run>
py::tuple forward(std::string_view where, py::handle x_, Run&& run, const std::any& settings = {}) {
  const py::array x = numbers(where, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs = flat<T>(x);
    Tensor<T> out;
    interruptible([&] { run(xs.view(), out); });
    auto cache = std::make_unique<Cache>(where);
    cache->keep("x", x);
    cache->settings = settings;
    return py::make_tuple(result(std::move(out), type, x), handed_over(std::move(cache)));
  });
}

// A backward pass of `layer`: run(dout, x, dx, cache) without the GIL, in a type that holds both.
template <class Run>
py::array backward(std::string_view where, std::string_view layer, py::handle dout_, py::handle cache_, Run&& run) {
  const Cache& cache = find_cache(where, layer, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x");
  check_lengths(where, "dout", dout, lengths(x), "x");
  return with_type(promoted({&dout, &x}), [&]<class T>() {
    const Input<T> douts = flat<T>(dout), xs = flat<T>(x);
    Tensor<T> dx;
    interruptible([&] { run(douts.view(), xs.view(), dx, cache); });
    return result(std::move(dx), promoted({&dout}), dout);
  });
}

py::tuple relu(py::handle x) {
  return forward("relu_forward", x, []<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    ReluCache<T> cache;
    relu_forward(xs, out, cache);
  });
}

// x is positive exactly where the output is.
py::array relu_gradient(py::handle dout, py::handle cache) {
  return backward("relu_backward", "relu_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache&) {
                    relu_backward(douts, ReluCache<T>{xs}, dx);
                  });
}

py::tuple leaky_relu(py::handle x, double slope) {
  const auto run = [slope]<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    LeakyReluCache<T> cache;
    leaky_relu_forward(xs, slope, out, cache);
  };
  return forward("leaky_relu_forward", x, run, slope);
}

py::array leaky_relu_gradient(py::handle dout, py::handle cache) {
  return backward("leaky_relu_backward", "leaky_relu_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache& kept) {
                    leaky_relu_backward(douts, LeakyReluCache<T>{xs, std::any_cast<double>(kept.settings)}, dx);
                  });
}

py::tuple sigmoid(py::handle x) {
  return forward("sigmoid_forward", x, []<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    SigmoidCache<T> cache;
    sigmoid_forward(xs, out, cache);
  });
}

py::array sigmoid_gradient(py::handle dout, py::handle cache) {
  return backward("sigmoid_backward", "sigmoid_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache&) {
                    Tensor<T> out;
                    SigmoidCache<T> state;
                    sigmoid_forward(xs, out, state);
                    sigmoid_backward(douts, state, dx);
                  });
}

py::tuple tanh(py::handle x) {
  return forward("tanh_forward", x, []<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    TanhCache<T> cache;
    tanh_forward(xs, out, cache);
  });
}

py::array tanh_gradient(py::handle dout, py::handle cache) {
  return backward("tanh_backward", "tanh_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache&) {
                    Tensor<T> out;
                    TanhCache<T> state;
                    tanh_forward(xs, out, state);
                    tanh_backward(douts, state, dx);
                  });
}

py::tuple silu(py::handle x) {
  return forward("silu_forward", x, []<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    SiluCache<T> cache;
    silu_forward(xs, out, cache);
  });
}

py::array silu_gradient(py::handle dout, py::handle cache) {
  return backward("silu_backward", "silu_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache&) {
                    silu_backward(douts, SiluCache<T>{xs}, dx);
                  });
}

py::tuple elu(py::handle x, double alpha) {
  const auto run = [alpha]<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    EluCache<T> cache;
    elu_forward(xs, alpha, out, cache);
  };
  return forward("elu_forward", x, run, alpha);
}

py::array elu_gradient(py::handle dout, py::handle cache) {
  return backward("elu_backward", "elu_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache& kept) {
                    Tensor<T> out;
                    EluCache<T> state;
                    elu_forward(xs, std::any_cast<double>(kept.settings), out, state);
                    elu_backward(douts, state, dx);
                  });
}

py::tuple gelu(py::handle x, bool tanh) {
  const GeluForm form = tanh ? GeluForm::tanh : GeluForm::exact;
  const auto run = [form]<class T>(const TensorView<T>& xs, Tensor<T>& out) {
    GeluCache<T> cache;
    gelu_forward(xs, form, out, cache);
  };
  return forward("gelu_forward", x, run, form);
}

py::array gelu_gradient(py::handle dout, py::handle cache) {
  return backward("gelu_backward", "gelu_forward", dout, cache,
                  []<class T>(const TensorView<T>& douts, const TensorView<T>& xs, Tensor<T>& dx, const Cache& kept) {
                    gelu_backward(douts, GeluCache<T>{xs, std::any_cast<GeluForm>(kept.settings)}, dx);
                  });
}

}  // namespace

void bind_activations(py::module_& m) {
  m.def("relu_forward", &relu, py::arg("x"));
  m.def("relu_backward", &relu_gradient, py::arg("dout"), py::arg("cache"));
  m.def("leaky_relu_forward", &leaky_relu, py::arg("x"), py::arg("slope"));
  m.def("leaky_relu_backward", &leaky_relu_gradient, py::arg("dout"), py::arg("cache"));
  m.def("sigmoid_forward", &sigmoid, py::arg("x"));
  m.def("sigmoid_backward", &sigmoid_gradient, py::arg("dout"), py::arg("cache"));
  m.def("tanh_forward", &tanh, py::arg("x"));
  m.def("tanh_backward", &tanh_gradient, py::arg("dout"), py::arg("cache"));
  m.def("silu_forward", &silu, py::arg("x"));
  m.def("silu_backward", &silu_gradient, py::arg("dout"), py::arg("cache"));
  m.def("elu_forward", &elu, py::arg("x"), py::arg("alpha"));
  m.def("elu_backward", &elu_gradient, py::arg("dout"), py::arg("cache"));
  m.def("gelu_forward", &gelu, py::arg("x"), py::arg("tanh"));
  m.def("gelu_backward", &gelu_gradient, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
