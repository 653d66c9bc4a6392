#include "lamina/optim/update_rule.h"

#include <cmath>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/update.h"

namespace lamina {
namespace {

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

template <class T>
void check_gradient(std::string_view where, const TensorView<T>& w, const TensorView<T>& dw) {
  check_shape(where, "dw", dw.shape(), w.shape(), "w");
}

// Zeros at the first update, else of w's shape.
template <class T>
void start(std::string_view where, std::string_view name, Tensor<T>& kept, const TensorView<T>& w) {
  if (kept.rank() == 0 && w.rank() != 0) kept = Tensor<T>(w.shape());
  check_shape(where, name, kept.shape(), w.shape(), "w");
}

double rate_of(UpdateRule rule, const OptimConfig& config) { return with_defaults(rule, config).learning_rate; }

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
  check_gradient("sgd", w, dw);
  kernels::sgd_update(w.size(), w.data(), dw.data(), static_cast<T>(rate_of(UpdateRule::sgd, config)));
}

template <class T>
void sgd_momentum(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state) {
  check_gradient("sgd_momentum", w, dw);
  start("sgd_momentum", "the velocity", state.first, w);
  const auto rate = static_cast<T>(rate_of(UpdateRule::sgd_momentum, config)),
             momentum = static_cast<T>(config.momentum);
  if (config.nesterov)
    kernels::nesterov_update(w.size(), w.data(), dw.data(), state.first.data(), rate, momentum);
  else
    kernels::sgd_momentum_update(w.size(), w.data(), dw.data(), state.first.data(), rate, momentum);
}

template <class T>
void rmsprop(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state) {
  check_gradient("rmsprop", w, dw);
  start("rmsprop", "the cache", state.second, w);
  kernels::rmsprop_update(w.size(), w.data(), dw.data(), state.second.data(),
                          static_cast<T>(rate_of(UpdateRule::rmsprop, config)), static_cast<T>(config.decay_rate),
                          static_cast<T>(1 - config.decay_rate), static_cast<T>(config.epsilon));
}

template <class T>
void adam(TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config, OptimState<T>& state) {
  check_gradient("adam", w, dw);
  start("adam", "m", state.first, w);
  start("adam", "v", state.second, w);
  const auto t = static_cast<double>(++state.t);
  const kernels::AdamStep<T> step{.rate = static_cast<T>(rate_of(UpdateRule::adam, config)),
                                  .beta1 = static_cast<T>(config.beta1),
                                  .fresh1 = static_cast<T>(1 - config.beta1),
                                  .correction1 = static_cast<T>(1 - std::pow(config.beta1, t)),
                                  .beta2 = static_cast<T>(config.beta2),
                                  .fresh2 = static_cast<T>(1 - config.beta2),
                                  .correction2 = static_cast<T>(1 - std::pow(config.beta2, t)),
                                  .epsilon = static_cast<T>(config.epsilon)};
  kernels::adam_update(w.size(), w.data(), dw.data(), state.first.data(), state.second.data(), step);
}

template <class T>
void update(UpdateRule rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config,
            OptimState<T>& state) {
  switch (rule) {
    case UpdateRule::sgd:
      return sgd(w, dw, config);
    case UpdateRule::sgd_momentum:
      return sgd_momentum(w, dw, config, state);
    case UpdateRule::rmsprop:
      return rmsprop(w, dw, config, state);
    case UpdateRule::adam:
      return adam(w, dw, config, state);
  }
  find(rule);
}

template <class T>
void decay_weights(UpdateRule rule, TensorView<T> w, const OptimConfig& config) {
  if (config.weight_decay == 0) return;
  kernels::axpy(w.size(), static_cast<T>(-rate_of(rule, config) * config.weight_decay), w.data(), w.data());
}

#define LAMINA_BOTH(T)                                                                                 \
  template void sgd(TensorView<T>, const TensorView<T>&, const OptimConfig&);                          \
  template void sgd_momentum(TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&); \
  template void rmsprop(TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&);      \
  template void adam(TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&);         \
  template void decay_weights(UpdateRule, TensorView<T>, const OptimConfig&);                          \
  template void update(UpdateRule, TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
