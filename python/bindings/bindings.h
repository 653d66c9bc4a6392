// What each file of bindings adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::python {

void bind_cache(pybind11::module_& m);
void bind_affine(pybind11::module_& m);

}  // namespace lamina::python
