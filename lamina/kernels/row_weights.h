// How much each row of a loss counts.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// The weights of the rows of a batch, whose loss is the weighted mean of theirs.
struct RowWeights {
  const double* each;  ///< null: all 1
  double total;        ///< their sum

  double of(Index row) const { return each ? each[row] : 1; }
  /// What the gradient of one row's loss is divided by: the number of rows if all weigh the same; infinite for a row
  /// that does not count.
  double divisor(Index row) const { return each ? total / each[row] : total; }
};

}  // namespace lamina::kernels
