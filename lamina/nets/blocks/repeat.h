// `repeat N ( ... )`: runs the blocks in parentheses N times in a row, each time with parameters of their own.
// Sequential unrolls it.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Repeat {
  static constexpr std::string_view kName = "repeat";
  Index times = 0;
  Blocks blocks = {};

  void visit(BlockVisitor& v) {
    v.number("times", times);
    v.blocks("", blocks);
  }
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
