// `elu [alpha X]`: x where x > 0, else X (e^x - 1), elementwise; the default X is 1.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct Elu {
  static constexpr std::string_view kName = "elu";
  double alpha = 1;

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
