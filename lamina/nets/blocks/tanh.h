// `tanh`: the hyperbolic tangent, elementwise.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Tanh {
  static constexpr std::string_view kName = "tanh";

  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
