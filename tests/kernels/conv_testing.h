// What the tests of convolution kernels share: hostile sizes and plain sums.
#pragma once

#include <string>

#include "lamina/kernels/convolution/conv.h"
#include "tests/layers/layer_testing.h"

namespace lamina::testing {

/// `any`: with dilation and with strides that differ along height and width, which Winograd's algorithm does not take.
inline kernels::ConvShape random_conv_shape(RandomState& random, int i, bool any = false) {
  kernels::ConvShape s{};
  s.N = 1 + random.randint(i % 10 == 0 ? 12 : 3);
  s.H = 1 + random.randint(13);
  s.W = 1 + random.randint(i % 7 == 0 ? 30 : 9);
  s.C = i % 3 == 0 ? random_length(random, 35) : 1 + random.randint(4);
  s.F = i % 4 == 0 ? random_length(random, 70) : 1 + random.randint(9);
  s.stride = 1 + random.randint(4);
  s.pad = random.randint(i % 9 == 0 ? 12 : 4);
  if (i % 2) s.pad.w = random.randint(6);
  s.HH = 1 + random.randint(std::min<Index>(7, s.H + 2 * s.pad.h));
  s.WW = 1 + random.randint(std::min<Index>(7, s.W + 2 * s.pad.w));
  const auto dilation = [&](Index padded, Index taps) {  // at most as much as fits
    return taps == 1 ? 1 : 1 + random.randint(std::min<Index>(6, (padded - 1) / (taps - 1)));
  };
  if (any && i % 5 != 0) s.stride.w = 1 + random.randint(4);
  if (any && i % 3 != 0) s.dilation = {dilation(s.H + 2 * s.pad.h, s.HH), dilation(s.W + 2 * s.pad.w, s.WW)};
  s.OH = 1 + (s.H + 2 * s.pad.h - (s.HH - 1) * s.dilation.h - 1) / s.stride.h;
  s.OW = 1 + (s.W + 2 * s.pad.w - (s.WW - 1) * s.dilation.w - 1) / s.stride.w;
  return s;
}

// Sums and sums of absolute values.
struct Sums {
  explicit Sums(const Shape& shape) : sum(shape), norm(shape) {}
  void add(Index i, double term) {
    sum[i] += term;
    norm[i] += std::abs(term);
  }
  template <class T>
  void expect(const Tensor<T>& got, const char* name) const {
    for (Index i = 0; i < got.size(); ++i)
      ASSERT_NEAR(static_cast<double>(got[i]), sum[i], 4 * norm[i] * std::numeric_limits<T>::epsilon())
          << name << " at " << i;
  }
  Tensor<double> sum, norm;
};

inline std::string describe(const kernels::ConvShape& s) {
  std::string text;
  const auto add = [&](const char* name, Index value) {
    text += std::string(name) + " " + std::to_string(value) + " ";
  };
  add("N", s.N);
  add("H", s.H);
  add("W", s.W);
  add("C", s.C);
  add("F", s.F);
  add("HH", s.HH);
  add("WW", s.WW);
  return text + "stride " + s.stride.to_string() + " pad " + s.pad.to_string() + " dilation " + s.dilation.to_string();
}

/// out, dx, dw and db in double, by the definition, of channels-last x and dout.
struct ConvSums {
  template <class T>
  ConvSums(const kernels::ConvShape& s, const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b,
           const Tensor<T>& dout)
      : out(dout.shape()), dx(x.shape()), dw(w.shape()), db(b.shape()) {
    for (Index o = 0; o < dout.size(); ++o) {
      const Index f = o % s.F, j = o / s.F % s.OW, row = o / s.F / s.OW % s.OH, n = o / s.F / s.OW / s.OH;
      out.add(o, static_cast<double>(b[f]));
      db.add(f, static_cast<double>(dout[o]));
      for (Index p = 0; p < s.HH; ++p)
        for (Index q = 0; q < s.WW; ++q) {
          const Index h = row * s.stride.h - s.pad.h + p * s.dilation.h;
          const Index v = j * s.stride.w - s.pad.w + q * s.dilation.w;
          if (h < 0 || h >= s.H || v < 0 || v >= s.W) continue;
          for (Index c = 0; c < s.C; ++c) {
            const Index xi = ((n * s.H + h) * s.W + v) * s.C + c, wi = ((f * s.C + c) * s.HH + p) * s.WW + q;
            const double xv = static_cast<double>(x[xi]), wv = static_cast<double>(w[wi]);
            out.add(o, xv * wv);
            dx.add(xi, static_cast<double>(dout[o]) * wv);
            dw.add(wi, static_cast<double>(dout[o]) * xv);
          }
        }
    }
  }
  Sums out, dx, dw, db;
};

}  // namespace lamina::testing
