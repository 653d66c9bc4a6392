// How kernels that work down the columns of a matrix cut it: into blocks of a few rows, fixed by the sizes alone.
// Narrow matrices are folded: `fold` rows side by side count as one wide row, so that vectors are full.
#pragma once

#include <algorithm>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// `rows` rows of `width` elements, `stride` apart, and after them the first `tail` elements of one more.
struct ColumnBlock {
  Index offset;  ///< of its first element in the matrix
  Index column;  ///< of its first element
  Index rows, width, stride, tail;
  /// Rows of column j of the block.
  Index count(Index j) const { return rows + (j < tail ? 1 : 0); }
};

class ColumnBlocks {
 public:
  ColumnBlocks(Index rows, Index columns)
      : size_(rows * columns), fold_(columns < kWide ? (kWide + columns - 1) / columns : 1) {
    stride_ = columns * fold_;
    width_ = std::min(stride_, kMaxWidth);
    across_ = (stride_ + width_ - 1) / width_;
    wide_rows_ = size_ / stride_;
    const Index most = std::max<Index>(kMinHeight, kElements / width_);
    down_ = std::max<Index>(1, (wide_rows_ + most - 1) / most);
    height_ = std::max<Index>(1, (wide_rows_ + down_ - 1) / down_);  // blocks of one size, a thread's share each
  }

  Index count() const { return across_ * down_; }
  Index fold() const { return fold_; }
  /// Elements of a wide row: fold() copies of what belongs to a column.
  Index stride() const { return stride_; }
  /// Blocks that lie above each other; block b and b + across() do.
  Index across() const { return across_; }
  Index down() const { return down_; }

  ColumnBlock block(Index b) const {
    const Index up = b / across_, column = b % across_ * width_;
    const Index first = up * height_, last = std::min(first + height_, wide_rows_);
    // Only a folded matrix has an unfinished wide row, and that is one block across.
    const Index tail = up == down_ - 1 ? size_ - wide_rows_ * stride_ : 0;
    return {first * stride_ + column, column, last - first, std::min(width_, stride_ - column), stride_, tail};
  }

 private:
  static constexpr Index kWide = 96, kMaxWidth = 1024, kMinHeight = 16, kElements = 16384;

  Index size_, fold_;
  Index stride_, width_, across_, wide_rows_, height_, down_;
};

}  // namespace lamina::kernels
