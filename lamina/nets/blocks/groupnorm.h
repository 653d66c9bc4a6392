// `groupnorm G [eps X] [init zeros]`: group normalization of the channels of images, in G groups.
#pragma once

#include "lamina/nets/block.h"

namespace lamina {

struct GroupNorm {
  static constexpr std::string_view kName = "groupnorm";
  Index groups = 0;  ///< G, which divides the number of channels
  double eps = 1e-5;
  bool init_zeros = false;  ///< gamma is 0 at first, as in the last normalization of a residual block
  UpdateFactors update = {};

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

}  // namespace lamina
