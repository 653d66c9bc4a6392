// A cache that outlives the tensors of its forward pass.
#pragma once

#include "lamina/tensor.h"

namespace lamina {

/// The cache of an elementwise layer together with a copy of the tensor that it views. The forward functions that
/// return new tensors return one of these, so that the caller may change or drop his tensors before the backward pass.
template <class Cache, class T>
class OwnedCache : public Cache {
 public:
  OwnedCache() = default;
  OwnedCache(OwnedCache&&) noexcept = default;  // moves the memory that is viewed; a copy would not
  OwnedCache& operator=(OwnedCache&&) noexcept = default;

  /// Copies what `view`, a member of Cache, views, and makes it a view of the copy.
  void own(TensorView<T> Cache::*view) {
    owned_ = Tensor<T>(this->*view);
    this->*view = owned_;
  }

 private:
  Tensor<T> owned_;
};

}  // namespace lamina
