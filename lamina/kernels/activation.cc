#include "lamina/kernels/activation.h"

#include "lamina/kernels/machine/chunks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/activation.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "hwy/contrib/math/math-inl.h"
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// out = function(d, x), where x is a vector of tag d.
template <class T, class Function>
HWY_INLINE void map(Index n, const T* x, T* out, const Function& function) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(function(d, hn::LoadU(d, x + i)), d, out + i); });
}

// dx = dout slope(d, kept), where `kept` is what the cache keeps, x or out.
template <class T, class Slope>
HWY_INLINE void chain(Index n, const T* dout, const T* kept, T* dx, const Slope& slope) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, dout + i), slope(d, hn::LoadU(d, kept + i))), d, dx + i);
  });
}

// s(x) and s(-x), where s(x) = 1 / (1 + e^-x). Both are precise if they are small.
template <class V>
struct Logistic {
  V of_x, of_minus_x;
};
template <class D, class V>
HWY_INLINE Logistic<V> logistic(D d, V x) {
  const V one = hn::Set(d, 1), e = hn::Exp(d, hn::Neg(hn::Abs(x)));
  const V large = hn::Div(one, hn::Add(one, e)), small = hn::Mul(e, large);
  const auto negative = hn::Lt(x, hn::Zero(d));
  return {hn::IfThenElse(negative, small, large), hn::IfThenElse(negative, large, small)};
}

template <class T>
void sigmoid(Index n, const T* x, T* out) {
  map(n, x, out, [](auto d, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Eq(v, v), logistic(d, v).of_x, v);  // Highway's e^NaN is 0
  });
}

template <class T>
void sigmoid_backward(Index n, const T* dout, const T* out, T* dx) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto s = hn::LoadU(d, out + i);
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, dout + i), s), hn::Sub(hn::Set(d, 1), s)), d, dx + i);
  });
}

template <class T>
void tanh(Index n, const T* x, T* out) {
  map(n, x, out, [](auto d, auto v) HWY_ATTR { return hn::Tanh(d, v); });
}

template <class T>
void tanh_backward(Index n, const T* dout, const T* out, T* dx) {
  chain(n, dout, out, dx, [](auto d, auto v) HWY_ATTR {
    const auto one = hn::Set(d, 1);
    return hn::Mul(hn::Sub(one, v), hn::Add(one, v));
  });
}

// x from -most to most; what lies outside becomes the nearer end, and NaN stays NaN.
template <class D, class V>
HWY_INLINE V clamped(D d, V x, hn::TFromD<D> most) {
  const V end = hn::Set(d, most), other = hn::Neg(end);
  return hn::IfThenElse(hn::Gt(x, end), end, hn::IfThenElse(hn::Lt(x, other), other, x));
}

// A gate g of an activation x g(x), which goes from 0 at -infinity to 1 at infinity: g(x) and x g'(x), so that the
// derivative of the activation is their sum.
template <class V>
struct Gate {
  V value, rest;
};

struct SiluGate {
  // From where on 0 and 1 are the nearest numbers to g(x), also in double, and 0 is nearest to x g'(x).
  static constexpr int kEnd = 800;
  template <class D, class V>
  static HWY_INLINE Gate<V> at(D d, V x) {
    const auto s = logistic(d, x);
    return {s.of_x, hn::Mul(x, hn::Mul(s.of_x, s.of_minus_x))};
  }
};

template <class G, class T>
HWY_INLINE void gated(Index n, const T* x, T* out) {
  map(n, x, out, [](auto d, auto v) HWY_ATTR {
    const auto c = clamped(d, v, G::kEnd);
    return hn::Mul(hn::IfThenElse(hn::Gt(v, c), v, c), G::at(d, c).value);  // infinity times 1, but never times 0
  });
}

template <class G, class T>
HWY_INLINE void gated_backward(Index n, const T* dout, const T* x, T* dx) {
  chain(n, dout, x, dx, [](auto d, auto v) HWY_ATTR {
    const auto g = G::at(d, clamped(d, v, G::kEnd));
    return hn::Add(g.value, g.rest);
  });
}

template <class T>
void silu(Index n, const T* x, T* out) {
  gated<SiluGate>(n, x, out);
}

template <class T>
void silu_backward(Index n, const T* dout, const T* x, T* dx) {
  gated_backward<SiluGate>(n, dout, x, dx);
}

template <class T>
void elu(Index n, T alpha, const T* x, T* out) {
  map(n, x, out, [=](auto d, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Gt(v, hn::Zero(d)), v, hn::Mul(hn::Set(d, alpha), hn::Expm1(d, v)));
  });
}

template <class T>
void elu_backward(Index n, T alpha, const T* dout, const T* out, T* dx) {
  chain(n, dout, out, dx, [=](auto d, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Gt(v, hn::Zero(d)), hn::Set(d, 1), hn::Add(v, hn::Set(d, alpha)));
  });
}

template <class T>
void leaky_relu(Index n, T slope, const T* x, T* out) {
  map(n, x, out, [=](auto d, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Gt(v, hn::Zero(d)), v, hn::Mul(hn::Set(d, slope), v));
  });
}

template <class T>
void leaky_relu_backward(Index n, T slope, const T* dout, const T* out, T* dx) {
  chain(n, dout, out, dx, [=](auto d, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Gt(v, hn::Zero(d)), hn::Set(d, 1), hn::Set(d, slope));
  });
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// An exponential costs as much as ten additions, so chunks have fewer elements than in elementwise.cc. They begin at
// multiples of 64 elements, so that no two threads write to the same cache line.
constexpr Index kChunk = 8192;

// Calls use(i, length) for each chunk of n elements.
template <class Use>
void for_elements(Index n, const Use& use) {
  for_chunks(Chunks::even(n, kChunk, 64), use);
}

}  // namespace

template <class T>
void sigmoid(Index n, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(sigmoid<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, x + i, out + i); });
}
template <class T>
void sigmoid_backward(Index n, const T* dout, const T* out, T* dx) {
  const auto kernel = LAMINA_DISPATCH(sigmoid_backward<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, dout + i, out + i, dx + i); });
}
template <class T>
void tanh(Index n, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(tanh<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, x + i, out + i); });
}
template <class T>
void tanh_backward(Index n, const T* dout, const T* out, T* dx) {
  const auto kernel = LAMINA_DISPATCH(tanh_backward<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, dout + i, out + i, dx + i); });
}
template <class T>
void silu(Index n, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(silu<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, x + i, out + i); });
}
template <class T>
void silu_backward(Index n, const T* dout, const T* x, T* dx) {
  const auto kernel = LAMINA_DISPATCH(silu_backward<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, dout + i, x + i, dx + i); });
}
template <class T>
void elu(Index n, T alpha, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(elu<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, alpha, x + i, out + i); });
}
template <class T>
void elu_backward(Index n, T alpha, const T* dout, const T* out, T* dx) {
  const auto kernel = LAMINA_DISPATCH(elu_backward<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, alpha, dout + i, out + i, dx + i); });
}
template <class T>
void leaky_relu(Index n, T slope, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(leaky_relu<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, slope, x + i, out + i); });
}
template <class T>
void leaky_relu_backward(Index n, T slope, const T* dout, const T* out, T* dx) {
  const auto kernel = LAMINA_DISPATCH(leaky_relu_backward<T>);
  for_elements(n, [=](Index i, Index length) { kernel(length, slope, dout + i, out + i, dx + i); });
}

LAMINA_FLOAT_AND_DOUBLE(sigmoid);
LAMINA_FLOAT_AND_DOUBLE(sigmoid_backward);
LAMINA_FLOAT_AND_DOUBLE(tanh);
LAMINA_FLOAT_AND_DOUBLE(tanh_backward);
LAMINA_FLOAT_AND_DOUBLE(silu);
LAMINA_FLOAT_AND_DOUBLE(silu_backward);
LAMINA_FLOAT_AND_DOUBLE(elu);
LAMINA_FLOAT_AND_DOUBLE(elu_backward);
LAMINA_FLOAT_AND_DOUBLE(leaky_relu);
LAMINA_FLOAT_AND_DOUBLE(leaky_relu_backward);

}  // namespace lamina::kernels
#endif
