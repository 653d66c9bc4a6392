#include "lamina/layers/layout.h"

#include "lamina/check.h"
#include "lamina/kernels/layout.h"

namespace lamina {

template <class T>
void to_nhwc(const TensorView<T>& x, Tensor<T>& out) {
  if (x.rank() != 4) fail("to_nhwc", "expected x of shape (N, C, H, W), got ", x.shape());
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  out.resize({N, H, W, C});
  kernels::transpose(N, C, H * W, x.data(), out.data());
}

template <class T>
void to_nchw(const TensorView<T>& x, Tensor<T>& out) {
  if (x.rank() != 4) fail("to_nchw", "expected x of shape (N, H, W, C), got ", x.shape());
  const Index N = x.dim(0), H = x.dim(1), W = x.dim(2), C = x.dim(3);
  out.resize({N, C, H, W});
  kernels::transpose(N, H * W, C, x.data(), out.data());
}

template void to_nhwc(const TensorView<float>&, Tensor<float>&);
template void to_nhwc(const TensorView<double>&, Tensor<double>&);
template void to_nchw(const TensorView<float>&, Tensor<float>&);
template void to_nchw(const TensorView<double>&, Tensor<double>&);

}  // namespace lamina
