// How a matrix product is computed. plan() decides, as a pure function of the product's size, the instruction set's
// micro-kernel and the machine; gemm.cc follows the plan.
//
// As in every fast GEMM, the columns of op(B) are cut into panels as wide as a tile of the micro-kernel, k is cut into
// blocks, and a thread multiplies a chunk of rows of op(A) by a chunk of panels, block by block. Some panels are packed
// first, that is copied so that their rows follow one another.
#pragma once

#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/products/product.h"

namespace lamina::kernels {

/// A block of a panel, so many rows of B, stays in the first-level cache.
inline constexpr Index kBlockK = 128;

/// A product, but for where its matrices lie: of m x k by k x n.
struct ProductSize {
  bool transpose_a, transpose_b;
  Index m, n, k;
  Index lda;      ///< elements from one row of the stored A to the next
  Index element;  ///< bytes
};

/// The micro-kernel of an instruction set.
struct TileShape {
  Index rows, columns;  ///< of a tile
  Index vector;         ///< elements of a vector
  bool masked_loads;    ///< whether it can read the last columns of B where they lie
  Index thin_columns;   ///< how many columns its kernel for less than a vector takes (thin-inl.h); 0: it has none
};

struct Machine {
  int threads;
  int cache_ways;  ///< lines that a set of the first-level data cache holds, 0 where unknown
};
/// The machine that runs this, for the calling thread.
Machine this_machine();

enum class PackB {
  none,      ///< all panels are read where they lie in B
  once,      ///< those from first_packed on are packed before the product, for all threads
  by_chunk,  ///< each chunk packs its panels for itself
};

enum class CopyA {
  none,      ///< A is read where it lies
  once,      ///< A is copied before the product, for all threads
  by_block,  ///< each chunk copies its rows of a block
};

struct Plan {
  bool one_thread;  ///< because the product is small
  /// Where not 0, each sum is split: one product sums k below `half`, another the rest, and the two are added. Then
  /// `rows` says how rows are shared out, and each part has a plan of its own.
  Index half;
  Index thin;    ///< so many last columns of C are computed by the kernel for less than a vector
  Index panels;  ///< of the other columns
  PackB pack_b;
  Index first_packed;
  CopyA copy_a;
  Chunks rows;              ///< of C
  Chunks chunks_of_panels;  ///< a thread takes a chunk of rows with one of panels
};

/// `half`, `thin` and `panels`, which decide the order of sums, do not depend on the machine.
Plan plan(const ProductSize& size, const TileShape& tile, const Machine& machine);
/// The same for one half of a product, which one thread computes and whose sums are not split again.
Plan plan_half(const ProductSize& size, const TileShape& tile, const Machine& machine);

/// gemm() as planned for another machine, without a matrix unit. The bits are the same as gemm()'s without one.
template <class T>
void gemm_on(const Machine& machine, const Product<T>& product);

}  // namespace lamina::kernels
