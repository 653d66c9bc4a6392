// How kernels that reduce the columns of a matrix divide it into blocks of rows, by its size alone. A narrow matrix is
// folded: `fold` adjacent rows count as one wide row, so that they fill vectors.
#pragma once

#include <algorithm>

#include "lamina/kernels/machine/chunks.h"

namespace lamina::kernels {

/// `rows` rows of `width` elements, `stride` elements apart, and the first `tail` elements of one more row.
struct ColumnBlock {
  Index offset;  ///< the position of its first element in the matrix
  Index column;  ///< and in a wide row
  Index rows, width, stride, tail;
  /// The number of elements in column j of the block.
  Index count(Index j) const { return rows + (j < tail ? 1 : 0); }
};

class ColumnBlocks {
 public:
  ColumnBlocks(Index rows, Index columns)
      : size_(rows * columns),
        fold_(columns < kWide ? ceil_div(kWide, columns) : 1),
        stride_(columns * fold_),
        across_{stride_, std::min(stride_, kMaxWidth)},
        // Blocks of the same height, so that threads have equal work.
        down_(Chunks::even(size_ / stride_, std::max<Index>(kMinHeight, kElements / across_.size))) {}

  Index count() const { return across() * down(); }
  Index fold() const { return fold_; }
  /// The elements of a wide row: fold() elements of each column.
  Index stride() const { return stride_; }
  /// The number of blocks side by side, and one above the other: block b is above block b + across().
  Index across() const { return across_.count(); }
  Index down() const { return std::max<Index>(1, down_.count()); }

  ColumnBlock block(Index b) const {
    const Index up = b / across(), side = b % across(), column = across_.first(side), first = down_.first(up);
    // Only a folded matrix can end within a wide row, and then it is one block across.
    const Index tail = up == down() - 1 ? size_ - size_ / stride_ * stride_ : 0;
    return {first * stride_ + column, column, down_.length(up), across_.length(side), stride_, tail};
  }

 private:
  static constexpr Index kWide = 96, kMaxWidth = 1024, kMinHeight = 16, kElements = 16384;

  Index size_, fold_, stride_;
  Chunks across_, down_;  // of columns, of wide rows
};

}  // namespace lamina::kernels
