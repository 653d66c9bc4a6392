// What an update rule is: how a parameter w moves against its gradient dw. Each rule is a struct in a file of its own,
// such as optim/adam.h, and has a line in the table of optim/update_rule.h.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lamina/optim/optim_config.h"
#include "lamina/tensor.h"

namespace lamina {

/// What a rule remembers of one parameter. Tensors that the rule needs and does not find begin as zeros of w's shape.
template <class T>
struct OptimState {
  std::map<std::string, Tensor<T>, std::less<>> tensors;  ///< by the rule's names for them: "velocity"
  Index t = 0;                                            ///< updates so far, where the rule counts them
};

/// Part of a parameter: what one call of a rule's update moves.
template <class T>
struct UpdatePart {
  static constexpr std::size_t kMostTensors = 3;
  Index count;
  T* w;
  const T* dw;
  std::array<T*, kMostTensors> state;  ///< of the tensors that the rule names, in its order
  Index t;                             ///< the number of this update, from 1 on, where the rule counts them

  /// `some` of its elements from `first` on.
  UpdatePart from(Index first, Index some) const {
    UpdatePart part = *this;
    part.count = some;
    part.w += first;
    part.dw += first;
    for (T*& tensor : part.state)
      if (tensor) tensor += first;
    return part;
  }
};

/// One rule, made by kRule<R> from its struct R, whose static members have the same names.
struct Rule {
  std::string_view name;                      ///< "adam"
  std::string_view formula;                   ///< what it does, a line a step, in the names of its options and state
  std::string_view source;                    ///< the paper
  double learning_rate;                       ///< the default
  double weight_decay;                        ///< the default
  std::span<const std::string_view> options;  ///< those of OptimConfig that it reads besides learning_rate
  std::span<const std::string_view> state;    ///< names of its tensors
  bool counts;                                ///< whether it needs the number of the update
  /// Updates a part, with a configuration whose learning rate is set. What it gives an element depends on that element
  /// alone, so that any cut into parts gives the same bits.
  void (*update_float)(const UpdatePart<float>& part, const OptimConfig& config);
  void (*update_double)(const UpdatePart<double>& part, const OptimConfig& config);

  bool reads(std::string_view option) const;
};

/// The rule of a struct R, from which it takes: name, formula, source, learning_rate, weight_decay, options, state,
/// counts, and the function template update<T>.
template <class R>
inline constexpr Rule kRule{R::name,    R::formula, R::source, R::learning_rate,           R::weight_decay,
                            R::options, R::state,   R::counts, &R::template update<float>, &R::template update<double>};

/// `config` with the rule's defaults where it has no learning rate or no weight decay.
OptimConfig with_defaults(const Rule& rule, OptimConfig config);

/// Moves w by the rule. Weights decay here only under a rule that reads weight_decay itself (adamw).
/// Throws std::invalid_argument where dw or a tensor of the state does not have w's shape.
template <class T>
void update(const Rule& rule, std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
            const OptimConfig& config, OptimState<T>& state);

/// w -= learning_rate weight_decay w: decay apart from the gradient (Loshchilov and Hutter, 2019), for any rule. Solver
/// does it before each update of a parameter named W...
template <class T>
void decay_weights(const Rule& rule, TensorView<T> w, const OptimConfig& config);

/// The updates of all of a net's parameters in one parallel call, so that threads wait for one another once a step and
/// small parameters are shared out too. The result is that of update(), to the bit.
template <class T>
class Updates {
 public:
  /// Adds a parameter. Nothing moves before run(), until when all arguments must stay where they are.
  /// `decays`: decay_weights() comes first. Throws as update() does.
  void add(const Rule& rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state,
           bool decays = false);
  /// Moves all that was added, and forgets it. The rules see `scale` times each gradient.
  void run(double scale = 1);
  /// Forgets what was added.
  void clear() { all_.clear(); }

 private:
  struct One {
    const Rule* rule;
    OptimConfig config;
    UpdatePart<T> whole;
    Index* t;
    T shrink;  // before the rule w += shrink w, unless it is 0
  };
  static void update(const One& one, Index first, Index count, T scale);

  std::vector<One> all_;
};

}  // namespace lamina
