// Update rules: how a parameter moves against its gradient. Each rule is a function of one tensor, as in the
// notebooks' optim.py: w and its gradient dw, the configuration, and the state that the rule keeps per parameter.
#pragma once

#include <string_view>
#include <vector>

#include "lamina/kernels/update.h"
#include "lamina/parameters.h"
#include "lamina/tensor.h"

namespace lamina {

enum class UpdateRule { sgd, sgd_momentum, rmsprop, adam };

/// "sgd", "sgd_momentum", "rmsprop", "adam". Throws std::invalid_argument for another name, listing these.
UpdateRule update_rule_from_name(std::string_view name);
std::string_view name_of(UpdateRule rule);

/// The notebooks' `optim_config`, with its defaults.
struct OptimConfig {
  double learning_rate = 0;  ///< 0: the rule's default, 1e-2 (sgd, sgd_momentum, rmsprop) or 1e-3 (adam)
  double momentum = 0.9;     ///< sgd_momentum
  double decay_rate = 0.99;  ///< rmsprop
  double beta1 = 0.9;        ///< adam
  double beta2 = 0.999;      ///< adam
  double epsilon = 1e-8;     ///< rmsprop, adam
  bool nesterov = false;     ///< sgd_momentum: looks ahead
  double weight_decay = 0;   ///< decoupled, see decay_weights()
  bool rate_given = false;   ///< learning_rate counts as it stands, also 0
};

/// What a rule remembers of one parameter: sgd nothing; sgd_momentum `first` = velocity; rmsprop `second` = cache;
/// adam `first` = m, `second` = v and t. Tensors start as zeros of w's shape at the first update.
template <class T>
struct OptimState {
  Tensor<T> first, second;
  Index t = 0;
};

/// w -= learning_rate dw
template <class T>
void sgd(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config);
/// v = momentum v - learning_rate dw;  w += v
/// With config.nesterov w += momentum v - learning_rate dw (Sutskever, Martens, Dahl and Hinton, 2013).
template <class T>
void sgd_momentum(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state);
/// cache = decay_rate cache + (1 - decay_rate) dw^2;  w -= learning_rate dw / (sqrt(cache) + epsilon)
/// (Tieleman and Hinton, 2012)
template <class T>
void rmsprop(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state);
/// t += 1;  m = beta1 m + (1 - beta1) dw;  v = beta2 v + (1 - beta2) dw^2;
/// w -= learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)   (Kingma and Ba, 2015)
template <class T>
void adam(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state);

/// The rule by name. Throws std::invalid_argument where dw's shape is not w's.
template <class T>
void update(UpdateRule rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state);

/// w -= learning_rate weight_decay w: decay apart from the gradient (Loshchilov and Hutter, 2019), for any rule; what
/// Solver does before each update of a parameter named W...
template <class T>
void decay_weights(UpdateRule rule, TensorView<T> w, const OptimConfig& config);

/// `config` with the rule's default learning rate where it has none.
OptimConfig with_defaults(UpdateRule rule, OptimConfig config);

namespace detail {
/// An update in numbers of the parameter's type.
template <class T>
struct UpdateStep {
  UpdateRule rule;
  bool nesterov;
  Index size;
  T* w;
  const T* dw;
  T *first, *second;
  T shrink;  ///< before the rule w += shrink w; 0: it does not
  T momentum, decay_rate, fresh;
  kernels::AdamStep<T> adam;  ///< its rate and epsilon are every rule's
};
}  // namespace detail

/// The updates of all of a net's parameters in one go: each thread takes its part of every parameter, so that small
/// ones are shared out too and threads wait for one another once a step. What comes out is that of update(), to the
/// bit.
template <class T>
class Updates {
 public:
  /// Throws as update() does. Nothing moves before run(), until when all stay where they are.
  /// `decays`: decay_weights() comes first.
  void add(UpdateRule rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state,
           bool decays = false);
  /// Does what was added, and forgets it.
  void run();
  /// Forgets what was added.
  void clear() { all_.clear(); }

 private:
  struct One {
    UpdateRule rule;
    TensorView<T> w, dw;
    OptimConfig config;
    OptimState<T>* state;
    bool decays;
  };
  void share_out();

  std::vector<One> all_;
  std::vector<detail::UpdateStep<T>> steps_;
  // Of steps_, so many numbers from `at` on.
  struct Cell {
    std::size_t step;
    Index at, count;
  };
  std::vector<Cell> cells_;
  std::vector<std::size_t> parts_;  // the first cell of each, and the cells' number
};

}  // namespace lamina
