// Parts of a training step, for loops in Python: they have the bits of the step in C++ (lamina/solver/training_step.h).
#include "python/bindings/steps.h"

#include <utility>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/optim/clipping.h"
#include "lamina/optim/schedule.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/gil.h"
#include "python/bindings/options.h"

namespace lamina::python {
namespace {

double factor(const py::dict& options, Index t, Index total, Index per_epoch) {
  return schedule_factor(step_options(options).schedule, t, total, per_epoch);
}

double scale(const py::list& grads, double clip_norm) {
  double squares = 0;
  for (const py::handle each : grads) {
    const py::array gradient = numbers("Solver", "a gradient", each);
    squares += with_type(promoted({&gradient}), [&]<class T>() {
      const Input<T> input = flat<T>(gradient);
      const Unlocked unlocked;
      return kernels::sum_of_squares(input.view().size(), input.view().data());
    });
  }
  return clip_scale(squares, clip_norm);
}

py::array decayed(py::handle w_, double share) {
  const py::array w = numbers("Solver", "a parameter", w_);
  const Type type = promoted({&w});
  return with_type(type, [&]<class T>() {
    Tensor<T> shrunk(flat<T>(w).view());
    {
      const Unlocked unlocked;
      kernels::axpy(shrunk.size(), static_cast<T>(-share), shrunk.data(), shrunk.data());
    }
    return result(std::move(shrunk), type, w);
  });
}

}  // namespace

SolverOptions step_options(py::dict given) {
  SolverOptions options;
  read_options("Solver", given, [&](const VisitOption& visit) { visit_options(options, visit); });
  lamina::detail::check_options(options);
  return options;
}

void bind_steps(py::module_& m) {
  m.def("solver_options", [] {
    SolverOptions options;
    return described([&](const VisitOption& visit) { visit_options(options, visit); });
  });
  m.def(
      "checked_solver_options",
      [](const py::dict& options) {
        const auto checked = py::reinterpret_steal<py::dict>(PyDict_Copy(options.ptr()));
        step_options(checked);
        return checked;
      },
      py::arg("options"));
  m.def("schedule_factor", &factor, py::arg("options"), py::arg("t"), py::arg("total"), py::arg("per_epoch"));
  m.def("clip_scale", &scale, py::arg("grads"), py::arg("clip_norm"));
  m.def("decayed", &decayed, py::arg("w"), py::arg("share"));
}

}  // namespace lamina::python
