// Update rules. sgd changes w where it lies, as the course's does; the others return a fresh w and fresh state.
#include "python/bindings/optim.h"

#include <pybind11/stl.h>

#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "python/bindings/bindings.h"
#include "python/bindings/gil.h"

namespace lamina::python {
namespace {

// Whether two arrays have bytes in common but do not lie at the same place.
template <class T>
bool overlap(const T* a, const T* b, Index n) {
  return a != b && a < b + n && b < a + n;
}

py::array sgd_of(py::handle w_, const py::array& w, const py::array& dw, const OptimConfig& config) {
  constexpr std::string_view where = "sgd";
  const bool owned = !py::isinstance<py::array>(w_);  // made from numbers that are no array
  if (!owned && w.dtype().kind() != 'f')
    throw py::type_error(lamina::detail::message(where, "expected w of a floating type to be changed in place, got ",
                                                 py::str(w.dtype()).cast<std::string>()));
  if (!w.writeable()) fail(where, "expected a w that may be written to, got a read-only array");
  return with_type(promoted({&w, &dw}), [&]<class T>() {
    const Input<T> ws = flat<T>(w), dws = flat<T>(dw);
    TensorView<T> to = ws;
    Tensor<T> copy, other;
    const bool in_place = ws.is(w);
    if (!in_place) to = copy = Tensor<T>(ws.view());
    TensorView<T> from = dws;
    if (overlap<T>(to.data(), from.data(), to.size())) from = other = Tensor<T>(from);
    {
      const Unlocked unlocked;
      sgd(to, from, config);
    }
    if (in_place) return w;
    const py::array updated = result(std::move(copy), type_of<T>(), w);
    if (owned) return updated;
    call(py::module_::import("numpy").attr("copyto"), w, updated);
    return w;
  });
}

py::str text(std::string_view s) { return {s.data(), s.size()}; }

// dict.get; a new reference, as what follows may change the dictionary.
py::object entry_or_null(const py::dict& dict, const py::str& key) {
  PyObject* found = PyDict_GetItemWithError(dict.ptr(), key.ptr());
  if (!found && PyErr_Occurred()) throw py::error_already_set();
  return found ? py::reinterpret_borrow<py::object>(found) : py::object();
}

// What lamina._arguments says to a value that is no plain float or int.
py::object converted(const char* function, const Rule& rule, const py::str& key, const py::handle& value) {
  return call(py::module_::import("lamina._arguments").attr(function), text(rule.name),
              "config['" + key.cast<std::string>() + "']", value);
}

// A rule's names as Python's strings, made once.
struct Names {
  std::vector<py::str> options, state;
  py::str t{"t"};
  OptimConfig defaults;
};

// Calls visit(name, value, help) for each option that the rule reads, in the order of OptimConfig.
template <class Config, class Visit>
void visit_read(const Rule& rule, Config& config, Visit&& visit) {
  visit_members(config, [&](const Option& option, auto& value) {
    if (option.name == "learning_rate" || rule.reads(option.name)) visit(option.name, value, option.help);
  });
}

const Names& names_of(const Rule& rule) {
  static auto& all = *new std::map<const Rule*, Names>;  // outlives Python
  const auto [found, is_new] = all.try_emplace(&rule);
  Names& names = found->second;
  if (is_new) {
    names.defaults = with_defaults(rule, {});
    visit_read(rule, names.defaults,
               [&](std::string_view name, const auto&, std::string_view) { names.options.push_back(text(name)); });
    for (const std::string_view name : rule.state) names.state.push_back(text(name));
  }
  return names;
}

py::object as_object(double value) { return py::float_(value); }
py::object as_object(const std::optional<double>& value) { return py::float_(*value); }
py::object as_object(bool value) { return py::bool_(value); }

// The next w; the configuration has the state after the update.
py::array update_of(std::string_view name, py::handle w_, py::handle dw_, const py::dict& given) {
  const Rule& rule = update_rule_from_name(name);
  const OptimConfig config = read_config(rule, given);
  const py::array w = numbers(rule.name, "w", w_), dw = numbers(rule.name, "dw", dw_);
  check_lengths(rule.name, "dw", dw, lengths(w), "w");
  if (&rule == &kRule<Sgd>) return sgd_of(w_, w, dw, config);
  const Index t = read_t(rule, given);
  const auto before = read_state(rule, given, lengths(w));
  std::vector<py::array> all{w, dw};
  for (const auto& array : before)
    if (array) all.push_back(*array);
  const Type type = promoted(all);
  return with_type(type, [&]<class T>() {
    const Input<T> ws = flat<T>(w), dws = flat<T>(dw);
    OptimState<T> state{{}, t};
    for (std::size_t i = 0; i < before.size(); ++i)
      if (before[i]) state.tensors.emplace(rule.state[i], Tensor<T>(flat<T>(*before[i]).view()));
    Tensor<T> next;
    {
      const Unlocked unlocked;
      next.assign(ws);
      update(rule, next, dws, config, state);
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
      // Without a state before, it was zeros of w's type.
      const Type type_after = promoted({before[i] ? &*before[i] : &w, &dw});
      given[names_of(rule).state[i]] = result(std::move(state.tensors.find(rule.state[i])->second), type_after, w);
    }
    write_t(rule, given, state.t);
    return result(std::move(next), type, w);
  });
}

// The name and the docstring of a rule's function, the rule's learning rate and weight decay by default, and the keys
// of its configuration: the settings that it reads, and the state that it keeps.
py::tuple described(const Rule& rule) {
  const OptimConfig config = with_defaults(rule, {});
  std::string doc =
      "Moves w against its gradient dw and gives the next w and config (" + std::string(rule.source) + "):\n\n";
  for (const char c : "    " + std::string(rule.formula)) doc += c == '\n' ? "\n    " : std::string(1, c);
  doc += "\n\nconfig:\n";
  visit_read(rule, config, [&](std::string_view name, const auto& value, std::string_view help) {
    doc += "    " + std::string(name) + ": " + std::string(help) + "; " +
           py::repr(as_object(value)).template cast<std::string>() + "\n";
  });
  for (const std::string_view name : rule.state) doc += "    " + std::string(name) + ": of w's shape; zeros at first\n";
  if (rule.counts) doc += "    t: the number of updates so far\n";
  doc += "\nValueError unless dw and the state have w's shape, TypeError for wrong kinds.";
  const Names& names = names_of(rule);
  std::vector<py::str> state = names.state;
  if (rule.counts) state.push_back(names.t);
  return py::make_tuple(text(rule.name), doc, rule.learning_rate, rule.weight_decay, names.options, state);
}

py::list update_rules() {
  py::list rules;
  for (const UpdateRule rule : kUpdateRules) rules.append(described(rule));
  return rules;
}

}  // namespace

OptimConfig read_config(const Rule& rule, const py::dict& given) {
  const Names& names = names_of(rule);
  OptimConfig config = names.defaults;
  auto key = names.options.begin();
  visit_read(rule, config, [&]<class V>(std::string_view, V& value, std::string_view) {
    const py::object found = entry_or_null(given, *key);
    if constexpr (std::is_same_v<V, bool>) {
      value = found && py::bool_(found).operator bool();
    } else if (!found) {
      given[*key] = as_object(value);
    } else {
      value = PyFloat_AS_DOUBLE(PyFloat_CheckExact(found.ptr()) ? found.ptr()
                                                                : converted("as_number", rule, *key, found).ptr());
    }
    ++key;
  });
  return config;
}

Index read_t(const Rule& rule, const py::dict& given) {
  if (!rule.counts) return 0;
  const py::str& key = names_of(rule).t;
  const py::object found = entry_or_null(given, key);
  if (!found) return 0;
  if (PyLong_CheckExact(found.ptr())) {
    int overflow = 0;
    const long long t = PyLong_AsLongLongAndOverflow(found.ptr(), &overflow);
    if (overflow == 0) return t;
  }
  return converted("as_whole", rule, key, found).cast<Index>();
}

std::vector<std::optional<py::array>> read_state(const Rule& rule, const py::dict& given,
                                                 const std::vector<py::ssize_t>& lengths) {
  std::vector<std::optional<py::array>> state;
  for (std::size_t i = 0; i < rule.state.size(); ++i) {
    const py::object found = entry_or_null(given, names_of(rule).state[i]);
    state.emplace_back();
    if (!found || found.is_none()) continue;
    state.back() = numbers(rule.name, rule.state[i], found);
    check_lengths(rule.name, rule.state[i], *state.back(), lengths, "w");
  }
  return state;
}

void write_t(const Rule& rule, const py::dict& given, Index t) {
  if (rule.counts) given[names_of(rule).t] = py::int_(t);
}

void bind_optim(py::module_& m) {
  m.def("update", &update_of, py::arg("rule"), py::arg("w"), py::arg("dw"), py::arg("config"));
  m.def("update_rules", &update_rules);
}

}  // namespace lamina::python
