// Solver: the only training loop. Draws mini-batches, asks the model for loss and gradients, applies the update
// rule, checks accuracies, keeps what did best on validation.
#pragma once

#include <functional>
#include <iosfwd>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/nets/net.h"
#include "lamina/optim/update_rule.h"
#include "lamina/random.h"

namespace lamina {

/// The notebooks' keyword arguments of Solver, with their defaults.
struct SolverOptions {
  UpdateRule update_rule = UpdateRule::sgd;
  OptimConfig optim_config;
  double lr_decay = 1.0;           ///< the learning rate is multiplied by it at each epoch's end
  Index batch_size = 100;
  Index num_epochs = 10;
  Index num_train_samples = 1000;  ///< of a training accuracy check; 0: the whole split
  Index num_val_samples = 0;       ///< of a validation accuracy check; 0: the whole split
  Index print_every = 10;          ///< iterations from one printed loss to the next
  bool verbose = true;
  std::ostream* out = &std::cout;
};

struct SolverData {
  Split train, val;
};

/// What a run has seen so far.
struct History {
  std::vector<double> loss_history;       ///< one an iteration
  std::vector<double> train_acc_history;  ///< one a check: after the first iteration, each epoch and the last one
  std::vector<double> val_acc_history;
  double best_val_acc = 0;
};

/// What a hook is told after a step, and after an accuracy check.
struct IterationEvent {
  Index iteration;       ///< of this call of train(), 1-based
  Index num_iterations;  ///< of this call of train()
  double loss;
  double seconds;        ///< of this step alone: draw, gather, forward, backward, update
};
struct EpochEvent {
  Index epoch, num_epochs;
  Index iteration, num_iterations;
  double train_acc, val_acc;
};

/// A loss that is NaN or infinite. what() names the iteration and the learning rate.
class NonFiniteLoss : public std::runtime_error {
 public:
  NonFiniteLoss(Index iteration, Index num_iterations, double loss, double learning_rate);
  Index iteration;
  double learning_rate;
};

/// Everything that decides how a run goes on: what a checkpoint holds.
template <class T>
struct SolverState {
  Index epoch = 0;           ///< epochs finished, over all calls of train()
  Index iteration = 0;       ///< iterations finished in the current call of train()
  Index num_iterations = 0;  ///< of the current call; equal to iteration: no call is unfinished
  double learning_rate = 0;  ///< after the decays so far
  double seconds = 0;        ///< spent in training steps
  Index images = 0;          ///< seen in training steps
  History history;
  Parameters<T> params, best_params;
  std::vector<Tensor<T>> buffers, best_buffers;  ///< the model's buffers(), in its order
  std::vector<OptimState<T>> optim;              ///< one a parameter, in its order
  RandomState::State random;
};

/// Trains a model on data. `auto solver = Solver(model, data, options, random); solver.train();`
/// The model and `random` must outlive it.
template <Model M>
class Solver {
 public:
  using T = typename M::Scalar;

  /// Throws std::invalid_argument for empty splits, labels that do not count the examples, or options out of range.
  Solver(M& model, SolverData data, SolverOptions options, RandomState& random);

  /// Trains for options().num_epochs epochs, then leaves the parameters (and buffers) that did best on validation
  /// in the model. Called again, it goes on: epochs, histories and update-rule state continue. Where set_state()
  /// brought a call of train() that had not ended, it finishes that one. Throws NonFiniteLoss.
  /// Returns false where `should_stop` ended it early; then the model keeps its current parameters.
  bool train();

  /// Fraction of examples whose highest score is their label's. Where num_samples is not 0 and the split has more,
  /// it draws choice(N, num_samples) and looks at those.
  double check_accuracy(const Split& split, Index num_samples = 0, Index batch_size = 100);

  const History& history() const { return state_.history; }
  SolverOptions& options() { return options_; }
  const SolverOptions& options() const { return options_; }
  const Parameters<T>& best_params() const { return state_.best_params; }
  Index epoch() const { return state_.epoch; }
  double learning_rate() const { return state_.learning_rate; }
  /// Images of all training steps divided by their time; accuracy checks are not counted.
  double images_per_second() const { return state_.seconds > 0 ? static_cast<double>(state_.images) / state_.seconds : 0; }

  /// The state between two iterations, model and random stream included: for hooks, which run between iterations.
  SolverState<T> state() const;
  /// Goes on from a state of a Solver of the same model, data and options. Throws std::invalid_argument where
  /// names or shapes differ.
  void set_state(const SolverState<T>& state);

  /// Hooks; may be empty.
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<void(const EpochEvent&)> on_epoch;
  /// Asked after every iteration, and its check where there is one; true ends train() there.
  std::function<bool()> should_stop;

 private:
  void step();
  void check(Index iterations_per_epoch);

  M& model_;
  SolverData data_;
  SolverOptions options_;
  RandomState& random_;
  SolverState<T> state_;
  std::vector<Index> batch_rows_;
  std::vector<Label> batch_y_;
  Tensor<T> batch_X_;
};

}  // namespace lamina
