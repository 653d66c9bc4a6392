// Parts of a training step, for loops in Python: they have the bits of the step in C++ (lamina/solver/training_step.h).
#include "python/bindings/steps.h"

#include <optional>
#include <string>
#include <utility>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/optim/clipping.h"
#include "lamina/optim/schedule.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"

namespace lamina::python {
namespace {

template <class V>
V value_of(const py::dict& given, const char* name) {
  return given[name].cast<V>();
}

std::optional<double> number_or_none(const py::dict& given, const char* name) {
  const py::object value = given[name];
  return value.is_none() ? std::nullopt : std::optional(value.cast<double>());
}

double factor(const py::dict& options, Index t, Index total, Index per_epoch) {
  return schedule_factor(step_options(options).schedule, t, total, per_epoch);
}

double scale(const py::list& grads, double clip_norm) {
  double squares = 0;
  for (const py::handle each : grads) {
    const py::array gradient = numbers("Solver", "a gradient", each);
    squares += with_type(promoted({&gradient}), [&]<class T>() {
      const Input<T> input = flat<T>(gradient);
      const py::gil_scoped_release unlocked;
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
      const py::gil_scoped_release unlocked;
      kernels::axpy(shrunk.size(), static_cast<T>(-share), shrunk.data(), shrunk.data());
    }
    return result(std::move(shrunk), type, w);
  });
}

}  // namespace

SolverOptions step_options(const py::dict& given) {
  SolverOptions options;
  options.batch_size = value_of<Index>(given, "batch_size");
  options.schedule.kind = schedule_from_name(value_of<std::string>(given, "schedule"));
  options.schedule.warmup_epochs = value_of<double>(given, "warmup_epochs");
  options.schedule.step_epochs = value_of<double>(given, "step_epochs");
  options.schedule.step_factor = value_of<double>(given, "step_factor");
  options.shuffle = value_of<bool>(given, "shuffle");
  options.augmentation = {value_of<bool>(given, "mirror"), value_of<Index>(given, "shift")};
  options.average_decay = value_of<double>(given, "average_weights");
  options.mirror_averaging = value_of<bool>(given, "mirror_averaging");
  options.patience = value_of<Index>(given, "patience");
  options.optim_config.weight_decay = number_or_none(given, "weight_decay");
  options.clip_norm = number_or_none(given, "clip_norm");
  // The library has other names for these two.
  if (options.augmentation.max_shift < 0)
    fail("Solver", "expected shift of 0 or more, got ", options.augmentation.max_shift);
  if (!(options.average_decay >= 0 && options.average_decay < 1))
    fail("Solver", "expected average_weights of 0 or more and below 1, got ", options.average_decay);
  lamina::detail::check_options(options);
  return options;
}

void bind_steps(py::module_& m) {
  m.def(
      "check_step_options", [](const py::dict& options) { step_options(options); }, py::arg("options"));
  m.def("schedule_factor", &factor, py::arg("options"), py::arg("t"), py::arg("total"), py::arg("per_epoch"));
  m.def("clip_scale", &scale, py::arg("grads"), py::arg("clip_norm"));
  m.def("decayed", &decayed, py::arg("w"), py::arg("share"));
}

}  // namespace lamina::python
