// `average_pool K [stride S] [pad P] [exclude_pad]`: the mean of each K x K window; the default stride is K. P zeros on
// each side of the image belong to its windows, but do not count in their means with `exclude_pad`.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct AveragePool {
  static constexpr std::string_view kName = "average_pool";
  Index size = 0;                    ///< K, the side of a window
  std::optional<Index> stride = {};  ///< S; K by default
  std::optional<Index> pad = {};     ///< P, at most K / 2; 0 by default
  bool exclude_pad = false;          ///< whether the mean is over the pixels of the image alone

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
