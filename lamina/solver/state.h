// The state of a training run.
#pragma once

#include <utility>
#include <vector>

#include "lamina/optim/update_rule.h"
#include "lamina/parameters.h"
#include "lamina/random.h"
#include "lamina/solver/history.h"
#include "lamina/tensor.h"

namespace lamina {

/// Everything that determines how a run continues. A checkpoint (checkpoint.h) stores it.
template <class T>
struct SolverState {
  Index epoch = 0;           ///< epochs finished, over all calls of train()
  Index iteration = 0;       ///< iterations finished in the current call of train()
  Index num_iterations = 0;  ///< of the current call; if equal to iteration, the last call has finished
  double learning_rate = 0;  ///< after the decays so far
  double seconds = 0;        ///< spent in training steps
  Index images = 0;          ///< seen in training steps
  History history;
  Parameters<T> params, best_params;             ///< best_params is empty until a validation accuracy is above 0
  std::vector<Tensor<T>> buffers, best_buffers;  ///< in the order of the model's buffers()
  /// After the last iteration, if best_params have taken the place of the model's own ones: these. Otherwise empty.
  Parameters<T> last_params;
  std::vector<Tensor<T>> last_buffers;
  std::vector<OptimState<T>> optim;  ///< one per parameter, in the order of params
  RandomState::State random;
  /// If mini-batches are shuffled: the stream before the current permutation of order_size examples was drawn, from
  /// which it can be drawn again, and how many of them are used. order_size is 0 until one is drawn.
  RandomState::State order_random;
  Index order_size = 0, order_position = 0;
  Parameters<T> average_params;  ///< moving averages; empty if none are kept
  std::vector<Tensor<T>> average_buffers;
  Index averaged = 0;  ///< the updates that the averages include, not counting the first
};

/// Makes the state of a call of train() one in which that call goes on to `num_iterations`. A call that had finished
/// goes on with the model's own parameters, not with the best ones that it was left with. Returns false where the state
/// does not have them: it was written by an earlier version.
template <class T>
bool extend(SolverState<T>& state, Index num_iterations) {
  const bool finished = state.num_iterations > 0 && state.iteration == state.num_iterations;
  const bool has_last = state.last_params.size() != 0;
  if (has_last) {
    state.params = std::move(state.last_params);
    state.buffers = std::move(state.last_buffers);
    state.last_params = {};
    state.last_buffers.clear();
  }
  state.num_iterations = num_iterations;
  return !finished || has_last || state.best_params.size() == 0;
}

}  // namespace lamina
