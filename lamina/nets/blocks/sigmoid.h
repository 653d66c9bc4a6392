// `sigmoid`: 1 / (1 + e^-x), elementwise.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Sigmoid {
  static constexpr std::string_view kName = "sigmoid";

  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
