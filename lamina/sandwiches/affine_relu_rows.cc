#include "lamina/sandwiches/affine_relu_rows.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/threads.h"
#include "lamina/kernels/products/gemm.h"

namespace lamina {
namespace {

constexpr Index kLeast = 1 << 18;  // multiply-adds of the largest product: those of less are made by one thread
constexpr Index kLeastRows = 8;    // for a thread
constexpr Index kMostThreads = 4;  // as a thread's rows take all weights through its cache

template <class T>
void check_links(std::string_view where, const TensorView<T>& x, std::span<const AffineLink<T>> links, bool backward) {
  if (x.rank() != 2) fail(where, "expected x of shape (N, D), got ", x.shape());
  if (links.empty()) fail(where, "expected one link or more, got none");
  Index D = x.dim(1);
  for (const AffineLink<T>& link : links) {
    if (link.w.rank() != 2 || link.w.dim(0) != D)
      fail(where, "expected w of shape (", D, ", M) to match what comes before, got ", link.w.shape());
    const Index M = link.w.dim(1);
    check_shape(where, "b", link.b.shape(), {M}, "w");
    check_shape(where, "out", link.out.shape(), {x.dim(0), M}, "x and w");
    if (backward) {
      check_shape(where, "da", link.da.shape(), {x.dim(0), M}, "out");
      check_shape(where, "dw", link.dw.shape(), link.w.shape(), "w");
      check_shape(where, "db", link.db.shape(), {M}, "b");
    }
    D = M;
  }
}

Index threads_in_use() { return std::min<Index>(kernels::num_threads(), kMostThreads); }

// The part of 0 .. n - 1 that is a thread's.
struct Part {
  Index first, count;
};
Part part_of(Index n, Index thread, Index threads) {
  const Index first = n * thread / threads;
  return {first, n * (thread + 1) / threads - first};
}

}  // namespace

template <class T>
bool worth_rows(Index N, std::span<const AffineLink<T>> links) {
  const Index threads = threads_in_use();
  if (links.size() < 2 || threads < 2 || kernels::works_alone() || N < threads * kLeastRows) return false;
  Index largest = 0;
  for (const AffineLink<T>& link : links) {
    if (link.w.rank() != 2) return false;
    const Index D = link.w.dim(0), M = link.w.dim(1);
    if (!kernels::rows_stand_alone(N, M, D) || !kernels::rows_stand_alone(N, D, M)) return false;
    largest = std::max(largest, N * D * M);
  }
  return largest >= kLeast;
}

template <class T>
void affine_relu_rows_forward(const TensorView<T>& x, std::span<const AffineLink<T>> links) {
  check_links("affine_relu_rows_forward", x, links, false);
  const Index threads = threads_in_use();
  kernels::parallel_for(threads, [&](Index thread) {
    const auto [first, count] = part_of(x.dim(0), thread, threads);
    const T* in = x.data() + first * x.dim(1);
    std::size_t left = links.size();
    for (AffineLink<T> link : links) {
      const Index D = link.w.dim(0), M = link.w.dim(1);
      T* out = link.out.data() + first * M;
      kernels::gemm<T>(false, false, count, M, D, in, D, link.w.data(), M, out, M, link.b.data(), --left > 0);
      in = out;
    }
  });
}

template <class T>
void affine_relu_rows_backward(const TensorView<T>& x, std::span<const AffineLink<T>> links, TensorView<T> dx) {
  constexpr std::string_view where = "affine_relu_rows_backward";
  check_links(where, x, links, true);
  check_shape(where, "dx", dx.shape(), x.shape(), "x");
  const Index N = x.dim(0), threads = threads_in_use();
  kernels::parallel_for(threads, [&](Index thread) {
    const auto [first, count] = part_of(N, thread, threads);
    for (std::size_t i = links.size(); i-- > 0;) {
      const AffineLink<T>& link = links[i];
      const Index D = link.w.dim(0), M = link.w.dim(1);
      TensorView<T> before = i > 0 ? links[i - 1].da : dx;
      T* to = before.data() + first * D;
      kernels::gemm<T>(false, true, count, D, M, link.da.data() + first * M, M, link.w.data(), M, to, D, nullptr,
                       false);
      if (i > 0) kernels::relu_backward(count * D, to, links[i - 1].out.data() + first * D, to);
    }
  });
  // Of each dw some rows, which need all of x and da.
  kernels::parallel_for(threads, [&](Index thread) {
    TensorView<T> in = x;
    Index turn = 0;
    for (AffineLink<T> link : links) {
      const Index D = link.w.dim(0), M = link.w.dim(1);
      const auto [first, count] = part_of(D, thread, threads);
      kernels::gemm<T>(true, false, count, M, N, in.data() + first, D, link.da.data(), M, link.dw.data() + first * M, M,
                       nullptr, false);
      if (turn++ % threads == thread) kernels::column_sums(N, M, link.da.data(), link.db.data());
      in = link.out;
    }
  });
}

#define LAMINA_BOTH(T)                                                                          \
  template bool worth_rows(Index, std::span<const AffineLink<T>>);                              \
  template void affine_relu_rows_forward(const TensorView<T>&, std::span<const AffineLink<T>>); \
  template void affine_relu_rows_backward(const TensorView<T>&, std::span<const AffineLink<T>>, TensorView<T>);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
