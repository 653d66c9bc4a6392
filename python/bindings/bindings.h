// What each file of bindings adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::python {

void bind_activations(pybind11::module_& m);
void bind_affine(pybind11::module_& m);
void bind_affine_sandwiches(pybind11::module_& m);
void bind_batchnorm(pybind11::module_& m);
void bind_cache(pybind11::module_& m);
void bind_conv(pybind11::module_& m);
void bind_conv_sandwiches(pybind11::module_& m);
void bind_dropout(pybind11::module_& m);
void bind_losses(pybind11::module_& m);
void bind_nets(pybind11::module_& m);
void bind_norms(pybind11::module_& m);
void bind_optim(pybind11::module_& m);
void bind_pooling(pybind11::module_& m);
void bind_solver(pybind11::module_& m);
void bind_steps(pybind11::module_& m);
void bind_tables(pybind11::module_& m);
void bind_targets(pybind11::module_& m);

}  // namespace lamina::python
