// Solver: the training loop. It repeats the training step (training_step.h), checks accuracies (accuracy.h), and keeps
// the parameters that did best on validation. Its options are in solver_options.h.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>

#include "lamina/data/dataset.h"
#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/solver/accuracy.h"
#include "lamina/solver/history.h"
#include "lamina/solver/solver_options.h"
#include "lamina/solver/state.h"
#include "lamina/solver/training_step.h"

namespace lamina {

struct SolverData {
  Split train, val;
};

/// A loss that is NaN or infinite. what() names the iteration and the learning rate. The model still has the parameters
/// that gave this loss, and the histories end before it.
class NonFiniteLoss : public std::runtime_error {
 public:
  NonFiniteLoss(Index iteration, Index num_iterations, double loss, double learning_rate);
  Index iteration;
  double learning_rate;
};

/// Trains a model on data. `auto solver = Solver(model, data, options, random); solver.train();`
/// The model and `random` must outlive it.
template <Model M>
class Solver {
 public:
  using T = typename M::Scalar;

  /// Throws std::invalid_argument for empty splits, for a number of labels that is not the number of examples, and for
  /// options out of range.
  Solver(M& model, SolverData data, SolverOptions options, RandomState& random);
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;

  /// Trains for options().num_epochs epochs, then leaves the parameters (and buffers) that did best on validation
  /// in the model. A further call continues from there, with the epochs, histories, decayed learning rate and
  /// update-rule state. If the last call was cut short, by should_stop, by an exception, or because set_state() brought
  /// the state of such a call, then the next call trains its remaining iterations and no more. Returns false if
  /// `should_stop` ended it early; the model then keeps its current parameters. Throws NonFiniteLoss.
  bool train();

  /// The fraction of examples whose label has the highest score. If num_samples is given and the split has more
  /// examples, only choice(N, num_samples) are checked. The model scores batch_size examples at a time; by default as
  /// many as its check_batch() says, or 100 if it has none. Throws std::invalid_argument for labels beyond the scores.
  double check_accuracy(const Split& split, std::optional<Index> num_samples = {},
                        std::optional<Index> batch_size = {});

  const History& history() const { return state_.history; }
  /// May be changed between two calls of train(), except for the learning rate, which only the constructor reads.
  /// train() checks them anew wherever they have changed.
  SolverOptions& options() { return options_; }
  const SolverOptions& options() const { return options_; }
  /// The parameters that did best on validation; empty until a validation accuracy is above 0.
  const Parameters<T>& best_params() const { return state_.best_params; }
  Index epoch() const { return state_.epoch; }
  /// The learning rate after the decays so far, without the schedule's factor.
  double learning_rate() const { return state_.learning_rate; }
  /// Images of all training steps divided by their time; accuracy checks are not counted.
  double images_per_second() const {
    return state_.seconds > 0 ? static_cast<double>(state_.images) / state_.seconds : 0;
  }

  /// The state between two iterations, including the model and the random stream. on_iteration and on_epoch may call
  /// it. After the last iteration the model's parameters in it are the best ones, and iteration == num_iterations.
  SolverState<T> state() const;
  /// Continues from the state of a Solver with the same model, data and options. Throws std::invalid_argument, and
  /// changes nothing, if names or shapes differ.
  void set_state(const SolverState<T>& state);

  /// Hooks between iterations; may be empty. on_iteration runs after every iteration, on_epoch after it in those that
  /// end with an accuracy check: the first one, and the last of each epoch. Both see the accuracies of that check.
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<void(const EpochEvent&)> on_epoch;
  /// Hooks inside a step, for measurements; may be empty. before_update runs when the loss and the gradients are known,
  /// even if the loss is not finite; after_update runs when the parameters have moved. Their time counts as the step's.
  std::function<void(const StepEvent&)> before_update, after_update;
  /// Called after the hooks of every iteration but the last; if it returns true, train() ends there.
  std::function<bool()> should_stop;

 private:
  void check_options();
  double step(Index per_epoch);
  bool out_of_patience(Index per_epoch) const;
  void check_accuracies();
  void keep_best();
  void restore_best();

  M& model_;
  SolverData data_;
  SolverOptions options_, checked_options_;
  RandomState& random_;
  SolverState<T> state_;  // its params, buffers and random are not used: model_ and random_ have them
  TrainingStep<M> step_;
  AccuracyCheck<M> check_;
};

}  // namespace lamina

#include "lamina/solver/solver_impl.h"  // IWYU pragma: export
