// What a Python net's attributes say, checked.
#include <string>
#include <utility>

#include "lamina/check.h"
#include "python/bindings/nets.h"

namespace lamina::python {
namespace {

py::type_error wrong_kind(std::string_view where, std::string_view name, std::string_view what, py::handle found) {
  return py::type_error(lamina::detail::message(where, "expected ", name, " to be ", what, ", got ",
                                                py::type::handle_of(found).attr("__name__").cast<std::string>()));
}

double real(std::string_view where, std::string_view name, py::handle object) {
  const double value = PyFloat_AsDouble(object.ptr());
  if (value == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    throw wrong_kind(where, name, "a number", object);
  }
  return value;
}

bool truth(const py::object& object) {
  const int truth = PyObject_IsTrue(object.ptr());
  if (truth < 0) throw py::error_already_set();
  return truth != 0;
}

// dict.get; a new reference, as what follows may change the dictionary.
py::object entry(const py::dict& dict, const py::str& key) {
  PyObject* found = PyDict_GetItemWithError(dict.ptr(), key.ptr());
  if (!found && PyErr_Occurred()) throw py::error_already_set();
  return found ? py::reinterpret_borrow<py::object>(found) : py::none();
}

py::dict dictionary(std::string_view where, std::string_view name, py::handle object) {
  if (!PyDict_Check(object.ptr())) throw wrong_kind(where, name, "a dictionary", object);
  return py::reinterpret_borrow<py::dict>(object);
}

std::optional<py::array> average(std::string_view where, const std::string& name, const py::dict& param,
                                 const char* key, Index length) {
  const py::object object = entry(param, key);
  if (object.is_none()) return std::nullopt;
  const std::string full = name + "['" + key + "']";
  py::array array = numbers(where, full, object);
  check_lengths(where, full, array, {static_cast<py::ssize_t>(length)}, "the layer");
  return array;
}

ModelState::Norm norm(std::string_view where, const std::string& name, py::handle object, Index length) {
  ModelState::Norm norm;
  norm.param = dictionary(where, name, object);
  if (const py::object eps = entry(norm.param, "eps"); !eps.is_none()) norm.eps = real(where, name + "['eps']", eps);
  if (const py::object momentum = entry(norm.param, "momentum"); !momentum.is_none())
    norm.momentum = real(where, name + "['momentum']", momentum);
  norm.mean = average(where, name, norm.param, "running_mean", length);
  norm.var = average(where, name, norm.param, "running_var", length);
  return norm;
}

void read_dropout(std::string_view where, const py::dict& param, ModelState& state) {
  state.dropout_param = param;
  const py::object p = entry(param, "p");
  if (p.is_none()) throw py::key_error(lamina::detail::message(where, "expected dropout_param['p'], got none"));
  state.keep = real(where, "dropout_param['p']", p);
  if (!(state.keep > 0 && state.keep <= 1))
    fail(where, "expected dropout_param['p'], the probability of keeping, above 0 and at most 1, got ", state.keep);
  const py::object seed = entry(param, "seed");
  if (seed.is_none()) return;
  const py::object whole = py::reinterpret_steal<py::object>(PyNumber_Index(seed.ptr()));
  if (!whole) {
    PyErr_Clear();
    throw wrong_kind(where, "dropout_param['seed']", "a whole number", seed);
  }
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(whole.ptr(), &overflow);
  if (overflow != 0 || value < 0 || value > 0xffffffffLL)
    fail(where, "expected dropout_param['seed'] of 0 to 2^32 - 1, got ", py::str(whole).cast<std::string>());
  state.seed = static_cast<std::uint32_t>(value);
}

}  // namespace

ModelState PyNet::read(py::handle model) const {
  const std::string& where = name();
  ModelState state;
  state.params.reserve(layout_.size() + 1);
  const py::dict params = dictionary(where, "params", model.attr("params"));
  for (std::size_t i = 0; i < layout_.size(); ++i) {
    const py::object value = entry(params, keys_[i]);
    if (value.is_none() && !params.contains(keys_[i])) {
      const py::list keys(params);
      throw py::key_error(lamina::detail::message(where, "expected ", in_messages_[i], ", got only the keys ",
                                                  py::repr(keys).cast<std::string>()));
    }
    state.params.push_back(numbers(where, in_messages_[i], value));
    check_lengths(where, in_messages_[i], state.params.back(), lengths(layout_[i].second), "the net");
  }
  state.reg = real(where, "reg", model.attr("reg"));
  state.label_smoothing = real(where, "label_smoothing", model.attr("label_smoothing"));
  if (!(state.label_smoothing >= 0 && state.label_smoothing < 1))
    fail(where, "expected label_smoothing of 0 to below 1, got ", state.label_smoothing);
  if (state.label_smoothing > 0 && config_.loss.loss != Loss::softmax)
    fail(where, "expected no label_smoothing with the ", name_of(config_.loss.loss), " loss, got ",
         state.label_smoothing);
  if (!norms_.empty()) {
    const py::object given = model.attr("bn_params");
    if (!PyList_Check(given.ptr()) && !PyTuple_Check(given.ptr()))
      throw wrong_kind(where, "bn_params", "a list of dictionaries", given);
    const py::tuple all(given);
    if (all.size() != norms_.size())
      fail(where, "expected bn_params with ", norms_.size(), " dictionaries, got ", all.size());
    for (std::size_t i = 0; i < norms_.size(); ++i)
      state.norms.push_back(norm(where, "bn_params[" + std::to_string(i) + "]", py::object(all[i]), norms_[i]));
  }
  if (dropout_ && config_.net.empty() && truth(model.attr("use_dropout")))
    read_dropout(where, dictionary(where, "dropout_param", model.attr("dropout_param")), state);
  return state;
}

PyNet& find_net(py::handle model) {
  if (!py::hasattr(model, "_net") || !py::isinstance<PyNet>(model.attr("_net")))
    throw wrong_kind("lamina", "the model", "a net of lamina.nets", model);
  return model.attr("_net").cast<PyNet&>();
}

Type parameter_type(py::handle model) { return promoted(find_net(model).read(model).params); }

}  // namespace lamina::python
