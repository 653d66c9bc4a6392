// The Solver's loop over a net of lamina: the library's training step and accuracy check, with what Python asks of
// them: the GIL is left, Ctrl-C is looked at, and draws are those of NumPy's global generator.
#include "lamina/solver/solver.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "lamina/nets/net.h"
#include "lamina/optim/update_rule.h"
#include "lamina/solver/accuracy.h"
#include "lamina/solver/training_step.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/interrupt.h"
#include "python/bindings/nets.h"
#include "python/bindings/optim.h"
#include "python/bindings/random.h"
#include "python/bindings/steps.h"

namespace lamina::python {
namespace {

// Examples X (N, ...) and their labels y (N,), or `numbers` y (N, K), each of which will be taken about `times` times.
// float32, float64 and uint8 are read where they lie if X is contiguous, anything else is copied.
class HeldSplit {
 public:
  HeldSplit(const std::string& where, py::handle images, py::handle y, double times, bool numbers, py::handle weights) {
    const py::array X = python::numbers(where, "X", images);
    const Shape shape = shape_of(where, "X", X);
    if (shape.rank() < 2 || shape[0] < 1)
      fail(where, "expected X of shape (N, ...) with 1 example or more, got ", shape);
    if (numbers)
      hold_numbers(where, y, shape);
    else
      hold_labels(where, y, shape);
    if (const std::vector<double> w = weights_of(where, weights); !w.empty())
      split_.weights = std::make_shared<const Tensor<double>>(Shape{static_cast<Index>(w.size())}, w);
    if (X.dtype().num() == py::detail::npy_api::NPY_UBYTE_) {
      X_ = py::array_t<std::uint8_t, py::array::c_style>::ensure(X);
      hold<std::uint8_t>(shape, times);
    } else if (promoted({&X}) == Type::float64) {
      X_ = lamina::python::detail::readable(X, py::dtype::of<double>(), py::detail::npy_api::NPY_DOUBLE_);
      hold<double>(shape, times);
    } else {
      X_ = lamina::python::detail::readable(X, py::dtype::of<float>(), py::detail::npy_api::NPY_FLOAT_);
      hold<float>(shape, times);
    }
  }

  const Split& split() const { return split_; }

 private:
  void hold_labels(const std::string& where, py::handle y, const Shape& shape) {
    split_.y = labels(where, "y", y);
    if (static_cast<Index>(split_.y.size()) != shape[0])
      fail(where, "expected one label for each example, got X of shape ", shape, " and ", split_.y.size(), " labels");
  }
  void hold_numbers(const std::string& where, py::handle y, const Shape& shape) {
    const py::array array = python::numbers(where, "y", y);
    const Input<double> targets(array, shape_of_numbers(where, array));
    if (targets.view().dim(0) != shape[0])
      fail(where, "expected numbers y for each example, got X of shape ", shape, " and y of shape ",
           targets.view().shape());
    split_.targets = std::make_shared<const Tensor<double>>(targets.view());
  }

  template <class T>
  void hold(const Shape& shape, double times) {
    auto* data = const_cast<T*>(static_cast<const T*>(X_.data()));  // is only read
    split_.X = Examples::view(TensorView<T>(data, shape)).keeping_floats(times);
  }

  py::array X_;
  Split split_;
};

// Lends NumPy's global generator to the stream that a net draws from, a pass at a time, so that draws of other threads
// go in between. A net that seeds the stream drops the normal that waits.
class LentRandom {
 public:
  LentRandom(RandomState& to, bool seeded) : to_(to), global_("Solver"), seeded_(seeded) { global_.give_back(); }

  bool taken() const { return global_.taken(); }
  void take() {
    global_.take();
    start_again();
  }
  // As when it was taken, or kept last.
  void start_again() { to_ = global_.state(); }
  // What was drawn counts.
  void keep() { global_.state() = to_; }
  void give_back() {
    global_.give_back();
    if (std::exchange(seeded_, false)) GlobalRandom::drop_normal();
  }

 private:
  RandomState& to_;
  GlobalRandom global_;
  bool seeded_;
};

void check_signals() {
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// The accuracy of the net that `copy` holds.
template <class T>
double accuracy_of(NetCopy<T>& copy, AccuracyCheck<Net<T>>& check, const Split& split, std::optional<Index> num_samples,
                   Index batch_size) {
  if (num_samples && *num_samples < 1) fail("check_accuracy", "expected num_samples of 1 or more, got ", *num_samples);
  if (batch_size < 1) fail("check_accuracy", "expected batch_size of 1 or more, got ", batch_size);
  check.any_label = true;
  LentRandom lent(copy.random(), copy.dropout_seed().has_value());
  lent.take();
  check.begin(split, num_samples, copy.random());
  if (copy.dropout_seed()) copy.random().seed(*copy.dropout_seed());
  lent.keep();
  lent.give_back();
  while (check.left()) {
    interruptible([&] { check.next(copy.net(), batch_size); });
    check_signals();
  }
  copy.end(Mode::test);
  return check.accuracy();
}

// Solver.check_accuracy(); the model's dictionaries are left as the pass would have left them.
double accuracy(py::handle model, const HeldSplit& examples, std::optional<Index> num_samples, Index batch_size,
                bool mirror_averaging) {
  return with_type(parameter_type(model), [&]<class T>() {
    NetCopy<T> copy(model);
    AccuracyCheck<Net<T>> check;
    check.mirror_averaging = mirror_averaging;
    const double found = accuracy_of(copy, check, examples.split(), num_samples, batch_size);
    copy.store_passes(model);
    return found;
  });
}

// What Solver in Python asks of a net of one type. Parameters are numbered in the net's order.
class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;
  virtual std::vector<std::string> names() = 0;
  virtual void run(Index count, Index t, Index total, const py::list& configs, py::list losses) = 0;
  virtual py::tuple accuracies(const HeldSplit& train, std::optional<Index> num_train, const HeldSplit& val,
                               std::optional<Index> num_val) = 0;
  virtual void set_states(const py::list& configs) = 0;
  virtual void copy_states(const py::list& configs) const = 0;
  virtual void take_states(const py::list& configs) = 0;
  virtual py::object order() const = 0;
  virtual void set_order(const py::array_t<Index>& order, Index position) = 0;
  virtual py::object averages() const = 0;
  virtual void set_averages(const py::dict& params, const py::dict& buffers, Index t) = 0;
  virtual py::dict params() const = 0;
  virtual void store(py::handle model) = 0;
  virtual void finish(py::handle model, bool with_params) = 0;
  virtual void store_passes(py::handle model) = 0;
};

template <class T>
class LoopOf : public Loop {
 public:
  LoopOf(py::handle model, const HeldSplit& train, const SolverOptions& options)
      : copy_(model),
        factors_(copy_.net().update_factors()),
        options_(options),
        step_(copy_.net(), train.split(), options_, state_) {
    check_.mirror_averaging = options_.mirror_averaging;
    const Split& split = train.split();
    lamina::detail::check_data({split, split}, options_, AccuracyCheck<Net<T>>::score(copy_.net(), split));
  }

  std::vector<std::string> names() override {
    std::vector<std::string> names;
    for (const auto& entry : copy_.net().params()) names.push_back(entry.name);
    return names;
  }

  // `count` of a call's `total` iterations, from number t on; their losses are appended one by one, each before a
  // signal is looked at.
  void run(Index count, Index t, Index total, const py::list& given, py::list losses) override {
    std::vector<OptimConfig> configs;
    for (const py::dict& config : checked(given)) {
      if (frozen(configs.size())) {
        configs.emplace_back();
        continue;
      }
      configs.push_back(read_config(options_.update_rule, config));
      if (!options_.update_rule->reads("weight_decay"))
        configs.back().weight_decay = options_.optim_config.weight_decay;
    }
    LentRandom lent(copy_.random(), copy_.dropout_seed().has_value());
    state_.num_iterations = total;
    for (Index i = 0; i < count; ++i) {
      state_.iteration = t + i;
      const double loss = draw_and_pass(lent);
      {
        const Unlocked unlocked;
        step_.update(configs);
      }
      copy_.end(Mode::train);
      losses.append(scalar(static_cast<double>(static_cast<T>(loss)), Type::float64));
      check_signals();
    }
  }

  // Of training and of validation examples, by the averages where there are any.
  py::tuple accuracies(const HeldSplit& train, std::optional<Index> num_train, const HeldSplit& val,
                       std::optional<Index> num_val) override {
    double train_acc = 0, val_acc = 0;
    step_.with_averages([&] {
      const Index batch = copy_.net().check_batch();
      train_acc = accuracy_of(copy_, check_, train.split(), num_train, batch);
      val_acc = accuracy_of(copy_, check_, val.split(), num_val, batch);
    });
    return py::make_tuple(train_acc, val_acc);
  }

  void set_states(const py::list& given) override {
    const Rule& rule = options_.update_rule;
    const std::vector<py::dict> configs = checked(given);
    for (std::size_t i = 0; const auto& [name, w] : std::as_const(copy_.net()).params()) {
      const auto tensors = read_state(rule, configs[i], lengths(w.shape()));
      OptimState<T>& state = state_.optim[i];
      state = {{}, read_t(rule, configs[i])};
      for (std::size_t k = 0; k < tensors.size(); ++k)
        if (tensors[k]) state.tensors.emplace(rule.state[k], copied<T>(Input<T>(*tensors[k], w.shape()).view()));
      ++i;
    }
  }

  void copy_states(const py::list& configs) const override {
    std::vector<OptimState<T>> copies;
    for (const OptimState<T>& state : state_.optim) {
      copies.push_back({{}, state.t});
      for (const auto& [name, tensor] : state.tensors) copies.back().tensors.emplace(name, copied<T>(tensor));
    }
    write_states(std::move(copies), checked(configs));
  }

  // Without a copy: the next step would begin with none.
  void take_states(const py::list& configs) override {
    write_states(std::exchange(state_.optim, std::vector<OptimState<T>>(state_.optim.size())), checked(configs));
  }

  // The order of examples of mini-batches without replacement, and how much of it is used; None where there is none.
  py::object order() const override {
    if (state_.order_size == 0) return py::none();
    const std::span<const Index> order(step_.order().data(), static_cast<std::size_t>(state_.order_size));
    return py::make_tuple(row_of(order), state_.order_position);
  }
  void set_order(const py::array_t<Index>& order, Index position) override {
    if (order.size() != step_.num_train()) return;  // of other examples
    step_.set_order({order.data(), order.data() + order.size()}, position);
  }

  // Copies of the moving averages, of parameters and of buffers by name, and how many updates after the first one they
  // have seen; None where there are none.
  py::object averages() const override {
    if (state_.average_params.size() == 0) return py::none();
    py::dict params, buffers;
    for (const auto& [name, value] : state_.average_params)
      params[py::str(name)] = result(copied<T>(value), type_of<T>());
    for (std::size_t i = 0; const auto& buffer : buffers_of_net())
      buffers[py::str(buffer.name)] = result(copied<T>(state_.average_buffers[i++]), type_of<T>());
    return py::make_tuple(params, buffers, state_.averaged);
  }
  void set_averages(const py::dict& params, const py::dict& buffers, Index t) override {
    const auto take = [](const py::dict& from, const std::string& name, TensorView<T> to) {
      const py::array array = numbers("Solver", "the average of " + name, from[name.c_str()]);
      check_lengths("Solver", "the average of " + name, array, lengths(to.shape()), "the net");
      const Input<T> input(array, to.shape());
      std::copy(input.view().begin(), input.view().end(), to.begin());
    };
    state_.average_params = std::as_const(copy_.net()).params();
    for (auto& [name, value] : state_.average_params) take(params, name, value);
    lamina::detail::copy_out(buffers_of_net(), state_.average_buffers);
    for (std::size_t i = 0; const auto& buffer : buffers_of_net())
      take(buffers, buffer.name, state_.average_buffers[i++]);
    state_.averaged = t;
  }

  py::dict params() const override { return copy_.params(); }
  void store(py::handle model) override { copy_.store(model); }
  void finish(py::handle model, bool with_params) override { copy_.finish(model, with_params); }
  void store_passes(py::handle model) override { copy_.store_passes(model); }

 private:
  // The first two parts of a step; its loss. A step that does not end leaves the running averages as they were.
  double draw_and_pass(LentRandom& lent) {
    double loss = 0;
    copy_.begin();
    lent.take();
    try {
      {
        const Unlocked unlocked;
        step_.draw(copy_.random());
      }
      lent.keep();
      if (!copy_.draws()) lent.give_back();
      interruptible(
          [&] {
            copy_.discard();
            lent.start_again();
            loss = step_.loss();
          },
          &lent);
      lent.keep();
      lent.give_back();
    } catch (...) {
      copy_.discard();
      lent.give_back();
      throw;
    }
    return loss;
  }

  std::vector<NamedTensor<T>> buffers_of_net() const { return const_cast<NetCopy<T>&>(copy_).net().buffers(); }

  // One dictionary a parameter.
  // The configuration of a frozen parameter is neither read nor written.
  bool frozen(std::size_t parameter) const { return factors_[parameter].frozen; }

  std::vector<py::dict> checked(const py::list& configs) const {
    if (configs.size() != state_.optim.size())
      fail("Solver", "expected a configuration for each of ", state_.optim.size(), " parameters, got ", configs.size());
    std::vector<py::dict> found;
    for (const py::handle config : configs) found.push_back(py::reinterpret_borrow<py::dict>(config));
    return found;
  }

  void write_states(std::vector<OptimState<T>>&& states, const std::vector<py::dict>& configs) const {
    for (std::size_t i = 0; i < states.size(); ++i) {
      for (auto& [name, tensor] : states[i].tensors)
        configs[i][py::str(name)] = result(std::move(tensor), type_of<T>());
      if (!frozen(i)) write_t(options_.update_rule, configs[i], states[i].t);
    }
  }

  NetCopy<T> copy_;
  const std::vector<UpdateFactors>& factors_;  // the net's
  SolverOptions options_;
  SolverState<T> state_;
  TrainingStep<Net<T>> step_;
  AccuracyCheck<Net<T>> check_;
};

// What lives for one call of train() alone.
py::object not_pickled(const py::object& self, py::handle) {
  throw py::type_error(lamina::detail::message("pickle", "expected what can be pickled, got ",
                                               py::cast<std::string>(py::type::of(self).attr("__name__")),
                                               " of lamina: pickle the Solver or its arrays instead"));
}

}  // namespace

void bind_solver(py::module_& m) {
  m.def("global_random_is_mt19937", &global_random_is_mt19937);
  m.def("accuracy", &accuracy, py::arg("model"), py::arg("examples"), py::arg("num_samples"), py::arg("batch_size"),
        py::arg("mirror_averaging"));
  py::class_<HeldSplit>(m, "Examples", "Examples and their labels, for SolverLoop.")
      .def(py::init<const std::string&, py::handle, py::handle, double, bool, py::handle>(), py::arg("where"),
           py::arg("X"), py::arg("y"), py::arg("times"), py::arg("numbers"), py::arg("weights").none(true))
      .def("__reduce_ex__", &not_pickled);
  py::class_<Loop>(m, "SolverLoop", "Solver's iterations over a net of the library.")
      .def("__reduce_ex__", &not_pickled)
      .def(py::init([](py::handle model, const HeldSplit& train, const std::string& rule,
                       const py::dict& given) -> std::unique_ptr<Loop> {
             SolverOptions options = step_options(given);
             options.update_rule = update_rule_from_name(rule);
             if (parameter_type(model) == Type::float64) return std::make_unique<LoopOf<double>>(model, train, options);
             return std::make_unique<LoopOf<float>>(model, train, options);
           }),
           py::arg("model"), py::arg("train"), py::arg("rule"), py::arg("options"), py::keep_alive<1, 3>())
      .def("names", &Loop::names)
      .def("run", &Loop::run, py::arg("count"), py::arg("t"), py::arg("total"), py::arg("configs"), py::arg("losses"))
      .def("accuracies", &Loop::accuracies, py::arg("train"), py::arg("num_train"), py::arg("val"), py::arg("num_val"))
      .def("order", &Loop::order)
      .def("set_order", &Loop::set_order, py::arg("order"), py::arg("position"))
      .def("averages", &Loop::averages)
      .def("set_averages", &Loop::set_averages, py::arg("params"), py::arg("buffers"), py::arg("t"))
      .def("set_states", &Loop::set_states, py::arg("configs"))
      .def("copy_states", &Loop::copy_states, py::arg("configs"))
      .def("take_states", &Loop::take_states, py::arg("configs"))
      .def("params", &Loop::params)
      .def("store", &Loop::store, py::arg("model"))
      .def("finish", &Loop::finish, py::arg("model"), py::arg("with_params"))
      .def("store_passes", &Loop::store_passes, py::arg("model"));
}

}  // namespace lamina::python
