#include "lamina/kernels/pool.h"

#include <algorithm>
#include <cstring>

#include "lamina/kernels/machine/chunks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/pool.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Positions in a window, one for each lane of the vector of maxima: int32 for float, and double for double, which can
// represent every int32.
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

// Covers all channels by calls step(d, c): whole vectors first, then single channels.
template <class T, class Step>
HWY_INLINE void for_channels(Index C, const Step& step) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  Index c = 0;
  for (; c + lanes <= C; c += lanes) step(d, c);
  for (; c < C; ++c) step(one, c);
}

// The maximum of one window, whose first pixel is at x.
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

// Rows first to last - 1 of dx. The windows that cover a row add their contributions in scan order.
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

// The same for windows of 2x2 at stride 2, when each element of dx is in at most one window. Here first and last count
// rows of dout.
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
    // No window covers the last column of an odd width and the last row of an odd height.
    const std::size_t rest = static_cast<std::size_t>(width - 2 * s.OW * s.C) * sizeof(T);
    std::memset(top + 2 * s.OW * s.C, 0, rest);
    std::memset(bottom + 2 * s.OW * s.C, 0, rest);
    if (i + 1 == s.OH && 2 * s.OH < s.H) std::memset(bottom + width, 0, static_cast<std::size_t>(width) * sizeof(T));
  }
}

// The part of a window that lies in the image, along one axis: from `first` to `last` - 1.
struct Range {
  Index first, last;
  Index size() const { return last - first; }
};
HWY_INLINE Range inside(Index start, Index side, Index length) {
  return {std::max<Index>(start, 0), std::min(start + side, length)};
}

// What the mean of a window is divided by.
template <class T>
HWY_INLINE T window_size(const AveragePoolShape& s, Range rows, Range columns) {
  const Index height = s.exclude_pad ? rows.size() : s.PH, width = s.exclude_pad ? columns.size() : s.PW;
  return static_cast<T>(static_cast<double>(height) * static_cast<double>(width));
}

// Rows first to last - 1 of out.
template <class T>
void average_rows(const AveragePoolShape& s, const T* HWY_RESTRICT x, T* HWY_RESTRICT out, Index first, Index last) {
  for (Index row = first; row < last; ++row) {
    const Range rows = inside(row % s.OH * s.stride - s.pad, s.PH, s.H);
    const T* image = x + row / s.OH * s.H * s.W * s.C;
    for (Index j = 0; j < s.OW; ++j) {
      const Range columns = inside(j * s.stride - s.pad, s.PW, s.W);
      const T size = window_size<T>(s, rows, columns);
      T* to = out + (row * s.OW + j) * s.C;
      for_vectors<T>(s.C, [&](auto d, Index c) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (Index h = rows.first; h < rows.last; ++h)
          for (Index w = columns.first; w < columns.last; ++w)
            sum = hn::Add(sum, hn::LoadU(d, image + (h * s.W + w) * s.C + c));
        hn::StoreU(hn::Div(sum, hn::Set(d, size)), d, to + c);
      });
    }
  }
}

// Rows first to last - 1 of dx. The windows that cover a row add their contributions in scan order.
template <class T>
void average_backward_rows(const AveragePoolShape& s, const T* HWY_RESTRICT dout, T* HWY_RESTRICT dx, Index first,
                           Index last) {
  for (Index row = first; row < last; ++row) {
    const Index n = row / s.H, h = row % s.H;
    T* to = dx + row * s.W * s.C;
    std::memset(to, 0, static_cast<std::size_t>(s.W * s.C) * sizeof(T));
    const Index i_first = h + s.pad < s.PH ? 0 : (h + s.pad - s.PH) / s.stride + 1;
    const Index i_last = std::min((h + s.pad) / s.stride, s.OH - 1);
    for (Index i = i_first; i <= i_last; ++i) {
      const Range rows = inside(i * s.stride - s.pad, s.PH, s.H);
      for (Index j = 0; j < s.OW; ++j) {
        const Range columns = inside(j * s.stride - s.pad, s.PW, s.W);
        const T size = window_size<T>(s, rows, columns);
        const T* from = dout + ((n * s.OH + i) * s.OW + j) * s.C;
        for_vectors<T>(s.C, [&](auto d, Index c) HWY_ATTR {
          const auto share = hn::Div(hn::LoadU(d, from + c), hn::Set(d, size));
          for (Index w = columns.first; w < columns.last; ++w) {
            T* cell = to + w * s.C + c;
            hn::StoreU(hn::Add(hn::LoadU(d, cell), share), d, cell);
          }
        });
      }
    }
  }
}

// The mean over the pixels of one image, for each channel; spread() is its gradient.
template <class T>
void average(Index pixels, Index C, const T* HWY_RESTRICT x, T* HWY_RESTRICT out) {
  for_vectors<T>(C, [=](auto d, Index c) HWY_ATTR {
    auto sum = hn::LoadU(d, x + c);
    for (Index p = 1; p < pixels; ++p) sum = hn::Add(sum, hn::LoadU(d, x + p * C + c));
    hn::StoreU(hn::Div(sum, hn::Set(d, static_cast<T>(pixels))), d, out + c);
  });
}

template <class T>
void spread(Index pixels, Index C, const T* HWY_RESTRICT dout, T* HWY_RESTRICT dx) {
  for_vectors<T>(C, [=](auto d, Index c) HWY_ATTR {
    const auto share = hn::Div(hn::LoadU(d, dout + c), hn::Set(d, static_cast<T>(pixels)));
    for (Index p = 0; p < pixels; ++p) hn::StoreU(share, d, dx + p * C + c);
  });
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

Chunks images(Index N, Index example) { return Chunks::about(1 << 15, N, example); }

// Bands of rows, of about 32,768 loads each.
Chunks bands(Index rows, Index loads_per_row) { return Chunks::about(1 << 15, rows, loads_per_row); }

}  // namespace

template <class T>
void max_pool_forward(const PoolShape& s, const T* x, T* out, std::int32_t* argmax) {
  if (s.N * s.OH * s.OW * s.C == 0) return;
  const auto kernel = LAMINA_DISPATCH(forward_rows<T>);
  const Index loads = s.OW * s.C * std::min<Index>(s.PH * s.PW, 1 << 15);
  for_chunks(bands(s.N * s.OH, loads),
             [&](Index first, Index length) { kernel(s, x, out, argmax, first, first + length); });
}

template <class T>
void max_pool_backward(const PoolShape& s, const T* dout, const std::int32_t* argmax, T* dx) {
  if (s.N * s.H * s.W * s.C == 0) return;
  const bool two = s.PH == 2 && s.PW == 2 && s.stride == 2;
  const auto kernel = two ? LAMINA_DISPATCH(backward_rows_2x2<T>) : LAMINA_DISPATCH(backward_rows<T>);
  for_chunks(bands(s.N * (two ? s.OH : s.H), s.W * s.C * 2),
             [&](Index first, Index length) { kernel(s, dout, argmax, dx, first, first + length); });
}

template <class T>
void average_pool_forward(const AveragePoolShape& s, const T* x, T* out) {
  if (s.N * s.OH * s.OW * s.C == 0) return;
  const auto kernel = LAMINA_DISPATCH(average_rows<T>);
  const Index loads = s.OW * s.C * std::min(s.PH, s.H) * std::min(s.PW, s.W);
  for_chunks(bands(s.N * s.OH, loads), [&](Index first, Index length) { kernel(s, x, out, first, first + length); });
}

template <class T>
void average_pool_backward(const AveragePoolShape& s, const T* dout, T* dx) {
  if (s.N * s.H * s.W * s.C == 0) return;
  const auto kernel = LAMINA_DISPATCH(average_backward_rows<T>);
  for_chunks(bands(s.N * s.H, s.W * s.C * 2),
             [&](Index first, Index length) { kernel(s, dout, dx, first, first + length); });
}

template <class T>
void global_average_forward(Index N, Index pixels, Index C, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(average<T>);
  for_chunks(images(N, pixels * C), [=](Index first, Index length) {
    for (Index n = first; n < first + length; ++n) kernel(pixels, C, x + n * pixels * C, out + n * C);
  });
}

template <class T>
void global_average_backward(Index N, Index pixels, Index C, const T* dout, T* dx) {
  const auto kernel = LAMINA_DISPATCH(spread<T>);
  for_chunks(images(N, pixels * C), [=](Index first, Index length) {
    for (Index n = first; n < first + length; ++n) kernel(pixels, C, dout + n * C, dx + n * pixels * C);
  });
}

LAMINA_FLOAT_AND_DOUBLE(max_pool_forward);
LAMINA_FLOAT_AND_DOUBLE(max_pool_backward);
LAMINA_FLOAT_AND_DOUBLE(average_pool_forward);
LAMINA_FLOAT_AND_DOUBLE(average_pool_backward);
LAMINA_FLOAT_AND_DOUBLE(global_average_forward);
LAMINA_FLOAT_AND_DOUBLE(global_average_backward);

}  // namespace lamina::kernels
#endif
