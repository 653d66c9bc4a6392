// The Python module lamina._core: the library on NumPy arrays. The functions that users call are in python/lamina/*.py.
#include <pybind11/pybind11.h>

#include "lamina/threads.h"
#include "lamina/version.h"
#include "python/bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The library lamina on NumPy arrays. Use lamina.layers and its neighbours.";
  m.attr("__version__") = LAMINA_VERSION;
  m.def("num_threads", &lamina::num_threads);
  m.def("set_num_threads", &lamina::set_num_threads, pybind11::arg("threads"));
  lamina::python::bind_cache(m);
  lamina::python::bind_activations(m);
  lamina::python::bind_affine(m);
  lamina::python::bind_affine_sandwiches(m);
  lamina::python::bind_batchnorm(m);
  lamina::python::bind_conv(m);
  lamina::python::bind_conv_sandwiches(m);
  lamina::python::bind_dropout(m);
  lamina::python::bind_losses(m);
  lamina::python::bind_nets(m);
  lamina::python::bind_norms(m);
  lamina::python::bind_optim(m);
  lamina::python::bind_pooling(m);
  lamina::python::bind_solver(m);
  lamina::python::bind_steps(m);
  lamina::python::bind_tables(m);
  lamina::python::bind_targets(m);
}
