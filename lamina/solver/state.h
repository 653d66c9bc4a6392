// Everything that decides how a run goes on.
#pragma once

#include <vector>

#include "lamina/optim/update_rule.h"
#include "lamina/parameters.h"
#include "lamina/random.h"
#include "lamina/solver/history.h"
#include "lamina/tensor.h"

namespace lamina {

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
  Parameters<T> params, best_params;             ///< best_params has no entries until an accuracy is above 0
  std::vector<Tensor<T>> buffers, best_buffers;  ///< the model's buffers(), in its order
  std::vector<OptimState<T>> optim;              ///< one a parameter, in its order
  RandomState::State random;
  /// Mini-batches without replacement: the stream before the permutation of order_size examples was drawn, and how many
  /// of them are used; order_size 0: none is drawn yet.
  RandomState::State order_random;
  Index order_size = 0, order_position = 0;
  Parameters<T> average_params;  ///< no entries: none are kept
  std::vector<Tensor<T>> average_buffers;
  Index averaged = 0;  ///< updates that the averages have seen, the first one apart
};

}  // namespace lamina
