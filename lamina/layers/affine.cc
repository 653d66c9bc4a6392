#include "lamina/layers/affine.h"

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/products/gemm.h"

namespace lamina {
namespace {

// D, the size of one example of x (N, d_1, ..., d_k).
Index example_size(std::string_view where, const Shape& x) {
  if (x.rank() < 2) fail(where, "expected x of shape (N, d_1, ..., d_k), got ", x);
  Index D = 1;
  for (int axis = 1; axis < x.rank(); ++axis) D *= x[axis];
  return D;
}

// kernels::gemm, or gemm_bf16.
template <class T, class... Args>
void product(Precision precision, Args... args) {
  if constexpr (std::is_same_v<T, float>)
    if (precision == Precision::bf16) return kernels::gemm_bf16(args...);
  kernels::gemm<T>(args...);
}

}  // namespace

namespace detail {

template <class T>
void affine_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                    bool relu, Tensor<T>& out, AffineCache<T>& cache, Precision precision) {
  check_precision<T>(where, precision);
  const Index D = example_size(where, x.shape());
  if (w.rank() != 2 || w.dim(0) != D)
    fail(where, "expected w of shape (", D, ", M) to match x ", x.shape(), ", got ", w.shape());
  const Index N = x.dim(0), M = w.dim(1);
  cache.bias = b.rank() > 0;
  if (cache.bias && !(b.shape() == Shape{M})) check_shape(where, "b", b.shape(), {M}, "w " + w.shape().to_string());
  cache.x = x;
  cache.w = w;
  cache.precision = precision;
  out.resize({N, M});
  product<T>(precision, false, false, N, M, D, x.data(), D, w.data(), M, out.data(), M, b.data(), relu);
}

template <class T>
void affine_backward(std::string_view where, const TensorView<T>& dout, const AffineCache<T>& cache, Tensor<T>* dx,
                     TensorView<T> dw, TensorView<T> db) {
  const TensorView<T>&x = cache.x, &w = cache.w;
  if (w.rank() != 2) fail(where, "expected the cache of a forward pass, got an empty one");
  const Index N = x.dim(0), D = w.dim(0), M = w.dim(1);
  check_shape(where, "dout", dout.shape(), {N, M}, "out");
  check_shape(where, "dw", dw.shape(), w.shape(), "w");
  check_shape(where, "db", db.shape(), cache.bias ? Shape{M} : Shape(), "b");
  if (cache.bias) kernels::column_sums(N, M, dout.data(), db.data());
  const auto weight_gradient = [&] {
    product<T>(cache.precision, true, false, D, M, N, x.data(), D, dout.data(), M, dw.data(), M, nullptr, false);
  };
  if (!dx) return weight_gradient();
  dx->resize(x.shape());
  kernels::two_products(N * D * M, weight_gradient, [&] {
    product<T>(cache.precision, false, true, N, D, M, dout.data(), M, w.data(), M, dx->data(), D, nullptr, false);
  });
}

}  // namespace detail

template <class T>
void affine_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, Tensor<T>& out,
                    AffineCache<T>& cache, Precision precision) {
  detail::affine_forward("affine_forward", x, w, b, false, out, cache, precision);
}

template <class T>
void affine_backward(const TensorView<T>& dout, const AffineCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                     TensorView<T> db) {
  detail::affine_backward("affine_backward", dout, cache, dx, dw, db);
}

template <class T>
std::pair<Tensor<T>, AffineCache<T>> affine_forward(const TensorView<T>& x, const TensorView<T>& w,
                                                    const TensorView<T>& b) {
  std::pair<Tensor<T>, AffineCache<T>> result;
  affine_forward(x, w, b, result.first, result.second);
  return result;
}

template <class T>
AffineGradients<T> affine_backward(const TensorView<T>& dout, const AffineCache<T>& cache) {
  AffineGradients<T> g;
  g.dw.resize(cache.w.shape());
  if (cache.bias) g.db.resize({cache.w.rank() == 2 ? cache.w.dim(1) : 0});
  affine_backward<T>(dout, cache, &g.dx, g.dw, g.db);
  return g;
}

#define LAMINA_AFFINE(T)                                                                                           \
  template void detail::affine_forward(std::string_view, const TensorView<T>&, const TensorView<T>&,               \
                                       const TensorView<T>&, bool, Tensor<T>&, AffineCache<T>&, Precision);        \
  template void detail::affine_backward(std::string_view, const TensorView<T>&, const AffineCache<T>&, Tensor<T>*, \
                                        TensorView<T>, TensorView<T>);                                             \
  template void affine_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, Tensor<T>&,       \
                               AffineCache<T>&, Precision);                                                        \
  template void affine_backward(const TensorView<T>&, const AffineCache<T>&, Tensor<T>*, TensorView<T>,            \
                                TensorView<T>);                                                                    \
  template std::pair<Tensor<T>, AffineCache<T>> affine_forward(const TensorView<T>&, const TensorView<T>&,         \
                                                               const TensorView<T>&);                              \
  template AffineGradients<T> affine_backward(const TensorView<T>&, const AffineCache<T>&);
LAMINA_AFFINE(float)
LAMINA_AFFINE(double)
#undef LAMINA_AFFINE

}  // namespace lamina
