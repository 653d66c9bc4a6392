// Many small images in one: the notebooks' picture of the first layer's filters.
#pragma once

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina {

/// The images Xs (N, H, W, C) in a square grid of ceil(sqrt(N)) rows, with `padding` zeros between them: of shape
/// (rows H + (rows - 1) padding, the same for W, C). Each image's minimum and maximum are scaled to 0 and ubound; a
/// constant image becomes 0. Throws std::invalid_argument for no images, empty ones or a negative padding.
Tensor<double> visualize_grid(const TensorView<double>& Xs, double ubound = 255, Index padding = 1);

/// Filters w (F, C, HH, WW) as a grid of bytes, (rows, columns, C): what plt.imshow shows of
/// `visualize_grid(w.transpose(0, 2, 3, 1)).astype('uint8')`.
Tensor<std::uint8_t> visualize_filters(const TensorView<double>& w);

}  // namespace lamina
