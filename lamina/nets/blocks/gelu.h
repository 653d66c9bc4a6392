// `gelu [tanh]`: x Phi(x) with the normal distribution Phi, elementwise; `tanh` approximates it.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Gelu {
  static constexpr std::string_view kName = "gelu";
  bool tanh = false;

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
