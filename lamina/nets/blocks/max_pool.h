// `max_pool K [stride S]`: the maximum of each K x K window; the default stride is K.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct MaxPool {
  static constexpr std::string_view kName = "max_pool";
  Index size = 0;                    ///< K, the side of a window
  std::optional<Index> stride = {};  ///< S; K by default

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
