// Compiled with -ffp-contract=off (CMakeLists.txt): products and sums are rounded one by one.
#include "lamina/kernels/update.h"

#include <algorithm>

#include "lamina/kernels/machine/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/update.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/machine/vectors-inl.h"
#include "lamina/kernels/to_nearest-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE void sgd(Index n, T* w, const T* dw, T rate) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto step = hn::Mul(hn::Set(d, rate), hn::LoadU(d, dw + i));
    hn::StoreU(hn::Sub(hn::LoadU(d, w + i), step), d, w + i);
  });
}

template <class T>
HWY_INLINE void sgd_momentum(Index n, T* w, const T* dw, T* v, T rate, T momentum) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto kept = hn::Mul(hn::Set(d, momentum), hn::LoadU(d, v + i));
    const auto velocity = hn::Sub(kept, hn::Mul(hn::Set(d, rate), hn::LoadU(d, dw + i)));
    hn::StoreU(velocity, d, v + i);
    hn::StoreU(hn::Add(hn::LoadU(d, w + i), velocity), d, w + i);
  });
}

template <class T>
HWY_INLINE void nesterov(Index n, T* w, const T* dw, T* v, T rate, T momentum) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto step = hn::Mul(hn::Set(d, rate), hn::LoadU(d, dw + i));
    const auto velocity = hn::Sub(hn::Mul(hn::Set(d, momentum), hn::LoadU(d, v + i)), step);
    hn::StoreU(velocity, d, v + i);
    hn::StoreU(hn::Add(hn::LoadU(d, w + i), hn::Sub(hn::Mul(hn::Set(d, momentum), velocity), step)), d, w + i);
  });
}

template <class T>
HWY_INLINE void average(Index n, T* average, const T* w, T fresh) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto kept = hn::LoadU(d, average + i);
    hn::StoreU(hn::Add(kept, hn::Mul(hn::Set(d, fresh), hn::Sub(hn::LoadU(d, w + i), kept))), d, average + i);
  });
}

template <class T>
HWY_INLINE void rmsprop(Index n, T* w, const T* dw, T* cache, T rate, T decay, T fresh, T epsilon) {
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

// mean = first / by1, spread = sqrt(second / by2). Divisions by corrections that have grown to 1 are left out: they
// change nothing.
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
HWY_INLINE void adam(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& s) {
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
HWY_INLINE void adam(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& s) {
  if (s.correction1 != 1)
    s.correction2 != 1 ? adam<true, true>(n, w, dw, m, v, s) : adam<true, false>(n, w, dw, m, v, s);
  else
    s.correction2 != 1 ? adam<false, true>(n, w, dw, m, v, s) : adam<false, false>(n, w, dw, m, v, s);
}

#define LAMINA_BOTH(Name, T)                                                                                           \
  void Sgd##Name(Index n, T* w, const T* dw, T rate) { sgd(n, w, dw, rate); }                                          \
  void SgdMomentum##Name(Index n, T* w, const T* dw, T* v, T rate, T momentum) {                                       \
    sgd_momentum(n, w, dw, v, rate, momentum);                                                                         \
  }                                                                                                                    \
  void Nesterov##Name(Index n, T* w, const T* dw, T* v, T rate, T momentum) { nesterov(n, w, dw, v, rate, momentum); } \
  void Average##Name(Index n, T* mean, const T* w, T fresh) { average(n, mean, w, fresh); }                            \
  void Rmsprop##Name(Index n, T* w, const T* dw, T* cache, T rate, T decay, T fresh, T epsilon) {                      \
    rmsprop(n, w, dw, cache, rate, decay, fresh, epsilon);                                                             \
  }                                                                                                                    \
  void Adam##Name(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& s) { adam(n, w, dw, m, v, s); }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// Elements a chunk: large enough that a chunk outweighs its cost, a multiple of every vector length.
constexpr Index kChunk = 16384;

// Runs body(first, count) over the chunks of 0 .. n - 1.
template <class Body>
void for_chunks(Index n, Body&& body) {
  parallel_for((n + kChunk - 1) / kChunk, [&](Index chunk) {
    const Index first = chunk * kChunk;
    body(first, std::min(kChunk, n - first));
  });
}

}  // namespace

#define LAMINA_BOTH(Name, T)                                                                                         \
  HWY_EXPORT(Sgd##Name);                                                                                             \
  HWY_EXPORT(SgdMomentum##Name);                                                                                     \
  HWY_EXPORT(Nesterov##Name);                                                                                        \
  HWY_EXPORT(Average##Name);                                                                                         \
  HWY_EXPORT(Rmsprop##Name);                                                                                         \
  HWY_EXPORT(Adam##Name);                                                                                            \
  template <>                                                                                                        \
  void sgd_update(Index n, T* w, const T* dw, T rate) {                                                              \
    const auto kernel = LAMINA_DISPATCH(Sgd##Name);                                                                  \
    for_chunks(n, [=](Index at, Index count) { kernel(count, w + at, dw + at, rate); });                             \
  }                                                                                                                  \
  template <>                                                                                                        \
  void sgd_momentum_update(Index n, T* w, const T* dw, T* v, T rate, T momentum) {                                   \
    const auto kernel = LAMINA_DISPATCH(SgdMomentum##Name);                                                          \
    for_chunks(n, [=](Index at, Index count) { kernel(count, w + at, dw + at, v + at, rate, momentum); });           \
  }                                                                                                                  \
  template <>                                                                                                        \
  void nesterov_update(Index n, T* w, const T* dw, T* v, T rate, T momentum) {                                       \
    const auto kernel = LAMINA_DISPATCH(Nesterov##Name);                                                             \
    for_chunks(n, [=](Index at, Index count) { kernel(count, w + at, dw + at, v + at, rate, momentum); });           \
  }                                                                                                                  \
  template <>                                                                                                        \
  void average_update(Index n, T* average, const T* w, T fresh) {                                                    \
    const auto kernel = LAMINA_DISPATCH(Average##Name);                                                              \
    for_chunks(n, [=](Index at, Index count) { kernel(count, average + at, w + at, fresh); });                       \
  }                                                                                                                  \
  template <>                                                                                                        \
  void rmsprop_update(Index n, T* w, const T* dw, T* cache, T rate, T decay, T fresh, T epsilon) {                   \
    const auto kernel = LAMINA_DISPATCH(Rmsprop##Name);                                                              \
    for_chunks(                                                                                                      \
        n, [=](Index at, Index count) { kernel(count, w + at, dw + at, cache + at, rate, decay, fresh, epsilon); }); \
  }                                                                                                                  \
  template <>                                                                                                        \
  void adam_update(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& step) {                                \
    const auto kernel = LAMINA_DISPATCH(Adam##Name);                                                                 \
    for_chunks(n, [=](Index at, Index count) { kernel(count, w + at, dw + at, m + at, v + at, step); });             \
  }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels
#endif
