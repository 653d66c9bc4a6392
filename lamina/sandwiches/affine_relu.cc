#include "lamina/sandwiches/affine_relu.h"

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"

namespace lamina {

template <class T>
void affine_relu_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, Tensor<T>& out,
                         AffineReluCache<T>& cache, Precision precision) {
  detail::affine_forward("affine_relu_forward", x, w, b, true, out, cache.affine, precision);
  cache.relu.out = out;
}

template <class T>
void affine_relu_backward(const TensorView<T>& dout, const AffineReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                          TensorView<T> db) {
  constexpr std::string_view where = "affine_relu_backward";
  const TensorView<T>& out = cache.relu.out;
  check_shape(where, "dout", dout.shape(), out.shape(), "out");
  cache.da.resize(out.shape());
  kernels::relu_backward(out.size(), dout.data(), out.data(), cache.da.data());
  detail::affine_backward<T>(where, cache.da, cache.affine, dx, dw, db);
}

#define LAMINA_BOTH(T)                                                                                            \
  template void affine_relu_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, Tensor<T>&, \
                                    AffineReluCache<T>&, Precision);                                              \
  template void affine_relu_backward(const TensorView<T>&, const AffineReluCache<T>&, Tensor<T>*, TensorView<T>,  \
                                     TensorView<T>);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
