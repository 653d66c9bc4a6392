#include "lamina/kernels/average_pool.h"

#include <algorithm>
#include <type_traits>

#include "lamina/kernels/machine/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/average_pool.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// One image.
template <class T>
HWY_INLINE void average(Index pixels, Index C, const T* HWY_RESTRICT x, T* HWY_RESTRICT out) {
  for_vectors<T>(C, [=](auto d, Index c) HWY_ATTR {
    auto sum = hn::LoadU(d, x + c);
    for (Index p = 1; p < pixels; ++p) sum = hn::Add(sum, hn::LoadU(d, x + p * C + c));
    hn::StoreU(hn::Div(sum, hn::Set(d, static_cast<T>(pixels))), d, out + c);
  });
}

template <class T>
HWY_INLINE void spread(Index pixels, Index C, const T* HWY_RESTRICT dout, T* HWY_RESTRICT dx) {
  for_vectors<T>(C, [=](auto d, Index c) HWY_ATTR {
    const auto share = hn::Div(hn::LoadU(d, dout + c), hn::Set(d, static_cast<T>(pixels)));
    for (Index p = 0; p < pixels; ++p) hn::StoreU(share, d, dx + p * C + c);
  });
}

void AverageFloat(Index pixels, Index C, const float* x, float* out) { average(pixels, C, x, out); }
void AverageDouble(Index pixels, Index C, const double* x, double* out) { average(pixels, C, x, out); }
void SpreadFloat(Index pixels, Index C, const float* dout, float* dx) { spread(pixels, C, dout, dx); }
void SpreadDouble(Index pixels, Index C, const double* dout, double* dx) { spread(pixels, C, dout, dx); }

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

HWY_EXPORT(AverageFloat);
HWY_EXPORT(AverageDouble);
HWY_EXPORT(SpreadFloat);
HWY_EXPORT(SpreadDouble);

// run(first, last) over groups of images, each group of about kElements.
template <class Run>
void for_images(Index N, Index example, const Run& run) {
  constexpr Index kElements = 1 << 15;
  const Index group = std::max<Index>(1, kElements / std::max<Index>(1, example));
  parallel_for((N + group - 1) / group, [&](Index chunk) { run(chunk * group, std::min(N, (chunk + 1) * group)); });
}

}  // namespace

template <class T>
void global_average_forward(Index N, Index pixels, Index C, const T* x, T* out) {
  const auto kernel = [] {
    if constexpr (std::is_same_v<T, float>)
      return LAMINA_DISPATCH(AverageFloat);
    else
      return LAMINA_DISPATCH(AverageDouble);
  }();
  for_images(N, pixels * C, [&](Index first, Index last) {
    for (Index n = first; n < last; ++n) kernel(pixels, C, x + n * pixels * C, out + n * C);
  });
}

template <class T>
void global_average_backward(Index N, Index pixels, Index C, const T* dout, T* dx) {
  const auto kernel = [] {
    if constexpr (std::is_same_v<T, float>)
      return LAMINA_DISPATCH(SpreadFloat);
    else
      return LAMINA_DISPATCH(SpreadDouble);
  }();
  for_images(N, pixels * C, [&](Index first, Index last) {
    for (Index n = first; n < last; ++n) kernel(pixels, C, dout + n * C, dx + n * pixels * C);
  });
}

template void global_average_forward(Index, Index, Index, const float*, float*);
template void global_average_forward(Index, Index, Index, const double*, double*);
template void global_average_backward(Index, Index, Index, const float*, float*);
template void global_average_backward(Index, Index, Index, const double*, double*);

}  // namespace lamina::kernels
#endif
