// The options of a training step, between Python and the library.
#pragma once

#include <pybind11/pybind11.h>

#include "lamina/solver/solver_options.h"

namespace lamina::python {

/// The options of a step from the dictionary that lamina._training.options() makes, whose values are brought into their
/// types. ValueError for an option out of range, TypeError for a value of another kind.
SolverOptions step_options(pybind11::dict given);

}  // namespace lamina::python
