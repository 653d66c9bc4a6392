#include "lamina/layers/dropout.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/kernels/dropout.h"
#include "lamina/kernels/elementwise.h"

namespace lamina {

namespace {

template <class T>
T drop(const TensorView<T>& x, const DropoutParam& dropout_param, RandomState& random, Tensor<T>& out,
       Tensor<T>* mask) {
  const double p = dropout_param.p;
  if (!(p > 0 && p <= 1))
    fail("dropout_forward", "expected p, the probability of keeping, above 0 and at most 1, got ", p);
  const T* from = x.data();
  out.resize(x.shape());
  if (dropout_param.mode == Mode::test) {
    if (mask) mask->resize({});
    if (out.data() != from) std::copy(from, from + out.size(), out.data());
    return 1;
  }
  if (dropout_param.seed) random.seed(*dropout_param.seed);
  if (mask) mask->resize(out.shape());
  const T kept = static_cast<T>(1 / p);
  kernels::dropout(out.size(), random, p, kept, from, mask ? mask->data() : nullptr, out.data());
  return kept;
}

}  // namespace

template <class T>
void dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param, RandomState& random, Tensor<T>& out,
                     DropoutCache<T>& cache) {
  drop(x, dropout_param, random, out, &cache.mask);
}

template <class T>
T detail::dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param, RandomState& random,
                          Tensor<T>& out) {
  return drop<T>(x, dropout_param, random, out, nullptr);
}

template <class T>
void dropout_backward(const TensorView<T>& dout, const DropoutCache<T>& cache, Tensor<T>& dx) {
  const bool training = cache.mask.rank() > 0;
  if (training) check_shape("dropout_backward", "dout", dout.shape(), cache.mask.shape(), "out");
  const T* from = dout.data();
  dx.resize(dout.shape());
  if (training)
    kernels::multiply(dx.size(), from, cache.mask.data(), dx.data());
  else if (dx.data() != from)
    std::copy(from, from + dx.size(), dx.data());
}

template <class T>
std::pair<Tensor<T>, DropoutCache<T>> dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param,
                                                      RandomState& random) {
  std::pair<Tensor<T>, DropoutCache<T>> result;
  dropout_forward(x, dropout_param, random, result.first, result.second);
  return result;
}

template <class T>
Tensor<T> dropout_backward(const TensorView<T>& dout, const DropoutCache<T>& cache) {
  Tensor<T> dx;
  dropout_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                                      \
  template T detail::dropout_forward(const TensorView<T>&, const DropoutParam&, RandomState&, Tensor<T>&);  \
  template void dropout_forward(const TensorView<T>&, const DropoutParam&, RandomState&, Tensor<T>&,        \
                                DropoutCache<T>&);                                                          \
  template void dropout_backward(const TensorView<T>&, const DropoutCache<T>&, Tensor<T>&);                 \
  template std::pair<Tensor<T>, DropoutCache<T>> dropout_forward(const TensorView<T>&, const DropoutParam&, \
                                                                 RandomState&);                             \
  template Tensor<T> dropout_backward(const TensorView<T>&, const DropoutCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
