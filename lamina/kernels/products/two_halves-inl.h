// The reduction that ends a split sum: it adds the two halves. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_PRODUCTS_TWO_HALVES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_TWO_HALVES_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_TWO_HALVES_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_TWO_HALVES_INL_H_
#endif

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// C (rows, n) += other (rows, n) [+ bias_j] [then max(0, .)]. Rows of C are ldc elements apart; `other` is contiguous.
template <class T>
HWY_INLINE void add_other_half(Index rows, Index n, T* c, Index ldc, const T* other, const T* bias, bool relu) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  for (Index i = 0; i < rows; ++i, c += ldc, other += n) {
    Index j = 0;
    for (; j + lanes <= n; j += lanes) {
      auto value = hn::Add(hn::LoadU(d, c + j), hn::LoadU(d, other + j));
      if (bias) value = hn::Add(value, hn::LoadU(d, bias + j));
      if (relu) value = hn::IfThenElse(hn::Lt(value, hn::Zero(d)), hn::Zero(d), value);
      hn::StoreU(value, d, c + j);
    }
    for (; j < n; ++j) {
      const T value = c[j] + other[j] + (bias ? bias[j] : T{0});
      c[j] = relu && value < 0 ? T{0} : value;
    }
  }
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_PRODUCTS_TWO_HALVES_INL_H_
