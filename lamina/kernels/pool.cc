#include "lamina/kernels/pool.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "lamina/kernels/machine/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/pool.cc"
#include "lamina/kernels/machine/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Places in a window, one a lane: int32 beside float; beside double kept as double, which holds every int32.
template <class D, class T = hn::TFromD<D>>
struct Places;
template <class D>
struct Places<D, float> {
  using DI = hn::RebindToSigned<D>;
  using V = hn::Vec<DI>;
  static V set(D, Index k) { return hn::Set(DI(), static_cast<std::int32_t>(k)); }
  static V load(D, const std::int32_t* from) { return hn::LoadU(DI(), from); }
  static void store(D, V v, std::int32_t* to) { hn::StoreU(v, DI(), to); }
  template <class M>
  static V choose(D, M mask, V yes, V no) {
    return hn::IfThenElse(hn::RebindMask(DI(), mask), yes, no);
  }
  static auto equal(D d, V a, V b) { return hn::RebindMask(d, hn::Eq(a, b)); }
};
template <class D>
struct Places<D, double> {
  using DI = hn::Rebind<std::int32_t, D>;
  using V = hn::Vec<D>;
  static V set(D d, Index k) { return hn::Set(d, static_cast<double>(k)); }
  static V load(D d, const std::int32_t* from) { return hn::PromoteTo(d, hn::LoadU(DI(), from)); }
  static void store(D, V v, std::int32_t* to) { hn::StoreU(hn::DemoteTo(DI(), v), DI(), to); }
  template <class M>
  static V choose(D, M mask, V yes, V no) {
    return hn::IfThenElse(mask, yes, no);
  }
  static auto equal(D, V a, V b) { return hn::Eq(a, b); }
};

// Calls step(d, c) for every channel: whole vectors, then one by one.
template <class T, class Step>
HWY_INLINE void for_channels(Index C, const Step& step) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  Index c = 0;
  for (; c + lanes <= C; c += lanes) step(d, c);
  for (; c < C; ++c) step(one, c);
}

// One window: x is its first pixel.
template <class T>
HWY_INLINE void window_max(const PoolShape& s, const T* HWY_RESTRICT x, T* HWY_RESTRICT out,
                           std::int32_t* HWY_RESTRICT argmax) {
  for_channels<T>(s.C, [&](auto d, Index c) HWY_ATTR {
    using P = Places<decltype(d)>;
    auto best = hn::LoadU(d, x + c);
    auto place = P::set(d, 0);
    for (Index p = 0; p < s.PH; ++p)
      for (Index q = 0; q < s.PW; ++q) {
        const auto v = hn::LoadU(d, x + (p * s.W + q) * s.C + c);
        // v > best or v is NaN, unless best is NaN already
        const auto take = hn::And(hn::Not(hn::Le(v, best)), hn::Eq(best, best));
        best = hn::IfThenElse(take, v, best);
        place = P::choose(d, take, P::set(d, p * s.PW + q), place);
      }
    hn::StoreU(best, d, out + c);
    P::store(d, place, argmax + c);
  });
}

template <class T>
void forward_rows(const PoolShape& s, const T* x, T* out, std::int32_t* argmax, Index first, Index last) {
  for (Index row = first; row < last; ++row) {
    const T* from = x + ((row / s.OH) * s.H + (row % s.OH) * s.stride) * s.W * s.C;
    const Index at = row * s.OW * s.C;
    for (Index j = 0; j < s.OW; ++j)
      window_max(s, from + j * s.stride * s.C, out + at + j * s.C, argmax + at + j * s.C);
  }
}

// Rows of dx: each takes what the windows over it give it, in scan order.
template <class T>
void backward_rows(const PoolShape& s, const T* dout, const std::int32_t* argmax, T* dx, Index first, Index last) {
  for (Index row = first; row < last; ++row) {
    const Index n = row / s.H, h = row % s.H;
    T* HWY_RESTRICT to = dx + row * s.W * s.C;
    std::memset(to, 0, static_cast<std::size_t>(s.W * s.C) * sizeof(T));
    const Index i_first = h < s.PH ? 0 : (h - s.PH) / s.stride + 1;
    const Index i_last = std::min(h / s.stride, s.OH - 1);
    for (Index i = i_first; i <= i_last; ++i) {
      const Index place = (h - i * s.stride) * s.PW;
      for (Index j = 0; j < s.OW; ++j) {
        const Index at = ((n * s.OH + i) * s.OW + j) * s.C;
        T* HWY_RESTRICT window = to + j * s.stride * s.C;
        for_channels<T>(s.C, [&](auto d, Index c) HWY_ATTR {
          using P = Places<decltype(d)>;
          const auto g = hn::LoadU(d, dout + at + c);
          const auto k = P::load(d, argmax + at + c);
          for (Index q = 0; q < s.PW; ++q) {
            T* cell = window + q * s.C + c;
            const auto mine = hn::IfThenElseZero(P::equal(d, k, P::set(d, place + q)), g);
            hn::StoreU(hn::Add(hn::LoadU(d, cell), mine), d, cell);
          }
        });
      }
    }
  }
}

// Windows of 2x2 at stride 2: each element of dx lies in one window at most. Rows of dout.
template <class T>
void backward_rows_2x2(const PoolShape& s, const T* dout, const std::int32_t* argmax, T* dx, Index first, Index last) {
  const Index width = s.W * s.C;
  for (Index row = first; row < last; ++row) {
    const Index n = row / s.OH, i = row % s.OH;
    T* HWY_RESTRICT top = dx + (n * s.H + 2 * i) * width;
    T* HWY_RESTRICT bottom = top + width;
    for (Index j = 0; j < s.OW; ++j) {
      const Index at = (row * s.OW + j) * s.C;
      const Index left = 2 * j * s.C, right = left + s.C;
      for_channels<T>(s.C, [&](auto d, Index c) HWY_ATTR {
        using P = Places<decltype(d)>;
        const auto g = hn::LoadU(d, dout + at + c);
        const auto k = P::load(d, argmax + at + c);
        hn::StoreU(hn::IfThenElseZero(P::equal(d, k, P::set(d, 0)), g), d, top + left + c);
        hn::StoreU(hn::IfThenElseZero(P::equal(d, k, P::set(d, 1)), g), d, top + right + c);
        hn::StoreU(hn::IfThenElseZero(P::equal(d, k, P::set(d, 2)), g), d, bottom + left + c);
        hn::StoreU(hn::IfThenElseZero(P::equal(d, k, P::set(d, 3)), g), d, bottom + right + c);
      });
    }
    // What no window covers: the last column of an odd width, the last row of an odd height.
    const std::size_t rest = static_cast<std::size_t>(width - 2 * s.OW * s.C) * sizeof(T);
    std::memset(top + 2 * s.OW * s.C, 0, rest);
    std::memset(bottom + 2 * s.OW * s.C, 0, rest);
    if (i + 1 == s.OH && 2 * s.OH < s.H) std::memset(bottom + width, 0, static_cast<std::size_t>(width) * sizeof(T));
  }
}

void ForwardFloat(const PoolShape& s, const float* x, float* out, std::int32_t* argmax, Index first, Index last) {
  forward_rows(s, x, out, argmax, first, last);
}
void ForwardDouble(const PoolShape& s, const double* x, double* out, std::int32_t* argmax, Index first, Index last) {
  forward_rows(s, x, out, argmax, first, last);
}
void BackwardFloat(const PoolShape& s, const float* dout, const std::int32_t* argmax, float* dx, Index first,
                   Index last) {
  backward_rows(s, dout, argmax, dx, first, last);
}
void BackwardDouble(const PoolShape& s, const double* dout, const std::int32_t* argmax, double* dx, Index first,
                    Index last) {
  backward_rows(s, dout, argmax, dx, first, last);
}
void Backward2x2Float(const PoolShape& s, const float* dout, const std::int32_t* argmax, float* dx, Index first,
                      Index last) {
  backward_rows_2x2(s, dout, argmax, dx, first, last);
}
void Backward2x2Double(const PoolShape& s, const double* dout, const std::int32_t* argmax, double* dx, Index first,
                       Index last) {
  backward_rows_2x2(s, dout, argmax, dx, first, last);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

HWY_EXPORT(ForwardFloat);
HWY_EXPORT(ForwardDouble);
HWY_EXPORT(BackwardFloat);
HWY_EXPORT(BackwardDouble);
HWY_EXPORT(Backward2x2Float);
HWY_EXPORT(Backward2x2Double);

// run(first, last) over bands of rows, each of about kWork loads.
template <class Run>
void for_bands(Index rows, Index work_per_row, const Run& run) {
  constexpr Index kWork = 1 << 15;
  const Index band = std::max<Index>(1, kWork / std::max<Index>(1, work_per_row));
  parallel_for((rows + band - 1) / band, [&](Index chunk) { run(chunk * band, std::min(rows, (chunk + 1) * band)); });
}

}  // namespace

template <class T>
void max_pool_forward(const PoolShape& s, const T* x, T* out, std::int32_t* argmax) {
  if (s.N * s.OH * s.OW * s.C == 0) return;
  const auto run = [] {
    if constexpr (std::is_same_v<T, float>)
      return LAMINA_DISPATCH(ForwardFloat);
    else
      return LAMINA_DISPATCH(ForwardDouble);
  }();
  for_bands(s.N * s.OH, s.OW * s.C * std::min<Index>(s.PH * s.PW, 1 << 15),
            [&](Index first, Index last) { run(s, x, out, argmax, first, last); });
}

template <class T>
void max_pool_backward(const PoolShape& s, const T* dout, const std::int32_t* argmax, T* dx) {
  if (s.N * s.H * s.W * s.C == 0) return;
  const bool two = s.PH == 2 && s.PW == 2 && s.stride == 2;
  const auto run = [two] {
    if constexpr (std::is_same_v<T, float>)
      return two ? LAMINA_DISPATCH(Backward2x2Float) : LAMINA_DISPATCH(BackwardFloat);
    else
      return two ? LAMINA_DISPATCH(Backward2x2Double) : LAMINA_DISPATCH(BackwardDouble);
  }();
  for_bands(s.N * (two ? s.OH : s.H), s.W * s.C * 2,
            [&](Index first, Index last) { run(s, dout, argmax, dx, first, last); });
}

template void max_pool_forward(const PoolShape&, const float*, float*, std::int32_t*);
template void max_pool_forward(const PoolShape&, const double*, double*, std::int32_t*);
template void max_pool_backward(const PoolShape&, const float*, const std::int32_t*, float*);
template void max_pool_backward(const PoolShape&, const double*, const std::int32_t*, double*);

}  // namespace lamina::kernels
#endif
