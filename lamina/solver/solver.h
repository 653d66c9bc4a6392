// Solver: the training loop. It repeats the training step (training_step.h), checks accuracies, and keeps the
// parameters that did best on validation.
#pragma once

#include <functional>
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

/// A loss that is NaN or infinite. what() names the iteration and the learning rate. The parameters are those that
/// gave the loss, the histories those before it.
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

  /// Throws std::invalid_argument for empty splits, labels that do not count the examples, or options out of range.
  Solver(M& model, SolverData data, SolverOptions options, RandomState& random);
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;

  /// Trains for options().num_epochs epochs, then leaves the parameters (and buffers) that did best on validation
  /// in the model. Called again, it goes on: epochs, histories, the decayed learning rate and update-rule state
  /// continue. Where an earlier call had not ended (should_stop, an exception, set_state()), it finishes that one.
  /// Throws NonFiniteLoss. Returns false where `should_stop` ended it early; then the model keeps its current
  /// parameters.
  bool train();

  /// Fraction of examples whose highest score is their label's. Where num_samples is not 0 and the split has more,
  /// it draws choice(N, num_samples) and looks at those, batch_size at a time; 0: as many as the model's check_batch()
  /// says, or 100 where it has none. Throws std::invalid_argument for labels beyond the scores.
  double check_accuracy(const Split& split, Index num_samples = 0, Index batch_size = 0);

  const History& history() const { return state_.history; }
  /// May be changed between two calls of train(); the learning rate is read by the constructor alone.
  SolverOptions& options() { return options_; }
  const SolverOptions& options() const { return options_; }
  /// No entries until a validation accuracy is above 0.
  const Parameters<T>& best_params() const { return state_.best_params; }
  Index epoch() const { return state_.epoch; }
  /// After the decays so far; without the schedule's factor.
  double learning_rate() const { return state_.learning_rate; }
  /// Images of all training steps divided by their time; accuracy checks are not counted.
  double images_per_second() const {
    return state_.seconds > 0 ? static_cast<double>(state_.images) / state_.seconds : 0;
  }

  /// The state between two iterations, model and random stream included: for hooks, which run between iterations.
  /// After the last iteration it holds the best parameters as the model's, and iteration == num_iterations.
  SolverState<T> state() const;
  /// Goes on from a state of a Solver of the same model, data and options. Throws std::invalid_argument, with nothing
  /// changed, where names or shapes differ.
  void set_state(const SolverState<T>& state);

  /// Hooks; may be empty. Both run after the iteration's accuracy check, where it has one, on_iteration first.
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<void(const EpochEvent&)> on_epoch;
  /// Hooks inside a step, for looking, counted as its time; may be empty. before_update runs when the loss and the
  /// gradients are known, also where the loss is not finite; after_update when the parameters have moved.
  std::function<void(const StepEvent&)> before_update, after_update;
  /// Asked after every iteration but the last, and its hooks; true ends train() there.
  std::function<bool()> should_stop;

 private:
  double step();
  bool out_of_patience(Index per_epoch) const;
  void check_accuracies();
  void keep_best();
  void restore_best();

  M& model_;
  SolverData data_;
  SolverOptions options_;
  RandomState& random_;
  SolverState<T> state_;  // without params, buffers and random, which are the model's and the stream's own
  TrainingStep<M> step_;
  AccuracyCheck<M> check_;
};

}  // namespace lamina

#include "lamina/solver/solver_impl.h"  // IWYU pragma: export
