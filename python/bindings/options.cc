#include "python/bindings/options.h"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <vector>

#include "lamina/check.h"

namespace lamina::python {
namespace {

py::str as_str(std::string_view words) { return {words.data(), words.size()}; }

py::object as_object(bool* value) { return py::bool_(*value); }
py::object as_object(ImageSize* value) { return py::make_tuple(value->height, value->width); }
py::object as_object(const Choice& choice) { return as_str(choice.words[*choice.chosen]); }
template <class T>
py::object as_object(T* value) {
  return py::cast(*value);
}

// Reads one option from an object of Python.
struct Reader {
  const std::string& where;
  const Option& option;
  py::handle object;

  // What lamina._arguments makes of it.
  py::object argument(const char* function) const {
    return py::module_::import("lamina._arguments").attr(function)(where, as_str(option.name), object);
  }
  double number() const { return argument("as_number").cast<double>(); }
  Index whole() const { return argument("as_whole").cast<Index>(); }
  std::string word(const char* kind) const {
    if (!py::isinstance<py::str>(object))
      throw py::type_error("[" + where + "] expected " + std::string(option.name) + " to be a " + kind + ", got " +
                           py::cast<std::string>(py::type::of(object).attr("__name__")));
    return object.cast<std::string>();
  }

  void operator()(bool* to) const { *to = py::bool_(py::reinterpret_borrow<py::object>(object)); }
  void operator()(Index* to) const { *to = whole(); }
  void operator()(std::uint32_t* to) const { *to = static_cast<std::uint32_t>(whole()); }
  void operator()(double* to) const { *to = number(); }
  void operator()(std::optional<Index>* to) const { *to = object.is_none() ? std::nullopt : std::optional(whole()); }
  void operator()(std::optional<double>* to) const { *to = object.is_none() ? std::nullopt : std::optional(number()); }
  void operator()(std::string* to) const { *to = word("text"); }
  void operator()(std::filesystem::path* to) const { *to = word("path"); }
  void operator()(std::vector<Index>* to) const { *to = argument("as_wholes").cast<std::vector<Index>>(); }
  void operator()(ImageSize* to) const {
    const auto size = argument("as_wholes").cast<std::vector<Index>>();
    if (size.size() != 2)
      fail(where, "expected ", option.name, " to be (height, width), got ", size.size(), " numbers");
    *to = {size[0], size[1]};
  }
  void operator()(const Choice& choice) const {
    const std::string got = word("name");
    for (std::size_t i = 0; i < choice.words.size(); ++i)
      if (choice.words[i] == got) return void(*choice.chosen = i);
    fail(where, "expected ", option.name, " to be ", wanted(option, choice), ", got '", got, "'");
  }
};

}  // namespace

py::list described(const VisitOptions& visit_all) {
  py::list all;
  visit_all([&](const Option& option, const OptionValue& value) {
    all.append(py::make_tuple(as_str(option.name), std::visit([](const auto& from) { return as_object(from); }, value),
                              as_str(option.help)));
  });
  return all;
}

void read_options(const std::string& where, py::dict& given, const VisitOptions& visit_all) {
  visit_all([&](const Option& option, const OptionValue& value) {
    const py::str name = as_str(option.name);
    if (!given.contains(name)) return;
    std::visit(Reader{where, option, given[name]}, value);
    given[name] = std::visit([](const auto& from) { return as_object(from); }, value);
  });
}

}  // namespace lamina::python
