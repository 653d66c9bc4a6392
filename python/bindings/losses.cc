// Softmax and hinge loss.
#include "lamina/layers/softmax_loss.h"
#include "lamina/layers/svm_loss.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/interrupt.h"

namespace lamina::python {
namespace {

// run(x, y, dx) without the GIL gives the loss.
template <class Run>
py::tuple loss(std::string_view where, py::handle x_, py::handle y_, Run&& run) {
  const py::array x = numbers(where, "x", x_);
  const std::vector<Label> y = labels(where, "y", y_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(where, "x", x);
    Tensor<T> dx;
    double value;
    interruptible([&] { value = run(xs.view(), std::span<const Label>(y), dx); });
    return py::make_tuple(value, result(std::move(dx), type));
  });
}

py::tuple softmax_loss_of(py::handle x, py::handle y, double label_smoothing) {
  return loss("softmax_loss", x, y,
              [=]<class T>(const TensorView<T>& scores, std::span<const Label> classes, Tensor<T>& dx) {
                return softmax_loss(scores, classes, &dx, label_smoothing);
              });
}

py::tuple svm_loss_of(py::handle x, py::handle y) {
  return loss("svm_loss", x, y,
              []<class T>(const TensorView<T>& scores, std::span<const Label> classes, Tensor<T>& dx) {
                return svm_loss(scores, classes, &dx);
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
  m.def("softmax_loss", &softmax_loss_of, py::arg("x"), py::arg("y"), py::arg("label_smoothing"));
  m.def("svm_loss", &svm_loss_of, py::arg("x"), py::arg("y"));
  m.def("softmax", &softmax_of, py::arg("x"));
}

}  // namespace lamina::python
