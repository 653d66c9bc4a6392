// `silu`: x / (1 + e^-x), also called swish, elementwise.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Silu {
  static constexpr std::string_view kName = "silu";

  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
