// Scratch memory of kernels: one buffer per thread and slot, which only grows, so that a steady training step allocates
// nothing.
#pragma once

#include <type_traits>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// `count` elements, aligned to 64 bytes, in the calling thread's buffer for `Slot`, a type that serves as a name. The
/// content is unspecified. Valid until the same thread asks for the same slot again.
template <class Slot, class T>
T* workspace(Index count) {
  thread_local Tensor<T> buffer;
  if (buffer.size() < count) buffer.resize(Shape{count});
  return buffer.data();
}

}  // namespace lamina::kernels
