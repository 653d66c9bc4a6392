// The options of a training step, between Python and the library.
#pragma once

#include <pybind11/pybind11.h>

#include "lamina/solver/solver_options.h"

namespace lamina::python {

/// The options of a step from the dictionary that lamina._training.options() makes. ValueError for an option out of
/// range, in Python's names.
SolverOptions step_options(const pybind11::dict& given);

}  // namespace lamina::python
