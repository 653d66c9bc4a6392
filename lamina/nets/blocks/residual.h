// `residual ( ... ) [shortcut ( ... )]`: the sum of the outputs of two lists of blocks for the same x; without a second
// list, x itself is added (He, Zhang, Ren and Sun, 2016).
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Residual {
  static constexpr std::string_view kName = "residual";
  Blocks blocks = {};
  std::optional<Blocks> shortcut = {};

  void visit(BlockVisitor& v) {
    v.blocks("", blocks);
    v.blocks("shortcut", shortcut);
  }
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
