// The elementwise layers as types, for the tests that run over all of them.
#pragma once

#include <algorithm>
#include <cmath>

#include "lamina/layers/elu.h"
#include "lamina/layers/elu_naive.h"
#include "lamina/layers/gelu.h"
#include "lamina/layers/gelu_naive.h"
#include "lamina/layers/leaky_relu.h"
#include "lamina/layers/leaky_relu_naive.h"
#include "lamina/layers/relu.h"
#include "lamina/layers/relu_naive.h"
#include "lamina/layers/sigmoid.h"
#include "lamina/layers/sigmoid_naive.h"
#include "lamina/layers/silu.h"
#include "lamina/layers/silu_naive.h"
#include "lamina/layers/tanh.h"
#include "lamina/layers/tanh_naive.h"

namespace lamina::testing {

template <class T>
using View = const TensorView<T>&;

/// What holds for a layer unless it says otherwise.
struct ElementwiseLayer {
  static constexpr bool kExact = false;   ///< whether it gives the specification's bits
  static constexpr bool kKeepsX = false;  ///< whether its cache views x, so that `out` must not be the tensor of x
  /// The errors that are allowed for an element x: kOut out_scale(x, out) epsilon, and kDx |dout| dx_scale(x) epsilon.
  static constexpr double kOut = 0, kDx = 0;
  static double out_scale(double, double out) { return std::abs(out); }
  static double dx_scale(double) { return 1; }
};

// The passes of a layer by one name for all: in given tensors, in new ones, and the specification's. The layer's
// options follow its cache.
#define LAMINA_PASSES(layer, LayerCache, ...)                                \
  static constexpr const char* kName = #layer;                               \
  template <class T>                                                         \
  using Cache = LayerCache<T>;                                               \
  template <class T>                                                         \
  static void forward(View<T> x, Tensor<T>& out, Cache<T>& cache) {          \
    layer##_forward(x __VA_OPT__(, ) __VA_ARGS__, out, cache);               \
  }                                                                          \
  template <class T>                                                         \
  static void backward(View<T> dout, const Cache<T>& cache, Tensor<T>& dx) { \
    layer##_backward(dout, cache, dx);                                       \
  }                                                                          \
  template <class T>                                                         \
  static auto fresh(View<T> x) {                                             \
    return layer##_forward(x __VA_OPT__(, ) __VA_ARGS__);                    \
  }                                                                          \
  template <class T>                                                         \
  static Tensor<T> gradient(View<T> dout, const Cache<T>& cache) {           \
    return layer##_backward(dout, cache);                                    \
  }                                                                          \
  template <class T>                                                         \
  static Tensor<T> naive_forward(View<T> x) {                                \
    return naive::layer##_forward(x __VA_OPT__(, ) __VA_ARGS__);             \
  }                                                                          \
  template <class T>                                                         \
  static Tensor<T> naive_backward(View<T> dout, View<T> x) {                 \
    return naive::layer##_backward(dout, x __VA_OPT__(, ) __VA_ARGS__);      \
  }

struct ReluLayer : ElementwiseLayer {
  static constexpr bool kExact = true;
  LAMINA_PASSES(relu, ReluCache)
};

template <int percent>
struct LeakyReluLayer : ElementwiseLayer {
  static constexpr bool kExact = true;
  LAMINA_PASSES(leaky_relu, LeakyReluCache, percent / 100.0)
};

struct SigmoidLayer : ElementwiseLayer {
  static constexpr double kOut = 4, kDx = 3;
  static double dx_scale(double x) { return 1 / (1 + std::exp(-x)); }
  LAMINA_PASSES(sigmoid, SigmoidCache)
};

struct TanhLayer : ElementwiseLayer {
  static constexpr double kOut = 4, kDx = 8;
  LAMINA_PASSES(tanh, TanhCache)
};

struct SiluLayer : ElementwiseLayer {
  static constexpr bool kKeepsX = true;
  static constexpr double kOut = 4, kDx = 4;
  LAMINA_PASSES(silu, SiluCache)
};

template <int percent>
struct EluLayer : ElementwiseLayer {
  static constexpr double kOut = 4, kDx = 4;
  static double dx_scale(double) { return std::max(1.0, percent / 100.0); }
  LAMINA_PASSES(elu, EluCache, percent / 100.0)
};

struct GeluLayer : ElementwiseLayer {
  static constexpr bool kKeepsX = true;
  static constexpr double kOut = 7, kDx = 4;
  LAMINA_PASSES(gelu, GeluCache, GeluForm::exact)
};

struct GeluTanhLayer : ElementwiseLayer {
  static constexpr bool kKeepsX = true;
  static constexpr double kOut = 4, kDx = 6;
  static double out_scale(double x, double) { return std::abs(x); }  // the specification's 1 + tanh loses digits
  LAMINA_PASSES(gelu, GeluCache, GeluForm::tanh)
};

#undef LAMINA_PASSES

}  // namespace lamina::testing
