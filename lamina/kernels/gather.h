// Gathering mini-batches: chosen rows of a table, converted to the net's type in one pass over memory.
#pragma once

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out[i][j] = T(double(bytes[rows[i]][j]) - mean[j]) for i < count, j < example: subtracted in double, then rounded to
/// T once. If `rows` is null, the rows are 0 .. count - 1; if `mean` is null, nothing is subtracted.
template <class T>
void gather_bytes(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean, T* out);

/// out[i][j] = To(numbers[rows[i]][j]) for i < count, j < example. If `rows` is null, the rows are 0 .. count - 1.
template <class From, class To>
void gather_numbers(Index count, Index example, const From* numbers, const Index* rows, To* out);

/// What gather_and_keep() does with a row: copy it from `kept`; convert it and keep the result; or only convert it.
enum class Keep : std::uint8_t { from_kept, make, none };

/// gather_numbers() with a cache: `kept` is a table of the same rows in float, filled as rows are requested. If how[i]
/// is Keep::make, both out[i] and kept[rows[i]] become float(numbers[rows[i]]); no row may be made twice in one call.
void gather_and_keep(Index count, Index example, const double* numbers, const Index* rows, const Keep* how, float* kept,
                     float* out);

/// How an image is moved: it is mirrored from left to right if `mirror`, and then shifted, so that out[c][y][x] is
/// pixel (y + dy, x + dx). Outside the image there are no pixels or, if `reflect`, those of its reflection, which does
/// not repeat the border: ... 2 1 0 1 2 ...
struct Move {
  bool mirror = false;
  std::int32_t dy = 0, dx = 0;  ///< pixels
  bool reflect = false;
  std::int32_t hole_y = 0, hole_x = 0, hole = 0;  ///< a square of `hole` pixels from there on is cut out of the result
  /// A byte p becomes q = min(255, brightness p), and then m + contrast (q - m), limited to 0 .. 255, where m is the
  /// mean of q over the whole image, all channels together.
  double brightness = 1, contrast = 1;

  bool recolours() const { return brightness != 1 || contrast != 1; }
};

/// gather_bytes() of images (C, H, W), each moved by moves[i]: out[i][c][y][x] = T(double(byte) - mean[c][y][x]), where
/// `byte` is the pixel of the moved image, and 0 where there is no pixel or a hole.
template <class T>
void gather_moved_bytes(Index count, Index C, Index H, Index W, const std::uint8_t* bytes, const Index* rows,
                        const Move* moves, const double* mean, T* out);
/// gather_numbers() of images, moved likewise, but never recoloured.
template <class From, class To>
void gather_moved_numbers(Index count, Index C, Index H, Index W, const From* numbers, const Index* rows,
                          const Move* moves, To* out);

/// sums[j] = the exact sum of bytes[i][j] over i < count.
void sum_bytes(Index count, Index example, const std::uint8_t* bytes, std::uint64_t* sums);

}  // namespace lamina::kernels
