// Compiled with -ffp-contract=off (lamina/CMakeLists.txt), so that products and sums are rounded separately.
#include "lamina/kernels/update.h"

#include "lamina/kernels/machine/chunks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/update.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"
#include "lamina/kernels/to_nearest-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void sgd(Index n, T* w, const T* dw, T rate) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto step = hn::Mul(hn::Set(d, rate), hn::LoadU(d, dw + i));
    hn::StoreU(hn::Sub(hn::LoadU(d, w + i), step), d, w + i);
  });
}

template <class T>
void sgd_momentum(Index n, T* w, const T* dw, T* v, T rate, T momentum) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto kept = hn::Mul(hn::Set(d, momentum), hn::LoadU(d, v + i));
    const auto velocity = hn::Sub(kept, hn::Mul(hn::Set(d, rate), hn::LoadU(d, dw + i)));
    hn::StoreU(velocity, d, v + i);
    hn::StoreU(hn::Add(hn::LoadU(d, w + i), velocity), d, w + i);
  });
}

template <class T>
void nesterov(Index n, T* w, const T* dw, T* v, T rate, T momentum) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto step = hn::Mul(hn::Set(d, rate), hn::LoadU(d, dw + i));
    const auto velocity = hn::Sub(hn::Mul(hn::Set(d, momentum), hn::LoadU(d, v + i)), step);
    hn::StoreU(velocity, d, v + i);
    hn::StoreU(hn::Add(hn::LoadU(d, w + i), hn::Sub(hn::Mul(hn::Set(d, momentum), velocity), step)), d, w + i);
  });
}

template <class T>
void average(Index n, T* average, const T* w, T fresh) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto kept = hn::LoadU(d, average + i);
    hn::StoreU(hn::Add(kept, hn::Mul(hn::Set(d, fresh), hn::Sub(hn::LoadU(d, w + i), kept))), d, average + i);
  });
}

template <class T>
void rmsprop(Index n, T* w, const T* dw, T* cache, T rate, T decay, T fresh, T epsilon) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto g = hn::LoadU(d, dw + i);
    const auto kept = hn::Mul(hn::Set(d, decay), hn::LoadU(d, cache + i));
    const auto mean = hn::Add(kept, hn::Mul(hn::Set(d, fresh), hn::Mul(g, g)));
    hn::StoreU(mean, d, cache + i);
    const auto below = hn::Add(root(d, mean), hn::Set(d, epsilon));
    const auto step = hn::Div(hn::Mul(hn::Set(d, rate), g), below);
    hn::StoreU(hn::Sub(hn::LoadU(d, w + i), step), d, w + i);
  });
}

// mean = first / by1, spread = sqrt(second / by2): Adam's bias correction. A division is left out once its divisor has
// grown to 1.
template <bool kCorrect1, bool kCorrect2, class D, class T, class V>
HWY_INLINE void corrected(D d, V first, V second, const Divisor<T>& by1, const Divisor<T>& by2, V& mean, V& spread) {
  mean = first;
  if constexpr (kByRemainder<D>) {
    const auto not_exact = hn::Or(outside(d, first), outside(d, second, false));
    if (HWY_LIKELY(by1.usable() && by2.usable() && hn::AllFalse(hn::RebindToUnsigned<D>(), not_exact))) {
      if constexpr (kCorrect1) mean = quotient_by_remainder(d, first, by1);
      spread = root_by_remainder(d, kCorrect2 ? quotient_by_remainder(d, second, by2) : second);
      return;
    }
  }
  if constexpr (kCorrect1) mean = hn::Div(first, hn::Set(d, by1.value));
  spread = hn::Sqrt(kCorrect2 ? hn::Div(second, hn::Set(d, by2.value)) : second);
}

template <bool kCorrect1, bool kCorrect2, class T>
HWY_INLINE void adam_with(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& s) {
  const Divisor<T> by1(s.correction1), by2(s.correction2);
  for_vectors<T>(n, [=, s = s](auto d, Index i) HWY_ATTR {
    const auto g = hn::LoadU(d, dw + i);
    const auto first = hn::Add(hn::Mul(hn::Set(d, s.beta1), hn::LoadU(d, m + i)), hn::Mul(hn::Set(d, s.fresh1), g));
    const auto second =
        hn::Add(hn::Mul(hn::Set(d, s.beta2), hn::LoadU(d, v + i)), hn::Mul(hn::Set(d, s.fresh2), hn::Mul(g, g)));
    hn::StoreU(first, d, m + i);
    hn::StoreU(second, d, v + i);
    auto mean = first, spread = second;
    corrected<kCorrect1, kCorrect2>(d, first, second, by1, by2, mean, spread);
    const auto above = hn::Mul(hn::Set(d, s.rate), mean);
    const auto below = hn::Add(spread, hn::Set(d, s.epsilon));
    hn::StoreU(hn::Sub(hn::LoadU(d, w + i), hn::Div(above, below)), d, w + i);
  });
}
template <class T>
void adam(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& s) {
  if (s.correction1 != 1)
    s.correction2 != 1 ? adam_with<true, true>(n, w, dw, m, v, s) : adam_with<true, false>(n, w, dw, m, v, s);
  else
    s.correction2 != 1 ? adam_with<false, true>(n, w, dw, m, v, s) : adam_with<false, false>(n, w, dw, m, v, s);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// Chunks are large enough to outweigh the cost of handing them to a thread.
Chunks elements(Index n) { return {n, 16384}; }

}  // namespace

template <class T>
void sgd_update(Index n, T* w, const T* dw, T rate) {
  const auto kernel = LAMINA_DISPATCH(sgd<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, w + i, dw + i, rate); });
}

template <class T>
void sgd_momentum_update(Index n, T* w, const T* dw, T* v, T rate, T momentum) {
  const auto kernel = LAMINA_DISPATCH(sgd_momentum<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, w + i, dw + i, v + i, rate, momentum); });
}

template <class T>
void nesterov_update(Index n, T* w, const T* dw, T* v, T rate, T momentum) {
  const auto kernel = LAMINA_DISPATCH(nesterov<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, w + i, dw + i, v + i, rate, momentum); });
}

template <class T>
void average_update(Index n, T* average, const T* w, T fresh) {
  const auto kernel = LAMINA_DISPATCH(average<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, average + i, w + i, fresh); });
}

template <class T>
void rmsprop_update(Index n, T* w, const T* dw, T* cache, T rate, T decay, T fresh, T epsilon) {
  const auto kernel = LAMINA_DISPATCH(rmsprop<T>);
  for_chunks(elements(n),
             [=](Index i, Index length) { kernel(length, w + i, dw + i, cache + i, rate, decay, fresh, epsilon); });
}

template <class T>
void adam_update(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& step) {
  const auto kernel = LAMINA_DISPATCH(adam<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, w + i, dw + i, m + i, v + i, step); });
}

LAMINA_FLOAT_AND_DOUBLE(sgd_update);
LAMINA_FLOAT_AND_DOUBLE(sgd_momentum_update);
LAMINA_FLOAT_AND_DOUBLE(nesterov_update);
LAMINA_FLOAT_AND_DOUBLE(average_update);
LAMINA_FLOAT_AND_DOUBLE(rmsprop_update);
LAMINA_FLOAT_AND_DOUBLE(adam_update);

}  // namespace lamina::kernels
#endif
