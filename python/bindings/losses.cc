// The losses of layers/: of labels, and of numbers.
#include "lamina/layers/absolute_loss.h"
#include "lamina/layers/huber_loss.h"
#include "lamina/layers/sigmoid_loss.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/layers/squared_loss.h"
#include "lamina/layers/svm_loss.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/interrupt.h"

namespace lamina::python {
namespace {

// run(x, dx, weights) without the GIL gives the loss.
template <class Run>
py::tuple loss(std::string_view where, py::handle x_, py::handle weights_, Run&& run) {
  const py::array x = numbers(where, "x", x_);
  const std::vector<double> weights = weights_of(where, weights_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(where, "x", x);
    Tensor<T> dx;
    const double value = run(xs.view(), dx, std::span<const double>(weights));
    return py::make_tuple(value, result(std::move(dx), type));
  });
}

// compute(x, t, &dx, weights) is a loss of numbers.
template <class Compute>
py::tuple loss_of_numbers(std::string_view where, py::handle x_, py::handle t_, py::handle weights_,
                          Compute&& compute) {
  const py::array t = numbers(where, "t", t_);
  return loss(where, x_, weights_,
              [&]<class T>(const TensorView<T>& x, Tensor<T>& dx, std::span<const double> weights) {
                const Input<T> ts(where, "t", t);
                double value;
                interruptible([&] { value = compute(x, ts.view(), &dx, weights); });
                return value;
              });
}

py::tuple softmax_loss_of(py::handle x_, py::handle y_, double label_smoothing, py::handle weights_) {
  const std::vector<Label> y = labels("softmax_loss", "y", y_);
  return loss("softmax_loss", x_, weights_,
              [&]<class T>(const TensorView<T>& x, Tensor<T>& dx, std::span<const double> weights) {
                double value;
                interruptible([&] { value = softmax_loss<T>(x, y, &dx, label_smoothing, weights); });
                return value;
              });
}

py::tuple svm_loss_of(py::handle x_, py::handle y_, py::handle weights_) {
  const std::vector<Label> y = labels("svm_loss", "y", y_);
  return loss("svm_loss", x_, weights_,
              [&]<class T>(const TensorView<T>& x, Tensor<T>& dx, std::span<const double> weights) {
                double value;
                interruptible([&] { value = svm_loss<T>(x, y, &dx, weights); });
                return value;
              });
}

py::tuple sigmoid_loss_of(py::handle x, py::handle t, py::handle weights) {
  return loss_of_numbers("sigmoid_loss", x, t, weights, [](const auto&... a) { return sigmoid_loss(a...); });
}

py::tuple squared_loss_of(py::handle x, py::handle t, py::handle weights) {
  return loss_of_numbers("squared_loss", x, t, weights, [](const auto&... a) { return squared_loss(a...); });
}

py::tuple absolute_loss_of(py::handle x, py::handle t, py::handle weights) {
  return loss_of_numbers("absolute_loss", x, t, weights, [](const auto&... a) { return absolute_loss(a...); });
}

py::tuple huber_loss_of(py::handle x, py::handle t, double delta, py::handle weights) {
  return loss_of_numbers("huber_loss", x, t, weights, [=](const auto& x_, const auto& t_, auto* dx, auto weights_) {
    return huber_loss(x_, t_, dx, delta, weights_);
  });
}

py::array softmax_of(py::handle x_) {
  constexpr std::string_view where = "softmax";
  const py::array x = numbers(where, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(where, "x", x);
    Tensor<T> out;
    interruptible([&] { softmax<T>(xs, out); });
    return result(std::move(out), type);
  });
}

}  // namespace

void bind_losses(py::module_& m) {
  m.def("softmax_loss", &softmax_loss_of, py::arg("x"), py::arg("y"), py::arg("label_smoothing"), py::arg("weights"));
  m.def("svm_loss", &svm_loss_of, py::arg("x"), py::arg("y"), py::arg("weights"));
  m.def("sigmoid_loss", &sigmoid_loss_of, py::arg("x"), py::arg("t"), py::arg("weights"));
  m.def("squared_loss", &squared_loss_of, py::arg("x"), py::arg("t"), py::arg("weights"));
  m.def("absolute_loss", &absolute_loss_of, py::arg("x"), py::arg("t"), py::arg("weights"));
  m.def("huber_loss", &huber_loss_of, py::arg("x"), py::arg("t"), py::arg("delta"), py::arg("weights"));
  m.def("softmax", &softmax_of, py::arg("x"));
}

}  // namespace lamina::python
