// What an update rule reads and keeps in a configuration, a dictionary of Python's.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <vector>

#include "lamina/optim/update_rule.h"
#include "python/bindings/arrays.h"

namespace lamina::python {

/// The options that the rule reads. Numbers that are missing are set to their defaults in `given` too. TypeError for a
/// value of another kind.
OptimConfig read_config(const Rule& rule, const py::dict& given);

/// The number of updates so far; 0 where there is none, and where the rule does not count. TypeError for another kind.
Index read_t(const Rule& rule, const py::dict& given);
void write_t(const Rule& rule, const py::dict& given, Index t);

/// The rule's tensors, in its order; none for one that is missing or None. ValueError unless they have these lengths.
std::vector<std::optional<py::array>> read_state(const Rule& rule, const py::dict& given,
                                                 const std::vector<py::ssize_t>& lengths);

}  // namespace lamina::python
