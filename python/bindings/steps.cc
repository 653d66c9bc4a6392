// Parts of a training step, for loops in Python: they have the bits of the step in C++ (lamina/solver/training_step.h).
#include "python/bindings/steps.h"

#include <map>
#include <string>
#include <string_view>
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

// Throws std::invalid_argument for an option that was set but means nothing without a value that another one does not
// have, as step_factor without the schedule "step".
void check_needs(SolverOptions& options) {
  std::map<std::string_view, std::string> usual;
  SolverOptions defaults;
  visit_options(defaults, [&](const Option& option, const OptionValue& value) {
    if (!option.needs.empty()) usual.emplace(option.name, text_of(value));
  });
  visit_options(options, [&](const Option& option, const OptionValue& value) {
    if (option.needs.empty() || text_of(value) == usual.at(option.name)) return;
    visit_options(options, [&](const Option& other, const OptionValue& needed) {
      if (other.name == option.needs && text_of(needed) != option.needs_value)
        fail("Solver", "expected ", other.name, " '", option.needs_value, "' with ", option.name, ", got '",
             text_of(needed), "'");
    });
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
        SolverOptions read = step_options(checked);
        check_needs(read);
        return checked;
      },
      py::arg("options"));
  m.def("schedule_factor", &factor, py::arg("options"), py::arg("t"), py::arg("total"), py::arg("per_epoch"));
  m.def("clip_scale", &scale, py::arg("grads"), py::arg("clip_norm"));
  m.def("decayed", &decayed, py::arg("w"), py::arg("share"));
}

}  // namespace lamina::python
