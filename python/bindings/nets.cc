#include "python/bindings/nets.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <utility>

#include "lamina/check.h"
#include "lamina/solver/score.h"
#include "python/bindings/bindings.h"
#include "python/bindings/interrupt.h"
#include "python/bindings/options.h"
#include "python/bindings/random.h"

namespace lamina::python {
namespace {

template <class T>
using Averages = std::vector<std::array<Tensor<T>, 2>>;

template <class T>
Tensor<T> tensor_of(const std::optional<py::array>& array, Index length) {
  const Shape shape{length};
  return array ? Tensor<T>(Input<T>(*array, shape).view()) : Tensor<T>(shape);
}

template <class T>
Averages<T> averages_of(const ModelState& state, const std::vector<Index>& lengths) {
  Averages<T> averages;
  for (std::size_t i = 0; i < state.norms.size(); ++i)
    averages.push_back({tensor_of<T>(state.norms[i].mean, lengths[i]), tensor_of<T>(state.norms[i].var, lengths[i])});
  return averages;
}

template <class T>
Averages<T> averages_of(const MadeNet<T>& made) {
  Averages<T> averages;
  for (const BatchNormParam<T>* param : made.bn_params) averages.push_back({param->running_mean, param->running_var});
  return averages;
}

// Where inputs or tensors lie.
template <class T, class Each>
std::vector<T*> addresses(std::vector<Each>& all) {
  std::vector<T*> found;
  found.reserve(all.size());
  for (TensorView<T> view : all) found.push_back(view.data());
  return found;
}

Type with_old(const std::optional<py::array>& old, Type type) { return old ? std::max(type, promoted({&*old})) : type; }

// After a pass, as the course's layers leave them: after one at test time only averages that were missing are new.
template <class T>
void keep_norms(ModelState& state, Averages<T>&& averages, bool batchnorm, bool train, Type type) {
  for (std::size_t i = 0; i < state.norms.size(); ++i) {
    ModelState::Norm& norm = state.norms[i];
    if (!batchnorm) continue;
    norm.param["mode"] = train ? "train" : "test";
    if (train || !norm.mean) norm.param["running_mean"] = result(std::move(averages[i][0]), with_old(norm.mean, type));
    if (train || !norm.var) norm.param["running_var"] = result(std::move(averages[i][1]), with_old(norm.var, type));
  }
}

// Dropout blocks behind all hidden layers of the course's net, whose probability a Python net may change at any time.
NetConfig with_dropout(NetConfig config) {
  constexpr double kAny = 0.5;
  config.fc.dropout = kAny;
  return config;
}

// Whether the net has a block of that name, which may be inside other blocks.
bool has(const std::string& net, std::string_view name) { return net.find(name) != std::string::npos; }

}  // namespace

template <class T>
MadeNet<T>::MadeNet(NetConfig config, RandomState& random) {
  if (std::is_same_v<T, double>) config.precision = Precision::full;
  net = make_net<T>(with_dropout(config), random, Weights::zero);
  bn_params = net->normalizations();
  for (const BatchNormParam<T>* param : bn_params) own_norms.push_back({param->eps, param->momentum});
  dropouts = net->dropouts();
  own_dropout = !config.net.empty();
}

template <class T>
void MadeNet<T>::set(const ModelState& state, const Averages<T>& averages) {
  net->reg = state.reg;
  net->label_smoothing = state.label_smoothing;
  for (DropoutParam* dropout : own_dropout ? std::vector<DropoutParam*>() : dropouts) {
    dropout->p = state.keep;
    dropout->seed = state.seed;
  }
  for (std::size_t i = 0; i < bn_params.size(); ++i) {
    bn_params[i]->eps = state.norms[i].eps.value_or(own_norms[i][0]);
    bn_params[i]->momentum = state.norms[i].momentum.value_or(own_norms[i][1]);
    bn_params[i]->running_mean = averages[i][0];
    bn_params[i]->running_var = averages[i][1];
  }
}

PyNet::PyNet(const NetConfig& config) : config_(config), name_(title_of(config_)), layout_(parameter_layout(config_)) {
  for (const auto& [name, shape] : layout_) {
    keys_.emplace_back(name);
    in_messages_.push_back("params['" + name + "']");
  }
  norms_ = normalization_sizes(config_);
  const std::string net = to_text(blocks_of(with_dropout(config_)));
  batchnorm_ = has(net, "batchnorm");
  dropout_ = has(net, "dropout");
  images_ = has(net, "conv");
}

py::tuple PyNet::draw(bool wide, const py::array_t<std::uint32_t>& key, int position, bool has_gauss,
                      double gauss) const {
  RandomState random;
  RandomState::State state = random.state();
  if (key.size() != static_cast<py::ssize_t>(state.key.size()))
    fail(name(), "expected the state of a Mersenne Twister, ", state.key.size(), " words, got ", key.size());
  std::copy_n(key.data(), state.key.size(), state.key.begin());
  state.position = position;
  state.has_gauss = has_gauss;
  state.gauss = gauss;
  random.set_state(state);
  return with_type(wide ? Type::float64 : Type::float32, [&]<class T>() {
    const auto net = make_net<T>(config_, random);
    py::dict params;
    for (const auto& [name, value] : std::as_const(*net).params())
      params[py::str(name)] = result(copied<T>(value), type_of<T>());
    const RandomState::State after = random.state();
    return py::make_tuple(params, row_of(std::span<const std::uint32_t>(after.key)), after.position, after.has_gauss,
                          after.gauss);
  });
}

template <class T>
MadeNet<T>& PyNet::made() {
  auto& made = [this]() -> auto& {
    if constexpr (std::is_same_v<T, double>)
      return double_;
    else
      return float_;
  }
  ();
  if (!made) made = std::make_unique<MadeNet<T>>(config_, random_);
  return *made;
}

// Parameters of a narrower type than that of the loss: NumPy sums their squares in their own type.
bool sums_in_narrow_type(const ModelState& state, std::size_t parameters, Type type) {
  if (state.reg == 0 || type != Type::float64) return false;
  for (std::size_t i = 0; i < parameters; ++i)
    if (promoted({&state.params[i]}) != Type::float64) return true;
  return false;
}

// Adds reg W to the gradients; the penalty's terms are added to loss one by one, as the course's code does.
template <class T>
void regularize(const ModelState& state, const ParameterLayout& layout, const std::vector<Input<T>>& params,
                std::vector<Tensor<T>>& grads, double& loss) {
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (!layout[i].first.starts_with('W')) continue;
    const py::array& W = state.params[i];
    loss += 0.5 * state.reg * call(call(W.attr("__mul__"), W).attr("sum")).cast<double>();
    const T* w = params[i].view().data();
    for (T& gradient : grads[i]) gradient += static_cast<T>(state.reg) * *w++;
  }
}

// A test pass over many examples goes a part at a time: their activations would fill the memory.
template <class T>
void scores_of(Net<T>& net, const TensorView<T>& X, Index num_classes, Index together, Tensor<T>& scores) {
  const Index N = X.rank() > 0 ? X.dim(0) : 0;
  if (N <= together) {
    scores = net.loss(X);
    return;
  }
  scores.resize(Shape{N, num_classes});
  std::array<Index, Shape::kMaxRank> lengths{};
  std::copy(X.shape().begin(), X.shape().end(), lengths.begin());
  for (Index first = 0; first < N; first += together) {
    lengths[0] = std::min(together, N - first);
    const Shape shape(std::span<const Index>(lengths.data(), static_cast<std::size_t>(X.rank())));
    const Tensor<T>& part = net.loss(TensorView<T>(const_cast<T*>(X.data()) + first * (X.size() / N), shape));
    std::copy(part.begin(), part.end(), scores.data() + first * num_classes);
  }
}

template <class T>
py::object PyNet::loss_in(ModelState& state, const py::array& X, const PyTargets* y, Type type) {
  const Input<T> x(name(), "X", X);
  const Input<T> numbers = y && y->numbers ? Input<T>(*y->numbers, shape_of_numbers(name(), *y->numbers)) : Input<T>();
  std::vector<Input<T>> params;
  std::vector<Tensor<T>> grads(y ? layout_.size() : 0);
  for (std::size_t i = 0; i < layout_.size(); ++i) params.emplace_back(state.params[i], layout_[i].second);
  for (std::size_t i = 0; i < grads.size(); ++i) grads[i].resize(layout_[i].second);
  const Averages<T> before = averages_of<T>(state, norms_);
  Averages<T> averages;
  std::optional<GlobalRandom> random;
  if (y && (state.keep != 1 || (dropout_ && !config_.net.empty()))) random.emplace(name());
  Tensor<T> scores;
  double loss = 0;
  const bool narrow = y && sums_in_narrow_type(state, layout_.size(), type);
  interruptible(
      [&] {
        const std::lock_guard<std::mutex> lock(mutex_);
        MadeNet<T>& made = this->made<T>();
        Net<T>& net = *made.net;
        made.set(state, before);
        if (narrow) net.reg = 0;
        net.params() = Parameters<T>(net.params(), addresses<T>(params));
        if (y) {
          net.grads() = Parameters<T>(net.grads(), addresses<T>(grads));
          if (random) random_ = random->state();
          loss = net.loss(x, {y->labels, numbers, y->weights}).loss;
          averages = averages_of(made);
          if (random) random->state() = random_;
        } else {
          scores_of<T>(net, x, config_.num_classes, images_ ? 100 : 1000, scores);
          averages = before;
        }
      },
      random ? &*random : nullptr);
  if (random) random->give_back();
  keep_norms(state, std::move(averages), batchnorm_, y != nullptr, type);
  if (state.dropout_param) (*state.dropout_param)["mode"] = y ? "train" : "test";
  if (!y) return result(std::move(scores), type);
  if (narrow) regularize(state, layout_, params, grads, loss);
  py::dict by_name;
  for (std::size_t i = 0; i < layout_.size(); ++i)
    by_name[py::str(layout_[i].first)] = result(std::move(grads[i]), type);
  return py::make_tuple(scalar(loss, type), by_name);
}

py::object PyNet::loss(py::handle model, py::handle X, py::handle y, py::handle dtype, py::handle weights) {
  const std::string& where = name();
  py::array x = numbers(where, "X", X);
  if (!dtype.is_none() && !x.dtype().is(dtype))
    x = numbers(where, "X", call(x.attr("astype"), dtype, "K", "unsafe", true, /*copy=*/false));
  PyTargets targets;
  if (!y.is_none()) targets = targets_of(where, config_.loss.loss, y, weights);
  ModelState state = read(model);
  state.params.push_back(x);
  if (y.is_none() && batchnorm_)
    for (const ModelState::Norm& norm : state.norms)
      for (const auto* average : {&norm.mean, &norm.var})
        if (*average) state.params.push_back(**average);
  const Type type = promoted(state.params);
  if (state.seed) call(py::module_::import("numpy.random").attr("seed"), *state.seed);
  return with_type(type, [&]<class T>() { return loss_in<T>(state, x, y.is_none() ? nullptr : &targets, type); });
}

template <class T>
NetCopy<T>::NetCopy(py::handle model) : made_(find_net(model).config(), random_) {
  const PyNet& net = find_net(model);
  const ModelState state = net.read(model);
  made_.set(state, averages_of<T>(state, net.norms()));
  seed_ = state.seed;
  params_.reserve(state.params.size());
  Parameters<T>& params = made_.net->params();
  for (const auto& parameter : params)
    params_.push_back(copied(Input<T>(state.params[params_.size()], parameter.value.shape()).view()));
  params = Parameters<T>(params, addresses<T>(params_));
}

template <class T>
void NetCopy<T>::begin() {
  averages_.resize(made_.bn_params.size());
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    averages_[i][0] = made_.bn_params[i]->running_mean;
    averages_[i][1] = made_.bn_params[i]->running_var;
  }
}

template <class T>
void NetCopy<T>::discard() {
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    made_.bn_params[i]->running_mean = averages_[i][0];
    made_.bn_params[i]->running_var = averages_[i][1];
  }
}

template <class T>
void NetCopy<T>::end(Mode mode) {
  last_ = mode;
  trained_ = trained_ || mode == Mode::train;
}

template <class T>
py::dict NetCopy<T>::params() const {
  py::dict params;
  for (const auto& [name, value] : std::as_const(*made_.net).params())
    params[py::str(name)] = result(copied<T>(value), type_of<T>());
  return params;
}

template <class T>
void NetCopy<T>::store(py::handle model) {
  const py::dict to = model.attr("params");
  for (const auto& [name, value] : params()) to[name] = value;
  store_passes(model);
}

template <class T>
void NetCopy<T>::finish(py::handle model, bool with_params) {
  const py::dict to = model.attr("params");
  std::size_t i = 0;
  if (with_params)
    for (const auto& [name, value] : std::as_const(*made_.net).params())
      to[py::str(name)] = result(std::move(params_[i++]), type_of<T>());
  store_passes(model);
}

template <class T>
void NetCopy<T>::store_passes(py::handle model) {
  if (!last_) return;
  const PyNet& net = find_net(model);
  ModelState state = net.read(model);
  if (trained_)
    for (ModelState::Norm& norm : state.norms) norm.mean.reset(), norm.var.reset();  // replaced, in T
  keep_norms(state, averages_of(made_), net.has_batchnorm(), *last_ == Mode::train, type_of<T>());
  if (state.dropout_param) (*state.dropout_param)["mode"] = *last_ == Mode::train ? "train" : "test";
}

double loss_seconds(py::handle model, py::handle X, py::handle y, Index times) {
  const py::array x = numbers("loss_seconds", "X", X);
  const std::vector<Label> labels = python::labels("loss_seconds", "y", y);
  return with_type(parameter_type(model), [&]<class T>() {
    using Clock = std::chrono::steady_clock;
    NetCopy<T> copy(model);
    const Input<T> input("loss_seconds", "X", x);
    auto best = Clock::duration::max();
    interruptible([&] {
      for (Index i = 0; i < times; ++i) {
        const auto start = Clock::now();
        copy.net().loss(input, labels);
        best = std::min(best, Clock::now() - start);
      }
    });
    return std::chrono::duration<double>(best).count();
  });
}

// What Python's own loop asks: (rate, decay, frozen) of the parameters whose blocks say so.
py::dict update_factors_of(const PyNet& net) {
  py::dict factors;
  for (std::size_t i = 0; const UpdateFactors& own : update_factors(net.config())) {
    const auto& [name, shape] = net.layout()[i++];
    if (own != UpdateFactors{}) factors[py::str(name)] = py::make_tuple(own.rate, own.decay, own.frozen);
  }
  return factors;
}

template struct MadeNet<float>;
template struct MadeNet<double>;
template class NetCopy<float>;
template class NetCopy<double>;

void bind_nets(py::module_& m) {
  m.def(
      "net_options",
      [](const std::string& model) {
        NetConfig config;
        config.model = model;
        if (model == kNetOfBlocks) config.net = "affine 1";  // any blocks
        return described([&](const VisitOption& visit) { visit_options(config, visit); });
      },
      py::arg("model"));
  py::class_<PyNet>(m, "Net", "A net's configuration, and the memory that it computes in.")
      .def(py::init([](const std::string& where, py::dict options) {
             NetConfig config;
             read_options(where, options, [&](const VisitOption& visit) { visit_options(config, visit); });
             return std::make_unique<PyNet>(config);
           }),
           py::arg("where"), py::arg("options"))
      .def_property_readonly("config", [](const PyNet& net) { return to_json(net.config()); })
      .def_property_readonly(
          "layout",
          [](const PyNet& net) {
            py::list layout;
            for (const auto& [name, shape] : net.layout())
              layout.append(py::make_tuple(name, py::tuple(py::cast(std::vector<Index>(shape.begin(), shape.end())))));
            return layout;
          })
      .def("draw", &PyNet::draw, py::arg("wide"), py::arg("key"), py::arg("position"), py::arg("has_gauss"),
           py::arg("gauss"))
      .def_property_readonly("text", [](const PyNet& net) { return to_text(blocks_of(net.config())); })
      .def_property_readonly("update_factors", &update_factors_of)
      .def_property_readonly("norms", [](const PyNet& net) { return net.norms().size(); })
      .def("loss", &PyNet::loss, py::arg("model"), py::arg("X"), py::arg("y").none(true), py::arg("dtype").none(true),
           py::arg("weights").none(true))
      .def_property_readonly("score", [](const PyNet& net) { return name_of(score_of(net.config().loss.loss)); })
      .def(
          "summary",
          [](const PyNet& net, bool wide, Index batch_size) {
            RandomState random;
            return with_type(wide ? Type::float64 : Type::float32, [&]<class T>() {
              return MadeNet<T>(net.config(), random).net->summary().to_string(batch_size);
            });
          },
          py::arg("wide"), py::arg("batch_size"))
      .def(py::pickle([](const PyNet& net) { return to_json(net.config()); },
                      [](const std::string& config) { return std::make_unique<PyNet>(net_config_from_json(config)); }))
      // In all protocols as in the later ones: the first two would make an object that C++ knows nothing of.
      .def("__reduce_ex__", [](const py::object& self, py::handle) {
        return py::make_tuple(py::module_::import("copyreg").attr("__newobj__"), py::make_tuple(py::type::of(self)),
                              self.attr("__getstate__")());
      });
  m.def("loss_seconds", &loss_seconds, py::arg("model"), py::arg("X"), py::arg("y"), py::arg("times"),
        "Of the fastest of so many training passes of a net's copy in C++, with nothing of Python's in between.");
  m.def(
      "score_count",
      [](const std::string& text, const std::vector<Index>& input) {
        return score_count(Shape(std::span<const Index>(input)), parse_net(text));
      },
      py::arg("text"), py::arg("input_dim"), "The number of scores that a net of this text gives for an example.");
  m.def(
      "parameter_type",
      [](py::handle model) {
        switch (parameter_type(model)) {
          case Type::float16:
            return "float16";
          case Type::float32:
            return "float32";
          default:
            return "float64";
        }
      },
      py::arg("model"), "The type that a net's parameters are promoted to.");
}

}  // namespace lamina::python
