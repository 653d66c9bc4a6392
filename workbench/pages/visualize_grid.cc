#include "workbench/pages/visualize_grid.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/layers/layout.h"

namespace lamina {

Tensor<double> visualize_grid(const TensorView<double>& Xs, double ubound, Index padding) {
  if (Xs.rank() != 4 || Xs.empty())
    fail("visualize_grid", "expected images of shape (N, H, W, C), none of them 0, got ", Xs.shape());
  if (padding < 0) fail("visualize_grid", "expected a padding of 0 or more, got ", padding);
  const Index N = Xs.dim(0), H = Xs.dim(1), W = Xs.dim(2), C = Xs.dim(3);
  Index side = 1;
  while (side * side < N) ++side;
  Tensor<double> grid(Shape{side * (H + padding) - padding, side * (W + padding) - padding, C});
  for (Index n = 0; n < N; ++n) {
    const TensorView<double> image = Xs.rows(n, 1);
    const auto [low, high] = std::minmax_element(image.begin(), image.end());
    const double range = *high - *low;
    const Index top = n / side * (H + padding), left = n % side * (W + padding);
    for (Index h = 0; h < H; ++h)
      for (Index w = 0; w < W; ++w)
        for (Index c = 0; c < C; ++c)
          grid(top + h, left + w, c) = range > 0 ? ubound * (image(0, h, w, c) - *low) / range : 0;
  }
  return grid;
}

Tensor<std::uint8_t> visualize_filters(const TensorView<double>& w) {
  Tensor<double> images;
  to_nhwc(w, images);
  const Tensor<double> grid = visualize_grid(images);
  Tensor<std::uint8_t> bytes(grid.shape());
  std::transform(grid.begin(), grid.end(), bytes.begin(), [](double v) { return static_cast<std::uint8_t>(v); });
  return bytes;
}

}  // namespace lamina
