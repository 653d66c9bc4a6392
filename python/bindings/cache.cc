#include "python/bindings/cache.h"

#include <memory>

#include "python/bindings/bindings.h"

namespace lamina::python {

const py::array& Cache::kept(std::string_view where, std::string_view name) const {
  for (const Kept& kept : kept_)
    if (kept.name == name) {
      if (lengths(kept.array) != kept.shape)
        fail(where, "expected ", name, " of the shape ", shape_text(kept.shape),
             " that it had in the forward pass, got ", shape_text(kept.array));
      return kept.array;
    }
  throw std::logic_error("a cache without " + std::string(name));
}

std::unique_ptr<Cache> Cache::deep_copy(py::handle memo) const {
  const py::object deepcopy = py::module_::import("copy").attr("deepcopy");
  std::unique_ptr<Cache> copy = copied();
  for (Kept& kept : copy->kept_) kept.array = call(deepcopy, kept.array, memo);
  return copy;
}

Cache& find_cache(std::string_view where, std::string_view layer, py::handle object) {
  const auto complain = [&](const std::string& found) {
    throw py::type_error(lamina::detail::message(where, "expected cache to be what ", layer, " returned, got ", found));
  };
  if (!py::isinstance<Cache>(object)) complain(py::str(py::type::handle_of(object).attr("__name__")));
  auto& cache = object.cast<Cache&>();
  if (cache.layer() != layer) complain("the cache of " + std::string(cache.layer()));
  return cache;
}

void bind_cache(py::module_& m) {
  py::class_<Cache>(m, "Cache", "What a forward pass keeps for its backward pass.")
      .def("__repr__", [](const Cache& cache) { return "<cache of " + std::string(cache.layer()) + ">"; })
      .def("__copy__", [](py::object cache) { return cache; })
      .def(
          "__deepcopy__", [](const Cache& cache, py::handle memo) { return cache.deep_copy(memo); }, py::arg("memo"))
      .def("__reduce_ex__", [](const Cache& cache, py::handle) -> py::object {
        throw py::type_error(lamina::detail::message("pickle", "expected what can be pickled, got the cache of ",
                                                     cache.layer(), ": pickle the forward pass's arguments instead"));
      });
}

}  // namespace lamina::python
