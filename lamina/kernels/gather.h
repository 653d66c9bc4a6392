// Mini-batches: chosen rows of a table, converted to the net's type in one pass.
#pragma once

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out[i][j] = T(double(bytes[rows[i]][j]) - mean[j]) for i < count, j < example: the subtraction in double, rounded
/// once to T. `rows` null: rows 0 .. count - 1. `mean` null: nothing is subtracted.
template <class T>
void gather_bytes(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean, T* out);

/// out[i][j] = To(numbers[rows[i]][j]) for i < count, j < example. `rows` null: rows 0 .. count - 1.
template <class From, class To>
void gather_numbers(Index count, Index example, const From* numbers, const Index* rows, To* out);

/// What gather_and_keep() does with a row: it comes from what was kept, or from the table and is kept, or neither.
enum class Keep : std::uint8_t { from_kept, make, none };

/// gather_numbers() with `kept`, a table of the same rows in float that is filled as they are asked for: out[i] and
/// kept[rows[i]] = float(numbers[rows[i]]) where how[i] is Keep::make, which no row may be twice in one call.
void gather_and_keep(Index count, Index example, const double* numbers, const Index* rows, const Keep* how, float* kept,
                     float* out);

/// How an image is moved: out[c][y][x] is the pixel (y + dy, x + dx) of the image, which is mirrored from left to right
/// before.
struct Move {
  bool mirror = false;
  std::int32_t dy = 0, dx = 0;  ///< pixels
};

/// The same for images (C, H, W), each moved: out[i][c][y][x] = T(double(byte) - mean[c][y][x]) of the moved image i; 0
/// where it has no pixel.
template <class T>
void gather_moved_bytes(Index count, Index C, Index H, Index W, const std::uint8_t* bytes, const Index* rows,
                        const Move* moves, const double* mean, T* out);
/// The same of numbers, without a mean.
template <class From, class To>
void gather_moved_numbers(Index count, Index C, Index H, Index W, const From* numbers, const Index* rows,
                          const Move* moves, To* out);

/// sums[j] = sum of bytes[i][j] over i < count: exact.
void sum_bytes(Index count, Index example, const std::uint8_t* bytes, std::uint64_t* sums);

}  // namespace lamina::kernels
