#include "lamina/kernels/activation.h"

#include <cstdint>
#include <iterator>

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

// Phi(-u) = e^(-u^2 / 2) P(t) / (1 + u) for u >= 0, where t = (u - k) / (u + k) goes from -1 to 1: the form of Shepherd
// and Laframboise, "Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity", Mathematics of
// Computation 36, 1981. P is the interpolating polynomial of (1 + u) e^(u^2 / 2) Phi(-u) at Chebyshev nodes in t, for u
// <= 14 in float and u <= 40 in double, beyond which the result is 0. It has a relative error below 2^-28 and 2^-57.
template <class T>
struct NormalTail;
template <>
struct NormalTail<float> {
  static constexpr int kCentre = 4;
  static constexpr float kP[] = {0.4720532065f,    -0.09670346799f,  0.01399962355f,   0.02860002623f,
                                 -0.03219762573f,  0.01793962901f,   -0.005003000057f, -0.0003011153126f,
                                 0.0006917958321f, -6.448406998e-5f, -7.341340565e-5f};
  static constexpr std::uint32_t kHighBits = ~std::uint32_t{0} << 12;
};
template <>
struct NormalTail<double> {
  static constexpr int kCentre = 6;
  static constexpr double kP[] = {
      0.453455200271127945,     -0.0850253623057707224,    0.0398114245624298218,    -0.00437338677959322544,
      -0.0161415173321973665,   0.0225924670627830158,     -0.0197664792199702885,   0.0132468641540121344,
      -0.00705981942106870707,  0.00293565551791461649,    -0.000868994665616747783, 0.000119489655717179587,
      0.0000377949016773717594, -0.0000263533935724090732, 4.41240454391289758e-6,   1.78381160229581246e-6,
      -9.99589852649191548e-7,  -4.29136582696614175e-10,  1.32367901589381673e-7,   -2.00278932782708465e-8,
      -1.56398649427466447e-8,  2.94263907527978882e-9,    1.5695921634584024e-9};
  static constexpr std::uint64_t kHighBits = ~std::uint64_t{0} << 27;
};

// e^(-u^2 / 2) for u >= 0. The rounding error of u^2 would be multiplied by u^2 / 2, so it is computed too, by Dekker's
// product: the square of u's upper half is exact.
template <class D, class V>
HWY_INLINE V bell(D d, V u) {
  const hn::RebindToUnsigned<D> bits;
  const V upper = hn::And(u, hn::BitCast(d, hn::Set(bits, NormalTail<hn::TFromD<D>>::kHighBits)));
  const V square = hn::Mul(u, u);
  const V error = hn::MulAdd(hn::Sub(u, upper), hn::Add(u, upper), hn::MulSub(upper, upper, square));
  const V half = hn::Set(d, 0.5f);
  return hn::Mul(hn::Exp(d, hn::Neg(hn::Mul(half, square))), hn::NegMulAdd(half, error, hn::Set(d, 1)));
}

struct GeluGate {
  static constexpr int kEnd = 40;
  template <class D, class V>
  static HWY_INLINE Gate<V> at(D d, V x) {
    using T = hn::TFromD<D>;
    using Tail = NormalTail<T>;
    const V u = hn::Abs(x), one = hn::Set(d, 1), k = hn::Set(d, Tail::kCentre), e = bell(d, u);
    const V t = hn::Div(hn::Sub(u, k), hn::Add(u, k));
    V p = hn::Zero(d);
    for (int i = static_cast<int>(std::size(Tail::kP)) - 1; i >= 0; --i) p = hn::MulAdd(p, t, hn::Set(d, Tail::kP[i]));
    const V tail = hn::Div(hn::Mul(e, p), hn::Add(one, u));
    const V density = hn::Mul(e, hn::Set(d, static_cast<T>(0.39894228040143267794)));  // 1 / sqrt(2 pi)
    return {hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)), hn::Mul(x, density)};
  }
};

struct GeluTanhGate {
  static constexpr int kEnd = 40;
  template <class D, class V>
  static HWY_INLINE Gate<V> at(D d, V x) {
    using T = hn::TFromD<D>;
    constexpr double kA = 1.59576912160573071176, kB = 0.044715 * kA;  // kA = 2 sqrt(2 / pi)
    const V a = hn::Set(d, static_cast<T>(kA)), b = hn::Set(d, static_cast<T>(kB)), square = hn::Mul(x, x);
    const auto s = logistic(d, hn::Mul(x, hn::MulAdd(b, square, a)));
    const V slope = hn::MulAdd(hn::Mul(hn::Set(d, 3), b), square, a);  // dv/dx
    return {s.of_x, hn::Mul(hn::Mul(x, slope), hn::Mul(s.of_x, s.of_minus_x))};
  }
};

template <class T>
void gelu(Index n, const T* x, T* out) {
  gated<GeluGate>(n, x, out);
}

template <class T>
void gelu_backward(Index n, const T* dout, const T* x, T* dx) {
  gated_backward<GeluGate>(n, dout, x, dx);
}

template <class T>
void gelu_tanh(Index n, const T* x, T* out) {
  gated<GeluTanhGate>(n, x, out);
}

template <class T>
void gelu_tanh_backward(Index n, const T* dout, const T* x, T* dx) {
  gated_backward<GeluTanhGate>(n, dout, x, dx);
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

// Calls the kernel for each chunk of n elements, with the addresses in these arrays where the chunk begins.
template <class Kernel, class... Arrays>
void for_elements(Index n, Kernel kernel, Arrays*... arrays) {
  for_chunks(Chunks::even(n, kChunk, 64), [=](Index i, Index length) { kernel(length, arrays + i...); });
}
// The same for a kernel that takes a number before them.
template <class Kernel, class T, class... Arrays>
void for_elements_with(Index n, Kernel kernel, T number, Arrays*... arrays) {
  for_chunks(Chunks::even(n, kChunk, 64), [=](Index i, Index length) { kernel(length, number, arrays + i...); });
}

}  // namespace

template <class T>
void sigmoid(Index n, const T* x, T* out) {
  for_elements(n, LAMINA_DISPATCH(sigmoid<T>), x, out);
}
template <class T>
void sigmoid_backward(Index n, const T* dout, const T* out, T* dx) {
  for_elements(n, LAMINA_DISPATCH(sigmoid_backward<T>), dout, out, dx);
}
template <class T>
void tanh(Index n, const T* x, T* out) {
  for_elements(n, LAMINA_DISPATCH(tanh<T>), x, out);
}
template <class T>
void tanh_backward(Index n, const T* dout, const T* out, T* dx) {
  for_elements(n, LAMINA_DISPATCH(tanh_backward<T>), dout, out, dx);
}
template <class T>
void silu(Index n, const T* x, T* out) {
  for_elements(n, LAMINA_DISPATCH(silu<T>), x, out);
}
template <class T>
void silu_backward(Index n, const T* dout, const T* x, T* dx) {
  for_elements(n, LAMINA_DISPATCH(silu_backward<T>), dout, x, dx);
}
template <class T>
void gelu(Index n, const T* x, T* out) {
  for_elements(n, LAMINA_DISPATCH(gelu<T>), x, out);
}
template <class T>
void gelu_backward(Index n, const T* dout, const T* x, T* dx) {
  for_elements(n, LAMINA_DISPATCH(gelu_backward<T>), dout, x, dx);
}
template <class T>
void gelu_tanh(Index n, const T* x, T* out) {
  for_elements(n, LAMINA_DISPATCH(gelu_tanh<T>), x, out);
}
template <class T>
void gelu_tanh_backward(Index n, const T* dout, const T* x, T* dx) {
  for_elements(n, LAMINA_DISPATCH(gelu_tanh_backward<T>), dout, x, dx);
}
template <class T>
void elu(Index n, T alpha, const T* x, T* out) {
  for_elements_with(n, LAMINA_DISPATCH(elu<T>), alpha, x, out);
}
template <class T>
void elu_backward(Index n, T alpha, const T* dout, const T* out, T* dx) {
  for_elements_with(n, LAMINA_DISPATCH(elu_backward<T>), alpha, dout, out, dx);
}
template <class T>
void leaky_relu(Index n, T slope, const T* x, T* out) {
  for_elements_with(n, LAMINA_DISPATCH(leaky_relu<T>), slope, x, out);
}
template <class T>
void leaky_relu_backward(Index n, T slope, const T* dout, const T* out, T* dx) {
  for_elements_with(n, LAMINA_DISPATCH(leaky_relu_backward<T>), slope, dout, out, dx);
}

LAMINA_FLOAT_AND_DOUBLE(sigmoid);
LAMINA_FLOAT_AND_DOUBLE(sigmoid_backward);
LAMINA_FLOAT_AND_DOUBLE(tanh);
LAMINA_FLOAT_AND_DOUBLE(tanh_backward);
LAMINA_FLOAT_AND_DOUBLE(silu);
LAMINA_FLOAT_AND_DOUBLE(silu_backward);
LAMINA_FLOAT_AND_DOUBLE(gelu);
LAMINA_FLOAT_AND_DOUBLE(gelu_backward);
LAMINA_FLOAT_AND_DOUBLE(gelu_tanh);
LAMINA_FLOAT_AND_DOUBLE(gelu_tanh_backward);
LAMINA_FLOAT_AND_DOUBLE(elu);
LAMINA_FLOAT_AND_DOUBLE(elu_backward);
LAMINA_FLOAT_AND_DOUBLE(leaky_relu);
LAMINA_FLOAT_AND_DOUBLE(leaky_relu_backward);

}  // namespace lamina::kernels
#endif
