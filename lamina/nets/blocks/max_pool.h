// `max_pool K [stride S]`: the maximum of K x K windows, stride K unless said.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct MaxPool {
  static constexpr std::string_view kName = "max_pool";
  Index size = 0;                    ///< K, the side of a window
  std::optional<Index> stride = {};  ///< S; K unless given

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
