// The Solver's loop over a net of lamina: mini-batches, losses, updates and accuracies without Python in between.
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "lamina/kernels/gather.h"
#include "lamina/nets/net.h"
#include "lamina/optim/update_rule.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/interrupt.h"
#include "python/bindings/nets.h"
#include "python/bindings/optim.h"
#include "python/bindings/random.h"

namespace lamina::python {
namespace {

// Examples X (N, ...) and their labels y (N,), each of which will be taken about `times` times. float32, float64 and
// uint8 are read where they lie if X is contiguous, anything else is copied.
class Examples {
 public:
  Examples(const std::string& where, py::handle images, py::handle y, double times) : times_(times) {
    const py::array X = numbers(where, "X", images);
    shape_ = shape_of(where, "X", X);
    if (shape_.rank() < 2 || shape_[0] < 1)
      fail(where, "expected X of shape (N, ...) with 1 example or more, got ", shape_);
    labels_ = labels(where, "y", y);
    if (static_cast<Index>(labels_.size()) != size())
      fail(where, "expected one label for each example, got X of shape ", shape_, " and ", labels_.size(), " labels");
    kind_ = X.dtype().kind() == 'u' && X.itemsize() == 1 ? Kind::bytes
            : promoted({&X}) == Type::float64            ? Kind::doubles
                                                         : Kind::floats;
    constexpr int kContiguous = py::array::c_style;
    X_ = kind_ == Kind::bytes    ? py::array(py::array_t<std::uint8_t, kContiguous>::ensure(X))
         : kind_ == Kind::floats ? detail::readable(X, py::dtype::of<float>(), py::detail::npy_api::NPY_FLOAT_)
                                 : detail::readable(X, py::dtype::of<double>(), py::detail::npy_api::NPY_DOUBLE_);
    data_ = X_.data();
  }

  Index size() const { return shape_[0]; }
  Label label(Index row) const { return labels_[static_cast<std::size_t>(row)]; }

  // The examples of these rows, or where `rows` is null those from `first` on: (count, ...), valid until the next call.
  // Examples of another type are kept as T where they are not too many: all if they are taken one after the other, or
  // as many were converted as there are; doubles one by one, if they will be taken often.
  template <class T>
  TensorView<T> take(const Index* rows, Index first, Index count, Tensor<T>& batch) {
    std::array<Index, Shape::kMaxRank> lengths{};
    std::copy(shape_.begin(), shape_.end(), lengths.begin());
    lengths[0] = count;
    const Shape shape(std::span<const Index>(lengths.data(), static_cast<std::size_t>(shape_.rank())));
    if constexpr (std::is_same_v<T, float>) {
      const Index bytes = shape_.size() * static_cast<Index>(sizeof(T));
      if (in_place<T>() == nullptr && rows != nullptr && kind_ == Kind::doubles && times_ >= kOften &&
          bytes <= kMostBytesOfRows)
        return take_and_keep(rows, count, shape, batch);
      if (in_place<T>() == nullptr && (asked_ >= size() || (rows == nullptr && times_ > 1)) &&
          bytes <= kMostBytesKept) {
        kept_.resize(shape_);
        convert(nullptr, 0, size(), kept_.data());
        is_kept_ = true;  // a conversion that was interrupted begins again
      }
      asked_ += count;
    }
    const T* all = in_place<T>();
    const Index example = shape_.size() / size();
    if (all != nullptr && rows == nullptr) return {const_cast<T*>(all) + first * example, shape};  // is only read
    batch.resize(shape);
    if (all != nullptr)
      kernels::gather_numbers(count, example, all, rows, batch.data());
    else
      convert(rows, first, count, batch.data());
    return batch;
  }

 private:
  enum class Kind { bytes, floats, doubles };
  enum class Row : std::uint8_t { lacks, made, kept };
  // Random draws of 1.6 times as many examples as there are cost as much memory traffic with keeping as without.
  static constexpr double kOften = 2;
  static constexpr Index kMostBytesKept = Index{1} << 24, kMostBytesOfRows = Index{1} << 26;

  template <class T>
  const T* in_place() const {
    if constexpr (std::is_same_v<T, float>)
      return kind_ == Kind::floats ? static_cast<const float*>(data_) : is_kept_ ? kept_.data() : nullptr;
    else
      return kind_ == Kind::doubles ? static_cast<const double*>(data_) : nullptr;
  }

  TensorView<float> take_and_keep(const Index* rows, Index count, const Shape& shape, Tensor<float>& batch) {
    kept_.resize(shape_);
    rows_.resize(static_cast<std::size_t>(size()), Row::lacks);
    for (const std::size_t row : made_) rows_[row] = Row::lacks;  // of a call that was interrupted
    how_.clear();
    made_.clear();
    for (Index i = 0; i < count; ++i) {
      Row& row = rows_[static_cast<std::size_t>(rows[i])];
      how_.push_back(row == Row::kept    ? kernels::Keep::from_kept
                     : row == Row::lacks ? kernels::Keep::make
                                         : kernels::Keep::none);
      if (row != Row::lacks) continue;
      row = Row::made;
      made_.push_back(static_cast<std::size_t>(rows[i]));
    }
    batch.resize(shape);
    kernels::gather_and_keep(count, shape_.size() / size(), static_cast<const double*>(data_), rows, how_.data(),
                             kept_.data(), batch.data());
    for (const std::size_t row : made_) rows_[row] = Row::kept;
    made_.clear();
    return batch;
  }

  template <class T>
  void convert(const Index* rows, Index first, Index count, T* out) const {
    const Index example = shape_.size() / size(), skip = first * example;
    if (kind_ == Kind::bytes)
      kernels::gather_bytes<T>(count, example, static_cast<const std::uint8_t*>(data_) + skip, rows, nullptr, out);
    else if (kind_ == Kind::floats)
      kernels::gather_numbers(count, example, static_cast<const float*>(data_) + skip, rows, out);
    else
      kernels::gather_numbers(count, example, static_cast<const double*>(data_) + skip, rows, out);
  }

  py::array X_;
  const void* data_ = nullptr;
  Kind kind_ = Kind::doubles;
  Tensor<float> kept_;
  bool is_kept_ = false;
  double times_;
  Index asked_ = 0;
  std::vector<Row> rows_;
  std::vector<kernels::Keep> how_;
  std::vector<std::size_t> made_;
  Shape shape_;
  std::vector<Label> labels_;
};

// As np.argmax: the first maximum; a NaN counts as one.
template <class T>
Index argmax(const T* x, Index n) {
  Index best = 0;
  for (Index i = 0; i < n; ++i) {
    if (std::isnan(x[i])) return i;
    if (x[i] > x[best]) best = i;
  }
  return best;
}

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

// What Solver in Python asks of a net of one type. Parameters are numbered in the net's order.
class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;
  virtual std::vector<std::string> names() = 0;
  virtual void run(Examples& train, Index count, Index batch_size, const py::list& configs, py::list losses) = 0;
  virtual Index check_batch() = 0;
  virtual double accuracy(Examples& examples, Index num_samples, Index batch_size) = 0;
  virtual void set_states(const py::list& configs) = 0;
  virtual void copy_states(const py::list& configs) const = 0;
  virtual void take_states(const py::list& configs) = 0;
  virtual py::dict params() const = 0;
  virtual void store(py::handle model) = 0;
  virtual void finish(py::handle model, bool with_params) = 0;
  virtual void store_passes(py::handle model) = 0;
};

template <class T>
class LoopOf : public Loop {
 public:
  LoopOf(py::handle model, UpdateRule rule) : copy_(model), rule_(rule), states_(copy_.net().params().size()) {}

  std::vector<std::string> names() override {
    std::vector<std::string> names;
    for (const auto& entry : copy_.net().params()) names.push_back(entry.name);
    return names;
  }

  // `count` iterations, whose losses are appended one by one, each before a signal is looked at.
  void run(Examples& train, Index count, Index batch_size, const py::list& given, py::list losses) override {
    std::vector<OptimConfig> configs;
    for (const py::dict& config : checked(given)) configs.push_back(read_config(rule_, config));
    LentRandom lent(copy_.random(), copy_.dropout_seed().has_value());
    for (Index i = 0; i < count; ++i) {
      const double loss = step(lent, train, batch_size);
      {
        const py::gil_scoped_release unlocked;
        update_all(configs);
      }
      copy_.end(Mode::train);
      losses.append(scalar(static_cast<double>(static_cast<T>(loss)), Type::float64));
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
  }

  Index check_batch() override { return copy_.net().check_batch(); }

  double accuracy(Examples& examples, Index num_samples, Index batch_size) override {
    if (num_samples < 0) fail("check_accuracy", "expected num_samples of 1 or more, got ", num_samples);
    if (batch_size < 1) fail("check_accuracy", "expected batch_size of 1 or more, got ", batch_size);
    const bool drawn = num_samples != 0 && examples.size() > num_samples;
    const Index N = drawn ? num_samples : examples.size();
    LentRandom lent(copy_.random(), copy_.dropout_seed().has_value());
    lent.take();
    if (drawn) {
      rows_.resize(static_cast<std::size_t>(N));
      copy_.random().choice(examples.size(), rows_);
      std::sort(rows_.begin(), rows_.end());
    }
    if (copy_.dropout_seed()) copy_.random().seed(*copy_.dropout_seed());
    lent.keep();
    lent.give_back();
    // An example that was drawn several times is looked at once.
    times_.assign(static_cast<std::size_t>(drawn ? 0 : N), 1);
    if (drawn) {
      std::size_t kept = 0;
      for (const Index row : rows_) {
        if (kept > 0 && rows_[kept - 1] == row) {
          ++times_.back();
          continue;
        }
        rows_[kept++] = row;
        times_.push_back(1);
      }
      rows_.resize(kept);
    }
    const auto different = static_cast<Index>(times_.size());
    Index right = 0;
    for (Index first = 0; first < different; first += batch_size) {
      const Index count = std::min(batch_size, different - first);
      Index found = 0;
      interruptible([&] {
        const TensorView<T> X = examples.take(drawn ? rows_.data() + first : nullptr, drawn ? 0 : first, count, X_);
        const Tensor<T>& scores = copy_.net().loss(X);
        const Index C = scores.dim(1);
        found = 0;
        for (Index i = 0; i < count; ++i) {
          const auto at = static_cast<std::size_t>(first + i);
          const Index row = drawn ? rows_[at] : first + i;
          if (argmax(scores.data() + i * C, C) == examples.label(row)) found += times_[at];
        }
      });
      right += found;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
    copy_.end(Mode::test);
    return static_cast<double>(right) / static_cast<double>(N);
  }

  void set_states(const py::list& given) override {
    const std::vector<py::dict> configs = checked(given);
    std::size_t i = 0;
    for (const auto& [name, w] : std::as_const(copy_.net()).params()) {
      const auto tensors = read_state(rule_, configs[i], lengths(w.shape()));
      states_[i] = {{}, read_t(rule_, configs[i])};
      for (std::size_t k = 0; k < tensors.size(); ++k)
        if (tensors[k]) states_[i].tensors.emplace(rule_->state[k], copied<T>(Input<T>(*tensors[k], w.shape()).view()));
      ++i;
    }
  }

  void copy_states(const py::list& configs) const override {
    std::vector<OptimState<T>> copies;
    for (const OptimState<T>& state : states_) {
      copies.push_back({{}, state.t});
      for (const auto& [name, tensor] : state.tensors) copies.back().tensors.emplace(name, copied<T>(tensor));
    }
    write_states(std::move(copies), checked(configs));
  }

  // Without a copy: the next step would begin with none.
  void take_states(const py::list& configs) override {
    write_states(std::exchange(states_, std::vector<OptimState<T>>(states_.size())), checked(configs));
  }

  py::dict params() const override { return copy_.params(); }
  void store(py::handle model) override { copy_.store(model); }
  void finish(py::handle model, bool with_params) override { copy_.finish(model, with_params); }
  void store_passes(py::handle model) override { copy_.store_passes(model); }

 private:
  // The loss; gradients are in the net. A step that does not end leaves the running averages as they were.
  double step(LentRandom& lent, Examples& train, Index batch_size) {
    double loss = 0;
    copy_.begin();
    lent.take();
    try {
      {
        const py::gil_scoped_release unlocked;
        rows_.resize(static_cast<std::size_t>(batch_size));
        copy_.random().choice(train.size(), rows_);
      }
      lent.keep();
      if (!copy_.draws()) lent.give_back();
      interruptible(
          [&] {
            copy_.discard();
            lent.start_again();
            loss = pass(train, batch_size);
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

  double pass(Examples& train, Index batch_size) {
    y_.resize(rows_.size());
    train.take(rows_.data(), 0, batch_size, X_);
    std::transform(rows_.begin(), rows_.end(), y_.begin(), [&](Index row) { return train.label(row); });
    return copy_.net().loss(X_, std::span<const Label>(y_)).loss;
  }

  void update_all(const std::vector<OptimConfig>& configs) {
    updates_.clear();
    for (std::size_t i = 0; auto& [name, w] : copy_.net().params()) {
      updates_.add(rule_, w, copy_.net().grads()[name], configs[i], states_[i], rule_->reads("weight_decay"));
      ++i;
    }
    updates_.run();
  }

  // One dictionary a parameter.
  std::vector<py::dict> checked(const py::list& configs) const {
    if (configs.size() != states_.size())
      fail("Solver", "expected a configuration for each of ", states_.size(), " parameters, got ", configs.size());
    std::vector<py::dict> found;
    for (const py::handle config : configs) found.push_back(py::reinterpret_borrow<py::dict>(config));
    return found;
  }

  void write_states(std::vector<OptimState<T>>&& states, const std::vector<py::dict>& configs) const {
    for (std::size_t i = 0; i < states.size(); ++i) {
      for (auto& [name, tensor] : states[i].tensors)
        configs[i][py::str(name)] = result(std::move(tensor), type_of<T>());
      write_t(rule_, configs[i], states[i].t);
    }
  }

  NetCopy<T> copy_;
  UpdateRule rule_;
  std::vector<OptimState<T>> states_;
  Updates<T> updates_;
  std::vector<Index> rows_, times_;
  std::vector<Label> y_;
  Tensor<T> X_;
};

}  // namespace

void bind_solver(py::module_& m) {
  m.def("global_random_is_mt19937", &global_random_is_mt19937);
  py::class_<Examples>(m, "Examples", "Examples and their labels, for SolverLoop.")
      .def(py::init<const std::string&, py::handle, py::handle, double>(), py::arg("where"), py::arg("X"), py::arg("y"),
           py::arg("times") = 1.0);
  py::class_<Loop>(m, "SolverLoop", "Solver's iterations over a net of the library.")
      .def(py::init([](py::handle model, const std::string& rule) -> std::unique_ptr<Loop> {
             if (parameter_type(model) == Type::float64)
               return std::make_unique<LoopOf<double>>(model, update_rule_from_name(rule));
             return std::make_unique<LoopOf<float>>(model, update_rule_from_name(rule));
           }),
           py::arg("model"), py::arg("rule") = "sgd")
      .def("names", &Loop::names)
      .def("run", &Loop::run, py::arg("train"), py::arg("count"), py::arg("batch_size"), py::arg("configs"),
           py::arg("losses"))
      .def("check_batch", &Loop::check_batch)
      .def("accuracy", &Loop::accuracy, py::arg("examples"), py::arg("num_samples"), py::arg("batch_size"))
      .def("set_states", &Loop::set_states, py::arg("configs"))
      .def("copy_states", &Loop::copy_states, py::arg("configs"))
      .def("take_states", &Loop::take_states, py::arg("configs"))
      .def("params", &Loop::params)
      .def("store", &Loop::store, py::arg("model"))
      .def("finish", &Loop::finish, py::arg("model"), py::arg("with_params"))
      .def("store_passes", &Loop::store_passes, py::arg("model"));
}

}  // namespace lamina::python
