// A data set in one .npz file, as NumPy's savez writes the dictionary of the course's get_CIFAR10_data.
#pragma once

#include <filesystem>

#include "lamina/data/dataset.h"

namespace lamina {

/// Whether `path` is a file whose name ends in .npz.
bool is_npz(const std::filesystem::path& path);

/// The arrays X_train, y_train, X_val, y_val, X_test and y_test of the file; others are ignored. X are uint8, float32
/// or float64, all three of one type, of shape (N, C, H, W), (N, H, W) for grey images, or (N, D), which becomes (N, D,
/// 1, 1). Floating-point X are used as they are; from bytes the mean over X_train is subtracted, as in every other set.
/// y are N labels, int64 or uint8, from 0 on; the classes are named by their numbers, up to the largest label. Or they
/// are numbers to predict: of shape (N, K), or (N) of float32 or float64, which becomes (N, 1); these are named by
/// their numbers too, from 0 on. w_train, w_val and w_test (N), which may be left out, are the weights of the examples,
/// of float32 or float64. Throws std::runtime_error with one line that names the array which is missing or does not
/// fit.
Dataset load_npz(const std::filesystem::path& path);

}  // namespace lamina
