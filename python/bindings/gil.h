// Python's global interpreter lock, left while C++ computes.
#pragma once

#include <pybind11/pybind11.h>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#include <unistd.h>
#endif

#include <utility>

namespace lamina::python {

namespace py = pybind11;

/// Calls f, which asks for the GIL or lets Python do so: in code written in Python, in a lock, or where NumPy leaves
/// it. While Python exits, it ends a daemon thread there by pthread_exit, whose unwinding of C++ would run destructors
/// without the GIL, and std::terminate in the first that is noexcept. Here the thread sleeps until the process ends.
template <class F>
decltype(auto) in_python(F&& f) {
#if defined(__GLIBCXX__)
  try {
    return f();
  } catch (const abi::__forced_unwind&) {
    for (;;) pause();
  }
#else
  return f();
#endif
}

/// The result of a Python function, called as in_python() says.
template <class... Arguments>
py::object call(py::handle function, Arguments&&... arguments) {
  const py::tuple packed = py::make_tuple(std::forward<Arguments>(arguments)...);
  PyObject* result = in_python([&] { return PyObject_CallObject(function.ptr(), packed.ptr()); });
  if (!result) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

/// While one exists, its thread is without the GIL. In place of pybind11's, whose destructor does not know in_python.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked() {
    in_python([this] { PyEval_RestoreThread(state_); });
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace lamina::python
