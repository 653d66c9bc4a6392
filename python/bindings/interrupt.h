// Ctrl-C during long computations.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "lamina/kernels/parallel.h"

namespace lamina::python {

namespace py = pybind11;

/// Whether Ctrl-C waits for its handler, which is left to PyErr_CheckSignals: Python code must not run inside a kernel.
inline bool interrupted() {
  const py::gil_scoped_acquire locked;
  if (!PyOS_InterruptOccurred()) return false;
  PyErr_SetInterrupt();  // the question took it away
  return true;
}

/// Calls f() without the GIL. Where Ctrl-C comes meanwhile, f is left between two chunks of a kernel and the handler's
/// exception thrown; where the handler throws none, f is called anew, and done to its end.
template <class F>
void interruptible(F&& f) {
  try {
    const py::gil_scoped_release unlocked;
    const kernels::Stoppable stoppable(&interrupted);
    f();
    return;
  } catch (const kernels::Stopped&) {
  }
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  const py::gil_scoped_release unlocked;
  f();
}

}  // namespace lamina::python
