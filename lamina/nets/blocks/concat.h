// `concat ( ... ) ( ... ) ...`: what several lists of blocks make of x, side by side: along the channels of images (as
// Szegedy et al., 2015), or one vector behind the other.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Concat {
  static constexpr std::string_view kName = "concat";
  std::vector<Blocks> branches = {};  ///< two or more

  void visit(BlockVisitor& v) { v.branches(branches); }
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
