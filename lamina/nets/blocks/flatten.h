// `flatten`: images (C, H, W) become vectors of their C H W values, in that order.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Flatten {
  static constexpr std::string_view kName = "flatten";

  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
