// What an update rule is: how a parameter w moves against its gradient dw. Each rule is a struct in a file of its own,
// such as optim/adam.h, and is listed in the table in optim/update_rule.h.
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

/// What a rule remembers of one parameter. A tensor that the rule needs and that is missing is added as zeros of w's
/// shape.
template <class T>
struct OptimState {
  std::map<std::string, Tensor<T>, std::less<>> tensors;  ///< under the rule's names for them: "velocity"
  Index t = 0;                                            ///< updates so far, if the rule counts them
};

/// The part of a parameter that one call of a rule's `update` moves.
template <class T>
struct UpdatePart {
  static constexpr std::size_t kMostTensors = 3;
  Index count;
  T* w;
  const T* dw;
  std::array<T*, kMostTensors> state;  ///< the rule's tensors, in the order of Rule::state
  Index t;                             ///< the number of this update, counted from 1, if the rule counts them

  /// The part of it with `some` elements, starting at element `first`.
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

/// One rule, made by kRule<R> from a struct R whose static members have these names.
struct Rule {
  std::string_view name;                      ///< "adam"
  std::string_view formula;                   ///< one line per step, in the names of its options and tensors
  std::string_view source;                    ///< the paper
  double learning_rate;                       ///< the default
  double weight_decay;                        ///< the default
  std::span<const std::string_view> options;  ///< the options of OptimConfig that it reads besides learning_rate
  std::span<const std::string_view> state;    ///< names of its tensors
  bool counts;                                ///< whether it needs the number of the update
  /// Updates a part, with a configuration whose learning rate is set. It must work elementwise, so that any division
  /// into parts gives the same bits.
  void (*update_float)(const UpdatePart<float>& part, const OptimConfig& config);
  void (*update_double)(const UpdatePart<double>& part, const OptimConfig& config);

  bool reads(std::string_view option) const;
};

/// The rule of a struct R, from which it takes: name, formula, source, learning_rate, weight_decay, options, state,
/// counts, and the function template update<T>.
template <class R>
inline constexpr Rule kRule{R::name,    R::formula, R::source, R::learning_rate,           R::weight_decay,
                            R::options, R::state,   R::counts, &R::template update<float>, &R::template update<double>};

/// `config`, with the rule's defaults for the learning rate and the weight decay if they are not set.
OptimConfig with_defaults(const Rule& rule, OptimConfig config);

/// Moves w by the rule. It applies weight decay only if the rule itself reads weight_decay (adamw).
/// Throws std::invalid_argument if dw or a tensor of the state does not have w's shape.
template <class T>
void update(const Rule& rule, std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
            const OptimConfig& config, OptimState<T>& state);

/// w -= learning_rate weight_decay w: decoupled weight decay (Loshchilov and Hutter, 2019), for any rule. Solver does
/// this before each update of a parameter named W...
template <class T>
void decay_weights(const Rule& rule, TensorView<T> w, const OptimConfig& config);

/// The updates of all of a net's parameters in one parallel call, so that the threads synchronize once per step and
/// share the small parameters as well. The result is bit-identical to that of update().
template <class T>
class Updates {
 public:
  /// Adds a parameter, which run() will move; until then all arguments must stay where they are in memory.
  /// `decays`: decay_weights() is applied first. Throws as update() does.
  void add(const Rule& rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state,
           bool decays = false);
  /// Moves all added parameters and clears the list. The rules see `scale` times each gradient.
  void run(double scale = 1);
  /// Clears the list.
  void clear() { all_.clear(); }

 private:
  struct One {
    const Rule* rule;
    OptimConfig config;
    UpdatePart<T> whole;
    Index* t;
    T shrink;  // of the weight decay, - learning rate * decay: w += shrink * w comes before the rule; 0: none
  };
  static void update(const One& one, Index first, Index count, T scale);

  std::vector<One> all_;
};

}  // namespace lamina
