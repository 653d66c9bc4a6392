// The bodies of Solver; included by solver.h alone.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "lamina/check.h"
#include "lamina/kernels/update.h"
#include "lamina/solver/solver.h"

namespace lamina {
namespace detail {

void check_options(const SolverOptions& options);
void check_data(const SolverData& data, const SolverOptions& options);
Index iterations_per_epoch(Index num_train, Index batch_size);
Index count_iterations(Index num_train, const SolverOptions& options);
void print_iteration(const SolverOptions& options, Index t, Index num_iterations, double loss);
void print_epoch(const SolverOptions& options, Index epoch, double train_acc, double val_acc);

// Calls what it was given when it goes out of scope.
template <class Call>
class AtEnd {
 public:
  explicit AtEnd(Call call) : call_(std::move(call)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { call_(); }

 private:
  Call call_;
};

template <class M>
Index check_batch(const M& model) {
  if constexpr (requires {
                  { model.check_batch() } -> std::convertible_to<Index>;
                })
    return model.check_batch();
  else
    return 100;
}

template <class M>
std::vector<NamedTensor<typename M::Scalar>> buffers_of(M& model) {
  if constexpr (requires { model.buffers(); })
    return model.buffers();
  else
    return {};
}

template <class T>
void copy_out(const std::vector<NamedTensor<T>>& from, std::vector<Tensor<T>>& to) {
  to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i].assign(from[i].value);
}

template <class T>
void copy_back(const std::vector<Tensor<T>>& from, std::vector<NamedTensor<T>> to) {
  for (std::size_t i = 0; i < from.size(); ++i) std::copy(from[i].begin(), from[i].end(), to[i].value.begin());
}

// Whether `kept` can stand for `now`, a model's buffers.
template <class T>
void check_buffers(const std::vector<Tensor<T>>& kept, const std::vector<NamedTensor<T>>& now) {
  if (kept.size() != now.size())
    fail("Solver::set_state", "expected ", now.size(), " buffers, as the model has, got ", kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i)
    check_shape("Solver::set_state", now[i].name, kept[i].shape(), now[i].value.shape(), "the model");
}

// As np.argmax: the first maximum; a NaN counts as one.
template <class T>
Index argmax(std::span<const T> x) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) return static_cast<Index>(i);
    if (x[i] > x[best]) best = i;
  }
  return static_cast<Index>(best);
}

template <class T>
void check_params(std::string_view what, const Parameters<T>& kept, const Parameters<T>& now) {
  if (kept.size() != now.size())
    fail("Solver::set_state", "expected ", now.size(), " ", what, ", as the model has, got ", kept.size());
  auto entry = now.begin();
  for (const auto& [name, value] : kept) {
    if (name != entry->name) fail("Solver::set_state", "expected ", what, " named ", entry->name, ", got ", name);
    check_shape("Solver::set_state", name, value.shape(), entry->value.shape(), "the model");
    ++entry;
  }
}

}  // namespace detail

template <Model M>
Solver<M>::Solver(M& model, SolverData data, SolverOptions options, RandomState& random)
    : model_(model), data_(std::move(data)), options_(std::move(options)), random_(random) {
  detail::check_options(options_);
  detail::check_data(data_, options_);
  state_.learning_rate = *with_defaults(options_.update_rule, options_.optim_config).learning_rate;
  state_.optim.resize(std::as_const(model_).params().size());
}

template <Model M>
double Solver<M>::step() {
  const auto start = std::chrono::steady_clock::now();
  const auto batch = static_cast<std::size_t>(options_.batch_size);
  rows_.resize(batch);
  batch_y_.resize(batch);
  if (options_.shuffle)
    draw_rows();
  else
    random_.choice(data_.train.size(), rows_);
  if (options_.augmentation.any()) {
    moves_.resize(batch);
    draw_moves(options_.augmentation, random_, moves_);
    data_.train.X.gather(rows_, moves_, batch_X_);
  } else {
    data_.train.X.gather(std::span<const Index>(rows_), batch_X_);
  }
  for (std::size_t i = 0; i < batch; ++i) batch_y_[i] = data_.train.y[static_cast<std::size_t>(rows_[i])];

  const LossAndGradients<T> result = model_.loss(batch_X_, std::span<const Label>(batch_y_));
  const StepEvent event{static_cast<Index>(state_.history.loss_history.size()) + 1, result.loss};
  if (before_update) before_update(event);
  if (!std::isfinite(result.loss))
    throw NonFiniteLoss(state_.iteration + 1, state_.num_iterations, result.loss, state_.learning_rate);

  OptimConfig config = options_.optim_config;
  const Index per_epoch = detail::iterations_per_epoch(data_.train.size(), options_.batch_size);
  const double factor = schedule_factor(options_.schedule, state_.iteration, state_.num_iterations, per_epoch);
  config.learning_rate = std::max(state_.learning_rate * factor, std::numeric_limits<double>::denorm_min());
  auto optim = state_.optim.begin();
  updates_.clear();
  for (auto& [name, w] : model_.params())
    updates_.add(options_.update_rule, w, result.grads[name], config, *optim++, name.starts_with('W'));
  updates_.run();
  state_.history.loss_history.push_back(result.loss);
  if (after_update) after_update(event);
  if (options_.average_decay > 0) average();

  ++state_.iteration;
  state_.images += options_.batch_size;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  state_.seconds += seconds;
  return seconds;
}

template <Model M>
void Solver<M>::draw_order(RandomState& random) {
  order_.resize(static_cast<std::size_t>(data_.train.size()));
  std::iota(order_.begin(), order_.end(), Index{0});
  random.shuffle(std::span<Index>(order_));
}

// The next rows_.size() examples of a permutation, and of new ones where it ends: each example once in num_train draws.
template <Model M>
void Solver<M>::draw_rows() {
  for (Index& row : rows_) {
    if (state_.order_size == 0 || state_.order_position == state_.order_size) {
      state_.order_random = random_.state();
      draw_order(random_);
      state_.order_size = data_.train.size();
      state_.order_position = 0;
    }
    row = order_[static_cast<std::size_t>(state_.order_position++)];
  }
}

template <Model M>
void Solver<M>::average() {
  Parameters<T>& params = model_.params();
  if (state_.average_params.size() == 0) {
    state_.average_params = params;
    detail::copy_out(buffers_, state_.average_buffers);
    return;
  }
  const auto t = static_cast<double>(++state_.averaged);
  const auto fresh = static_cast<T>(1 - std::min(options_.average_decay, (1 + t) / (10 + t)));
  const auto now = std::as_const(params).flat();
  kernels::average_update(static_cast<Index>(now.size()), state_.average_params.flat().data(), now.data(), fresh);
  for (std::size_t i = 0; i < buffers_.size(); ++i)
    kernels::average_update(buffers_[i].value.size(), state_.average_buffers[i].data(),
                            std::as_const(buffers_[i].value).data(), fresh);
}

template <Model M>
void Solver<M>::swap_averages() {
  if (options_.average_decay == 0 || state_.average_params.size() == 0) return;
  auto params = model_.params().flat();
  std::swap_ranges(params.begin(), params.end(), state_.average_params.flat().begin());
  auto buffers = detail::buffers_of(model_);
  for (std::size_t i = 0; i < buffers.size(); ++i)
    std::swap_ranges(buffers[i].value.begin(), buffers[i].value.end(), state_.average_buffers[i].begin());
}

// Whether the last checks of this call, `patience` of them, brought nothing above the best one before.
template <Model M>
bool Solver<M>::out_of_patience(Index per_epoch) const {
  const auto& accuracies = state_.history.val_acc_history;
  const Index checks = state_.iteration / per_epoch + (per_epoch > 1 ? 1 : 0);
  if (options_.patience == 0 || checks <= options_.patience) return false;
  const auto best = std::max_element(accuracies.begin(), accuracies.end());  // the first one of equals
  return accuracies.end() - 1 - best >= options_.patience;
}

template <Model M>
bool Solver<M>::train() {
  detail::check_options(options_);
  if (state_.optim.size() != std::as_const(model_).params().size())
    fail("Solver::train", "expected a model of ", state_.optim.size(), " parameters, as at the start, got ",
         std::as_const(model_).params().size());
  buffers_ = detail::buffers_of(model_);
  const Index per_epoch = detail::iterations_per_epoch(data_.train.size(), options_.batch_size);
  if (state_.iteration == state_.num_iterations) {
    state_.num_iterations = detail::count_iterations(data_.train.size(), options_);
    state_.iteration = 0;
  }
  auto& losses = state_.history.loss_history;
  constexpr Index kReserve = 1 << 20;
  losses.reserve(losses.size() +
                 static_cast<std::size_t>(std::min(state_.num_iterations - state_.iteration, kReserve)));

  while (state_.iteration < state_.num_iterations) {
    const double seconds = step();
    const bool first = state_.iteration == 1;
    bool last = state_.iteration == state_.num_iterations;
    detail::print_iteration(options_, state_.iteration - 1, state_.num_iterations, losses.back());
    const bool epoch_end = state_.iteration % per_epoch == 0;
    if (epoch_end) {
      ++state_.epoch;
      // Not to 0, which stands for the rule's default.
      state_.learning_rate =
          std::max(state_.learning_rate * options_.lr_decay, std::numeric_limits<double>::denorm_min());
    }
    const bool check = first || last || epoch_end;
    if (check) check_accuracies();
    if (check && out_of_patience(per_epoch)) {
      state_.num_iterations = state_.iteration;
      last = true;
    }
    if (last) restore_best();
    if (on_iteration) on_iteration({state_.iteration, state_.num_iterations, losses.back(), seconds});
    if (check && on_epoch)
      on_epoch({state_.epoch, options_.num_epochs, state_.iteration, state_.num_iterations,
                state_.history.train_acc_history.back(), state_.history.val_acc_history.back()});
    if (!last && should_stop && should_stop()) return false;
  }
  return true;
}

template <Model M>
void Solver<M>::check_accuracies() {
  const detail::AtEnd swap_back([this] { swap_averages(); });
  swap_averages();
  const double train_acc = check_accuracy(data_.train, options_.num_train_samples);
  const double val_acc = check_accuracy(data_.val, options_.num_val_samples);
  History& history = state_.history;
  history.train_acc_history.push_back(train_acc);
  history.val_acc_history.push_back(val_acc);
  detail::print_epoch(options_, state_.epoch, train_acc, val_acc);
  if (val_acc > history.best_val_acc) {
    history.best_val_acc = val_acc;
    keep_best();
  }
}

template <Model M>
double Solver<M>::check_accuracy(const Split& split, Index num_samples, Index batch_size) {
  const Index total = split.size();
  if (total < 1) fail("check_accuracy", "expected 1 example or more, got none");
  if (static_cast<Index>(split.y.size()) != total)
    fail("check_accuracy", "expected one label for each of ", total, " examples, got ", split.y.size());
  if (num_samples < 0) fail("check_accuracy", "expected num_samples of 0 or more, got ", num_samples);
  if (batch_size < 0) fail("check_accuracy", "expected batch_size of 0 or more, got ", batch_size);
  if (batch_size == 0) batch_size = std::max<Index>(1, detail::check_batch(model_));

  const bool drawn = num_samples != 0 && total > num_samples;
  const Index N = drawn ? num_samples : total;
  if (drawn) {
    rows_.resize(static_cast<std::size_t>(N));
    random_.choice(total, rows_);
  }
  Index right = 0;
  for (Index first = 0; first < N; first += batch_size) {
    const Index count = std::min(batch_size, N - first);
    const auto rows =
        drawn ? std::span<const Index>(rows_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count))
              : std::span<const Index>();
    if (drawn)
      split.X.gather(rows, batch_X_);
    else
      split.X.slice(first, count, batch_X_);
    const TensorView<T>& seen = model_.loss(batch_X_);
    if (seen.rank() != 2 || seen.dim(0) != count || seen.dim(1) < 1)
      fail("check_accuracy", "expected scores of shape (", count, ", C), got ", seen.shape());
    const Index C = seen.dim(1);
    if (options_.mirror_averaging) {
      scores_.assign(seen);
      mirrored_.resize(static_cast<std::size_t>(count));
      for (Index i = 0; i < count; ++i)
        mirrored_[static_cast<std::size_t>(i)] = drawn ? rows[static_cast<std::size_t>(i)] : first + i;
      moves_.assign(static_cast<std::size_t>(count), kernels::Move{.mirror = true});
      split.X.gather(mirrored_, moves_, batch_X_);
      const TensorView<T>& other = model_.loss(batch_X_);
      for (Index i = 0; i < scores_.size(); ++i) scores_[i] = (scores_[i] + other[i]) / 2;
    }
    const TensorView<T>& scores = options_.mirror_averaging ? scores_ : seen;
    for (Index i = 0; i < count; ++i) {
      const Index at = drawn ? rows[static_cast<std::size_t>(i)] : first + i;
      const Label label = split.y[static_cast<std::size_t>(at)];
      if (label < 0 || label >= C)
        fail("check_accuracy", "expected labels of 0 to ", C - 1, " to match the scores, got ", label, " for example ",
             at);
      right += detail::argmax(std::span<const T>(scores.data() + i * C, static_cast<std::size_t>(C))) == label;
    }
  }
  return static_cast<double>(right) / static_cast<double>(N);
}

template <Model M>
void Solver<M>::keep_best() {
  const Parameters<T>& params = std::as_const(model_).params();
  if (state_.best_params.size() == params.size())
    state_.best_params.copy_from(params);
  else
    state_.best_params = params;
  detail::copy_out(detail::buffers_of(model_), state_.best_buffers);
}

template <Model M>
void Solver<M>::restore_best() {
  if (state_.best_params.size() == 0) return;
  model_.params().copy_from(state_.best_params);
  detail::copy_back(state_.best_buffers, detail::buffers_of(model_));
}

template <Model M>
SolverState<typename M::Scalar> Solver<M>::state() const {
  SolverState<T> state = state_;
  state.params = std::as_const(model_).params();
  detail::copy_out(detail::buffers_of(model_), state.buffers);
  state.random = random_.state();
  return state;
}

template <Model M>
void Solver<M>::set_state(const SolverState<T>& state) {
  const Parameters<T>& params = std::as_const(model_).params();
  const auto buffers = detail::buffers_of(model_);
  detail::check_params("parameters", state.params, params);
  detail::check_buffers(state.buffers, buffers);
  if (state.best_params.size() != 0) {
    detail::check_params("best parameters", state.best_params, params);
    detail::check_buffers(state.best_buffers, buffers);
  }
  if (state.optim.size() != params.size())
    fail("Solver::set_state", "expected an update-rule state for each of ", params.size(), " parameters, got ",
         state.optim.size());
  auto entry = params.begin();
  for (const OptimState<T>& optim : state.optim) {
    for (const auto& [name, kept] : optim.tensors)
      check_shape("Solver::set_state", name + " of " + entry->name, kept.shape(), entry->value.shape(), "the model");
    ++entry;
  }
  if (state.epoch < 0 || state.iteration < 0 || state.iteration > state.num_iterations)
    fail("Solver::set_state", "expected an iteration of 0 to ", state.num_iterations, ", got ", state.iteration);
  if (static_cast<Index>(state.history.loss_history.size()) < state.iteration)
    fail("Solver::set_state", "expected a loss for each of ", state.iteration, " iterations, got ",
         state.history.loss_history.size());
  if (!(std::isfinite(state.learning_rate) && state.learning_rate > 0))
    fail("Solver::set_state", "expected a learning rate above 0, got ", state.learning_rate);

  if (state.order_size != 0 && state.order_size != data_.train.size())
    fail("Solver::set_state", "expected an order of ", data_.train.size(), " examples, got one of ", state.order_size);
  if (state.order_position < 0 || state.order_position > state.order_size)
    fail("Solver::set_state", "expected a place of 0 to ", state.order_size, " in the order, got ",
         state.order_position);
  if (state.average_params.size() != 0) {
    detail::check_params("average parameters", state.average_params, params);
    detail::check_buffers(state.average_buffers, buffers);
  }

  RandomState order_random;
  order_random.set_state(state.order_random);
  random_.set_state(state.random);
  if (state.order_size != 0) draw_order(order_random);
  model_.params().copy_from(state.params);
  detail::copy_back(state.buffers, buffers);
  state_ = state;
  state_.params = {};
  state_.buffers.clear();
}

}  // namespace lamina
