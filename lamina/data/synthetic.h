// A set of ten classes made from a seed: for tests and for trying out where no data is at hand.
#pragma once

#include "lamina/data/dataset.h"

namespace lamina {

/// Images (N, 3, 32, 32) of coloured stripes in noise. The class decides the direction of the stripes and leans the
/// colour; phase, width, contrast, brightness and the noise vary. Draws from a RandomState of its own, so a run's
/// stream is not touched; the same arguments give the same bytes. Split as every set (validation 1,000); throws
/// std::invalid_argument for fewer than 1,000 training or 1 test images.
Dataset synthetic_dataset(std::uint32_t seed = 0, Index num_train = 10000, Index num_test = 1000);

}  // namespace lamina
