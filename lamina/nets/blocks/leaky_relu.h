// `leaky_relu [SLOPE]`: x where x > 0, else SLOPE x, elementwise.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct LeakyRelu {
  static constexpr std::string_view kName = "leaky_relu";
  double slope = 0.01;

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
