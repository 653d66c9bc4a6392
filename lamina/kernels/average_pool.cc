#include "lamina/kernels/average_pool.h"

#include "lamina/kernels/machine/chunks.h"

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

}  // namespace

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

LAMINA_FLOAT_AND_DOUBLE(global_average_forward);
LAMINA_FLOAT_AND_DOUBLE(global_average_backward);

}  // namespace lamina::kernels
#endif
