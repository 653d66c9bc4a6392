// How kernels divide work into chunks for parallel_for.
#pragma once

#include <algorithm>
#include <type_traits>

#include "lamina/kernels/machine/parallel.h"

namespace lamina::kernels {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
constexpr Index round_up(Index a, Index b) { return ceil_div(a, b) * b; }

/// A range of `items` elements, rows or images, divided into chunks of `size`; the last chunk may be smaller. If each
/// chunk yields a partial sum, `size` must not depend on the number of threads.
struct Chunks {
  Index items, size;

  /// Chunks of about `elements` elements, if an item holds `each` of them. A chunk has at least one item.
  static Chunks about(Index elements, Index items, Index each) {
    return {items, std::max<Index>(1, elements / std::max<Index>(1, each))};
  }
  /// The fewest chunks of at most `most` items, all of the same size except the last. The size is rounded up to a
  /// multiple of `step`.
  static Chunks even(Index items, Index most, Index step = 1) {
    const Index fewest = std::max<Index>(1, ceil_div(items, most));
    return {items, std::max<Index>(1, round_up(ceil_div(items, fewest), step))};
  }

  Index count() const { return ceil_div(items, size); }
  Index first(Index chunk) const { return chunk * size; }
  Index length(Index chunk) const { return std::min(size, items - first(chunk)); }
};

/// Calls body(first, length), or body(chunk, first, length), for every chunk, on any thread and in any order.
template <class Body>
void for_chunks(const Chunks& chunks, Body&& body) {
  parallel_for(chunks.count(), [&](Index chunk) {
    if constexpr (std::is_invocable_v<Body, Index, Index, Index>)
      body(chunk, chunks.first(chunk), chunks.length(chunk));
    else
      body(chunks.first(chunk), chunks.length(chunk));
  });
}

/// Calls body(first, length, first_across, length_across) for every pair of a chunk of `chunks` and one of `across`, on
/// any thread and in any order. Consecutive pairs, which tend to run on one thread, share the chunk of `across`.
template <class Body>
void for_grid(const Chunks& chunks, const Chunks& across, Body&& body) {
  const Index count = chunks.count();
  parallel_for(count * across.count(), [&](Index at) {
    const Index chunk = at % count, other = at / count;
    body(chunks.first(chunk), chunks.length(chunk), across.first(other), across.length(other));
  });
}

}  // namespace lamina::kernels
