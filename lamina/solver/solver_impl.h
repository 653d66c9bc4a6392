// The definitions of Solver's member functions. Only solver.h includes this file.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "lamina/check.h"
#include "lamina/solver/solver.h"

namespace lamina {
namespace detail {

/// `score`: what is checked, as AccuracyCheck::score() has it.
void check_data(const SolverData& data, const SolverOptions& options, Score score);
void print_iteration(const SolverOptions& options, Index t, Index num_iterations, double loss);
void print_epoch(const SolverOptions& options, Index epoch, Score score, double train, double val);

template <class M>
Index check_batch(const M& model) {
  if constexpr (requires {
                  { model.check_batch() } -> std::convertible_to<Index>;
                })
    return model.check_batch();
  else
    return 100;
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
    : model_(model),
      data_(std::move(data)),
      options_(std::move(options)),
      checked_options_(options_),
      random_(random),
      step_(model_, data_.train, options_, state_) {
  detail::check_options(options_);
  detail::check_data(data_, options_, AccuracyCheck<M>::score(model_, data_.train));
  state_.learning_rate = *with_defaults(options_.update_rule, options_.optim_config).learning_rate;
}

// Throws unless the options, which hooks may change, are in range.
template <Model M>
void Solver<M>::check_options() {
  if (options_ == checked_options_) return;
  detail::check_options(options_);
  detail::check_data(data_, options_, AccuracyCheck<M>::score(model_, data_.train));
  checked_options_ = options_;
}

// Does one step, the end of its epoch included, and returns its time in seconds.
template <Model M>
double Solver<M>::step(Index per_epoch) {
  const auto start = std::chrono::steady_clock::now();
  step_.draw(random_);
  const double loss = step_.loss();
  const StepEvent event{static_cast<Index>(state_.history.loss_history.size()) + 1, loss};
  if (before_update) before_update(event);
  if (!std::isfinite(loss))
    throw NonFiniteLoss(state_.iteration + 1, state_.num_iterations, loss, state_.learning_rate);
  OptimConfig config = options_.optim_config;
  config.learning_rate = state_.learning_rate;
  step_.update({&config, 1});
  // From here on the step counts, even if a hook throws.
  state_.history.loss_history.push_back(loss);
  state_.images += options_.batch_size;
  ++state_.iteration;
  if (state_.iteration % per_epoch == 0) {
    ++state_.epoch;
    // It must not become 0, which set_state() rejects.
    state_.learning_rate =
        std::max(state_.learning_rate * options_.lr_decay, std::numeric_limits<double>::denorm_min());
  }
  if (after_update) after_update(event);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  state_.seconds += seconds;
  return seconds;
}

// Whether the last `patience` accuracy checks, all of this call, were no better than the best one before them.
template <Model M>
bool Solver<M>::out_of_patience(Index per_epoch) const {
  const auto& accuracies = state_.history.val_acc_history;
  const Index checks = state_.iteration / per_epoch + (per_epoch > 1 ? 1 : 0);
  if (!options_.patience || checks <= *options_.patience) return false;
  const auto best = std::max_element(accuracies.begin(), accuracies.end());  // the first, if several are equal
  return accuracies.end() - 1 - best >= *options_.patience;
}

template <Model M>
bool Solver<M>::train() {
  check_options();
  step_.check_model();
  const Index per_epoch = detail::iterations_per_epoch(data_.train.size(), options_.batch_size);
  if (state_.iteration == state_.num_iterations) {
    state_.num_iterations = detail::count_iterations(data_.train.size(), options_);
    state_.iteration = 0;
    state_.last_params = {};
    state_.last_buffers.clear();
  }
  auto& losses = state_.history.loss_history;
  constexpr Index kReserve = 1 << 20;
  losses.reserve(losses.size() +
                 static_cast<std::size_t>(std::min(state_.num_iterations - state_.iteration, kReserve)));

  while (state_.iteration < state_.num_iterations) {
    check_options();
    const double seconds = step(per_epoch);
    const bool first = state_.iteration == 1;
    bool last = state_.iteration == state_.num_iterations;
    detail::print_iteration(options_, state_.iteration - 1, state_.num_iterations, losses.back());
    const bool epoch_end = state_.iteration % per_epoch == 0;
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
  step_.with_averages([this] {
    const double train_acc = check_accuracy(data_.train, options_.num_train_samples);
    const double val_acc = check_accuracy(data_.val, options_.num_val_samples);
    History& history = state_.history;
    history.train_acc_history.push_back(train_acc);
    history.val_acc_history.push_back(val_acc);
    const Score score = AccuracyCheck<M>::score(model_, data_.val);
    detail::print_epoch(options_, state_.epoch, score, train_acc, val_acc);
    // The course keeps nothing before an accuracy is above 0. Other scores may stay below 0.
    const bool first = score != Score::accuracy && state_.best_params.size() == 0 && std::isfinite(val_acc);
    if (first || val_acc > history.best_val_acc) {
      history.best_val_acc = val_acc;
      keep_best();
    }
  });
}

template <Model M>
double Solver<M>::check_accuracy(const Split& split, std::optional<Index> num_samples,
                                 std::optional<Index> batch_size) {
  const Index total = split.size();
  if (total < 1) fail("check_accuracy", "expected 1 example or more, got none");
  if (!split.targets && static_cast<Index>(split.y.size()) != total)
    fail("check_accuracy", "expected one label for each of ", total, " examples, got ", split.y.size());
  if (num_samples && *num_samples < 1) fail("check_accuracy", "expected num_samples of 1 or more, got ", *num_samples);
  if (batch_size && *batch_size < 1) fail("check_accuracy", "expected batch_size of 1 or more, got ", *batch_size);
  const Index batch = batch_size ? *batch_size : std::max<Index>(1, detail::check_batch(model_));

  check_.mirror_averaging = options_.mirror_averaging;
  check_.begin(split, num_samples, random_);
  while (check_.left()) check_.next(model_, batch);
  return check_.accuracy();
}

template <Model M>
void Solver<M>::keep_best() {
  step_.check_model();
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
  step_.check_model();
  state_.last_params = std::as_const(model_).params();
  detail::copy_out(detail::buffers_of(model_), state_.last_buffers);
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
  if (state.last_params.size() != 0) {
    detail::check_params("last parameters", state.last_params, params);
    detail::check_buffers(state.last_buffers, buffers);
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
  model_.params().copy_from(state.params);
  detail::copy_back(state.buffers, buffers);
  state_ = state;
  state_.params = {};
  state_.buffers.clear();
  step_.restore_order();
}

}  // namespace lamina
