// Mini-batches: chosen rows of a table, converted to the net's type in one pass over memory.
#pragma once

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out[i][j] = T(double(bytes[rows[i]][j]) - mean[j]) for i < count, j < example: subtracted in double, then rounded to
/// T once. Where `rows` is null, the rows are 0 .. count - 1; where `mean` is null, nothing is subtracted.
template <class T>
void gather_bytes(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean, T* out);

/// out[i][j] = To(numbers[rows[i]][j]) for i < count, j < example. Where `rows` is null, the rows are 0 .. count - 1.
template <class From, class To>
void gather_numbers(Index count, Index example, const From* numbers, const Index* rows, To* out);

/// What gather_and_keep() does with a row: take it from what was kept; convert it and keep the result; convert it only.
enum class Keep : std::uint8_t { from_kept, make, none };

/// gather_numbers() with `kept`, a table of the same rows in float that fills up as rows are asked for. Where how[i] is
/// Keep::make, both out[i] and kept[rows[i]] become float(numbers[rows[i]]); no row may be made twice in one call.
void gather_and_keep(Index count, Index example, const double* numbers, const Index* rows, const Keep* how, float* kept,
                     float* out);

/// How an image is moved: it is first mirrored from left to right, or not; then out[c][y][x] is its pixel (y + dy,
/// x + dx).
struct Move {
  bool mirror = false;
  std::int32_t dy = 0, dx = 0;  ///< pixels
};

/// gather_bytes() of images (C, H, W), of which each is moved: out[i][c][y][x] = T(double(byte) - mean[c][y][x]), where
/// `byte` is the moved image's pixel; 0 where it has none there.
template <class T>
void gather_moved_bytes(Index count, Index C, Index H, Index W, const std::uint8_t* bytes, const Index* rows,
                        const Move* moves, const double* mean, T* out);
/// gather_numbers() of images, moved likewise.
template <class From, class To>
void gather_moved_numbers(Index count, Index C, Index H, Index W, const From* numbers, const Index* rows,
                          const Move* moves, To* out);

/// sums[j] = sum of bytes[i][j] over i < count: exact.
void sum_bytes(Index count, Index example, const std::uint8_t* bytes, std::uint64_t* sums);

}  // namespace lamina::kernels
