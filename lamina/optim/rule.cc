#include "lamina/optim/rule.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/update.h"

namespace lamina {
namespace {

// Pointers to the rule's tensors in the state. Tensors that it does not have yet are added, as zeros.
template <class T>
std::array<T*, UpdatePart<T>::kMostTensors> tensors_of(const Rule& rule, const TensorView<T>& w, OptimState<T>& state) {
  std::array<T*, UpdatePart<T>::kMostTensors> found{};
  auto at = found.begin();
  for (const std::string_view name : rule.state) {
    auto entry = state.tensors.find(name);
    if (entry == state.tensors.end()) entry = state.tensors.emplace(name, Tensor<T>(w.shape())).first;
    check_shape(rule.name, name, entry->second.shape(), w.shape(), "w");
    *at++ = entry->second.data();
  }
  return found;
}

template <class T>
void call(const Rule& rule, const UpdatePart<T>& part, const OptimConfig& config) {
  if constexpr (std::is_same_v<T, float>)
    rule.update_float(part, config);
  else
    rule.update_double(part, config);
}

}  // namespace

bool Rule::reads(std::string_view option) const {
  return std::find(options.begin(), options.end(), option) != options.end();
}

OptimConfig with_defaults(const Rule& rule, OptimConfig config) {
  if (!config.learning_rate) config.learning_rate = rule.learning_rate;
  if (!config.weight_decay) config.weight_decay = rule.weight_decay;
  return config;
}

template <class T>
void update(const Rule& rule, std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
            const OptimConfig& config, OptimState<T>& state) {
  Updates<T> updates;
  updates.add(rule, w, dw, config, state, rule.reads("weight_decay"));
  updates.run();
}

template <class T>
void decay_weights(const Rule& rule, TensorView<T> w, const OptimConfig& config) {
  const OptimConfig all = with_defaults(rule, config);
  if (*all.weight_decay == 0) return;
  kernels::axpy(w.size(), static_cast<T>(-*all.learning_rate * *all.weight_decay), w.data(), w.data());
}

template <class T>
void Updates<T>::add(const Rule& rule, TensorView<T> w, const TensorView<T>& dw, const OptimConfig& config,
                     OptimState<T>& state, bool decays) {
  check_shape(rule.name, "dw", dw.shape(), w.shape(), "w");
  const OptimConfig all = with_defaults(rule, config);
  const T shrink = decays ? static_cast<T>(-*all.learning_rate * *all.weight_decay) : T{0};
  all_.push_back({&rule, all, {w.size(), w.data(), dw.data(), tensors_of(rule, w, state), 0}, &state.t, shrink});
}

template <class T>
void Updates<T>::update(const One& one, Index first, Index count, T scale) {
  const UpdatePart<T> part = one.whole.from(first, count);
  if (one.shrink != 0) kernels::axpy(count, one.shrink, part.w, part.w);
  if (scale == 1) return call(*one.rule, part, one.config);

  // The net's gradients stay as they are: the rule reads scaled copies, a few at a time.
  constexpr Index kScaled = 2048;
  alignas(64) std::array<T, kScaled> scaled;
  for (Index at = 0; at < count; at += kScaled) {
    UpdatePart<T> some = part.from(at, std::min(kScaled, count - at));
    std::transform(some.dw, some.dw + some.count, scaled.begin(), [scale](T g) { return scale * g; });
    some.dw = scaled.data();
    call(*one.rule, some, one.config);
  }
}

template <class T>
void Updates<T>::run(double scale) {
  const struct Forget {
    std::vector<One>& all;
    ~Forget() { all.clear(); }
  } forget{all_};
  for (One& one : all_)
    if (one.rule->counts) one.whole.t = ++*one.t;
  kernels::for_parts(
      all_.size(), [&](std::size_t i) { return all_[i].whole.count; },
      [&](std::size_t i, Index first, Index count) { update(all_[i], first, count, static_cast<T>(scale)); });
}

#define LAMINA_BOTH(T)                                                                                        \
  template void update(const Rule&, TensorView<T>, const TensorView<T>&, const OptimConfig&, OptimState<T>&); \
  template void decay_weights(const Rule&, TensorView<T>, const OptimConfig&);                                \
  template class Updates<T>;
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
