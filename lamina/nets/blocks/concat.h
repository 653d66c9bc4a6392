// `concat ( ... ) ( ... ) ...`: the outputs of several lists of blocks for the same x, concatenated: images along their
// channels (Szegedy et al., 2015), vectors end to end.
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
