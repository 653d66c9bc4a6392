// Ctrl-C during long computations.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "lamina/threads.h"
#include "python/bindings/gil.h"
#include "python/bindings/random.h"

namespace lamina::python {

namespace py = pybind11;

/// Whether Ctrl-C waits for its handler, which is left to PyErr_CheckSignals: Python code must not run inside a kernel.
inline bool interrupted() {
  return in_python([] {
    const py::gil_scoped_acquire locked;
    if (!PyOS_InterruptOccurred()) return false;
    PyErr_SetInterrupt();  // the question took it away
    return true;
  });
}

/// Calls f() without the GIL. Where Ctrl-C comes meanwhile, f is left between two chunks of a kernel and the handler's
/// exception thrown; where the handler throws none, f is called anew, and done to its end. So f must do the same each
/// time: it must not change what it reads. A generator that is `lent`, a GlobalRandom or the like, is given back while
/// the handler runs, which may draw from it.
template <class F, class Lent = GlobalRandom>
void interruptible(F&& f, Lent* lent = nullptr) {
  try {
    const Unlocked unlocked;
    const Stoppable stoppable(&interrupted);
    f();
    return;
  } catch (const Stopped&) {
  }
  const bool taken = lent && lent->taken();
  if (taken) lent->give_back();
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  if (taken) lent->take();
  const Unlocked unlocked;
  f();
}

}  // namespace lamina::python
