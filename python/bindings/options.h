// Options of the library as Python's keywords.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "lamina/options.h"

namespace lamina::python {
namespace py = pybind11;

/// A tuple (name, default, help) for each option.
py::list described(const VisitOptions& visit_all);

/// Sets the options that are in the dictionary, and brings its values into their types. TypeError for a value of
/// another kind, as the function `where`; ranges are not checked.
void read_options(const std::string& where, py::dict& given, const VisitOptions& visit_all);

}  // namespace lamina::python
