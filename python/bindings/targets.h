// The targets of examples as Python gives them: labels, or numbers.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string_view>
#include <vector>

#include "lamina/nets/loss.h"
#include "lamina/tensor.h"
#include "python/bindings/arrays.h"

namespace lamina::python {

/// The targets of a batch as Python gave them: labels, or numbers for a loss that takes these.
struct PyTargets {
  std::vector<Label> labels;
  std::optional<py::array> numbers;
  std::vector<double> weights;  ///< of the examples, or none
};

/// y as the loss takes it. TypeError for an array of a wrong kind, ValueError for one of a wrong number of axes.
PyTargets targets_of(std::string_view where, Loss loss, py::handle y, py::handle weights);
/// The shape of numbers (N, K); of (N,) it is (N, 1).
Shape shape_of_numbers(std::string_view where, const py::array& y);

}  // namespace lamina::python
