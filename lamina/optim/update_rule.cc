#include "lamina/optim/update_rule.h"

#include <algorithm>
#include <cmath>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/update.h"

namespace lamina {
namespace {

// Numbers that a thread takes at a time.
constexpr Index kPart = 16384;

struct Rule {
  UpdateRule rule;
  std::string_view name;
  double learning_rate;  // the default
};
constexpr Rule kRules[] = {{UpdateRule::sgd, "sgd", 1e-2},
                           {UpdateRule::sgd_momentum, "sgd_momentum", 1e-2},
                           {UpdateRule::rmsprop, "rmsprop", 1e-2},
                           {UpdateRule::adam, "adam", 1e-3}};

const Rule& find(UpdateRule rule) {
  for (const Rule& entry : kRules)
    if (entry.rule == rule) return entry;
  fail("update_rule", "expected one of sgd, sgd_momentum, rmsprop, adam, got number ", static_cast<int>(rule));
}

double rate_of(UpdateRule rule, const OptimConfig& config) { return with_defaults(rule, config).learning_rate; }

// Zeros at the first update, else of w's shape.
template <class T>
void start(std::string_view where, std::string_view name, Tensor<T>& kept, const TensorView<T>& w) {
  if (kept.rank() == 0 && w.rank() != 0) kept = Tensor<T>(w.shape());
  check_shape(where, name, kept.shape(), w.shape(), "w");
}

template <class T>
void check(UpdateRule rule, const TensorView<T>& w, const TensorView<T>& dw, OptimState<T>& state) {
  const std::string_view where = find(rule).name;
  check_shape(where, "dw", dw.shape(), w.shape(), "w");
  if (rule == UpdateRule::sgd_momentum) start(where, "the velocity", state.first, w);
  if (rule == UpdateRule::rmsprop) start(where, "the cache", state.second, w);
  if (rule == UpdateRule::adam) {
    start(where, "m", state.first, w);
    start(where, "v", state.second, w);
  }
}

// Counts the update too, where the rule does.
template <class T>
detail::UpdateStep<T> step_of(UpdateRule rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config,
                              OptimState<T>& state, bool decays = false) {
  const auto number = [](double x) { return static_cast<T>(x); };
  const double rate = rate_of(rule, config);
  detail::UpdateStep<T> step{.rule = rule,
                             .nesterov = config.nesterov,
                             .size = w.size(),
                             .w = w.data(),
                             .dw = dw.data(),
                             .first = state.first.data(),
                             .second = state.second.data(),
                             .shrink = decays ? number(-rate * config.weight_decay) : T{0},
                             .momentum = number(config.momentum),
                             .decay_rate = number(config.decay_rate),
                             .fresh = number(1 - config.decay_rate),
                             .adam = {}};
  step.adam.rate = number(rate);
  step.adam.epsilon = number(config.epsilon);
  if (rule == UpdateRule::adam) {
    const auto t = static_cast<double>(++state.t);
    step.adam.beta1 = number(config.beta1);
    step.adam.fresh1 = number(1 - config.beta1);
    step.adam.correction1 = number(1 - std::pow(config.beta1, t));
    step.adam.beta2 = number(config.beta2);
    step.adam.fresh2 = number(1 - config.beta2);
    step.adam.correction2 = number(1 - std::pow(config.beta2, t));
  }
  return step;
}

// The elements from `at` on.
template <class T>
void apply(const detail::UpdateStep<T>& s, Index at, Index count) {
  T* w = s.w + at;
  const T* dw = s.dw + at;
  if (s.shrink != 0) kernels::axpy(count, s.shrink, w, w);
  switch (s.rule) {
    case UpdateRule::sgd:
      return kernels::sgd_update(count, w, dw, s.adam.rate);
    case UpdateRule::sgd_momentum:
      if (s.nesterov) return kernels::nesterov_update(count, w, dw, s.first + at, s.adam.rate, s.momentum);
      return kernels::sgd_momentum_update(count, w, dw, s.first + at, s.adam.rate, s.momentum);
    case UpdateRule::rmsprop:
      return kernels::rmsprop_update(count, w, dw, s.second + at, s.adam.rate, s.decay_rate, s.fresh, s.adam.epsilon);
    case UpdateRule::adam:
      return kernels::adam_update(count, w, dw, s.first + at, s.second + at, s.adam);
  }
}

}  // namespace

UpdateRule update_rule_from_name(std::string_view name) {
  for (const Rule& entry : kRules)
    if (entry.name == name) return entry.rule;
  fail("update_rule", "expected one of sgd, sgd_momentum, rmsprop, adam, got '", name, "'");
}

std::string_view name_of(UpdateRule rule) { return find(rule).name; }

OptimConfig with_defaults(UpdateRule rule, OptimConfig config) {
  if (config.learning_rate == 0 && !config.rate_given) config.learning_rate = find(rule).learning_rate;
  return config;
}

template <class T>
void sgd(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config) {
  OptimState<T> none;
  update(UpdateRule::sgd, w, dw, config, none);
}

template <class T>
void sgd_momentum(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state) {
  update(UpdateRule::sgd_momentum, w, dw, config, state);
}

template <class T>
void rmsprop(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state) {
  update(UpdateRule::rmsprop, w, dw, config, state);
}

template <class T>
void adam(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state) {
  update(UpdateRule::adam, w, dw, config, state);
}

template <class T>
void update(UpdateRule rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config,
            OptimState<T>& state) {
  check(rule, w, dw, state);
  apply(step_of(rule, w, dw, config, state), 0, w.size());
}

template <class T>
void Updates<T>::add(UpdateRule rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config,
                     OptimState<T>& state, bool decays) {
  check(rule, w, dw, state);
  all_.push_back({rule, w, dw, config, &state, decays});
}

// Each parameter in cells of kPart numbers; small ones go together.
template <class T>
void Updates<T>::share_out() {
  cells_.clear();
  parts_.clear();
  Index filled = kPart;
  for (std::size_t step = 0; step < steps_.size(); ++step)
    for (Index at = 0; at < steps_[step].size; at += kPart) {
      if (filled >= kPart) {
        parts_.push_back(cells_.size());
        filled = 0;
      }
      cells_.push_back({step, at, std::min(kPart, steps_[step].size - at)});
      filled += cells_.back().count;
    }
  parts_.push_back(cells_.size());
}

template <class T>
void Updates<T>::run() {
  const struct Forget {
    std::vector<One>& all;
    ~Forget() { all.clear(); }
  } forget{all_};
  steps_.clear();
  for (const One& one : all_) steps_.push_back(step_of(one.rule, one.w, one.dw, one.config, *one.state, one.decays));
  share_out();
  kernels::parallel_for(static_cast<Index>(parts_.size()) - 1, [&](Index part) {
    const auto i = static_cast<std::size_t>(part);
    for (std::size_t cell = parts_[i]; cell < parts_[i + 1]; ++cell)
      apply(steps_[cells_[cell].step], cells_[cell].at, cells_[cell].count);
  });
}

template <class T>
void decay_weights(UpdateRule rule, TensorView<T> w, const OptimConfig& config) {
  if (config.weight_decay == 0) return;
  kernels::axpy(w.size(), static_cast<T>(-rate_of(rule, config) * config.weight_decay), w.data(), w.data());
}

#define LAMINA_BOTH(T)                                                                                       \
  template void sgd(TensorView<T>, const TensorView<T>&, const OptimConfig&);                                \
  template void sgd_momentum(TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&);       \
  template void rmsprop(TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&);            \
  template void adam(TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&);               \
  template void decay_weights(UpdateRule, TensorView<T>, const OptimConfig&);                                \
  template void update(UpdateRule, TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&); \
  template class Updates<T>;
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
