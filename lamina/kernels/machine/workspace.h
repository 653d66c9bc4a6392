// Scratch memory of kernels: one growing buffer a thread and slot, so that a steady training step allocates nothing.
#pragma once

#include <type_traits>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// `count` elements, aligned to 64 bytes, of the calling thread's slot named by the type `Slot`; unspecified
/// content, valid until the same thread asks for the same slot again.
template <class Slot, class T>
T* workspace(Index count) {
  thread_local Tensor<T> buffer;
  if (buffer.size() < count) buffer.resize(Shape{count});
  return buffer.data();
}

}  // namespace lamina::kernels
