// A data set of ten classes that is made from a seed, for tests and for trying lamina without data.
#pragma once

#include "lamina/data/dataset.h"

namespace lamina {

/// Images (N, 3, 32, 32) of coloured stripes in noise. The class decides the direction of the stripes and shifts their
/// colour; phase, width, contrast, brightness and noise vary. The draws come from a RandomState of its own, so a run's
/// stream is not touched, and the same arguments give the same bytes. The splits are those of split_dataset, with 1,000
/// images for validation. Throws std::invalid_argument for fewer than 1,000 training images or fewer than 1 test image.
Dataset synthetic_dataset(std::uint32_t seed = 0, Index num_train = 10000, Index num_test = 1000);

}  // namespace lamina
