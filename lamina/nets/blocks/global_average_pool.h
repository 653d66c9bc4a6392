// `global_average_pool`: the mean of each channel of an image.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct GlobalAveragePool {
  static constexpr std::string_view kName = "global_average_pool";

  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
