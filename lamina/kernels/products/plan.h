// The plan of a matrix product. plan() is a pure function of the sizes, the micro-kernel of the instruction set and the
// machine; gemm.cc carries the plan out.
//
// The scheme is that of GotoBLAS and BLIS. op(B) is cut into panels, each as wide as a tile of the micro-kernel, and k
// into blocks. A thread takes a chunk of rows of C and a chunk of panels, and loops over the blocks of k: within a
// block it multiplies each panel by all rows of the chunk. A panel is read in place, or packed first, that is, copied
// so that its rows are contiguous.
#pragma once

#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/products/product.h"

namespace lamina::kernels {

/// The length of a block of k (BLIS's kc). One block of one panel stays in the L1 data cache.
inline constexpr Index kBlockK = 128;

/// The sizes of a product, (m, k) by (k, n), without the addresses of its matrices.
struct ProductSize {
  bool transpose_a, transpose_b;
  Index m, n, k;
  Index lda;      ///< elements from one row of the stored A to the next
  Index element;  ///< bytes of an element
};

/// The micro-kernel of an instruction set.
struct TileShape {
  Index rows, columns;  ///< of a tile
  Index vector;         ///< elements of a vector
  bool masked_loads;    ///< whether the last columns of B can be read in place, by masked loads
  Index thin_columns;   ///< the most columns that the kernel in thin-inl.h takes; 0 if there is none
};

struct Machine {
  int threads;
  int cache_ways;  ///< associativity of the L1 data cache; 0 if unknown
};
/// This machine, as the calling thread may use it: one thread if it works_alone().
Machine this_machine();

enum class PackB {
  none,      ///< all panels are read in place
  once,      ///< the panels from first_packed on are packed before the product, for all threads
  by_chunk,  ///< each chunk packs the panels that it uses
};

enum class CopyA {
  none,      ///< A is read in place
  once,      ///< A is copied before the product, for all threads
  by_block,  ///< each chunk copies its rows of A, one block of k at a time
};

struct Plan {
  bool one_chunk;  ///< the product is so small that the calling thread computes all of it, as one chunk
  /// If not 0, the sums over k are split in two: k below `half` and the rest are separate products, whose results are
  /// added at the end. Of this plan only `rows` and `one_chunk` then matter; plan_half() plans each of the two
  /// products.
  Index half;
  Index thin;    ///< how many of the last columns of C go to the kernel in thin-inl.h
  Index panels;  ///< panels of the other columns
  PackB pack_b;
  Index first_packed;  ///< the first panel that is packed, if pack_b is once
  CopyA copy_a;
  Chunks rows;              ///< chunks of rows of C
  Chunks chunks_of_panels;  ///< a task is one chunk of rows with one chunk of panels
};

/// `half`, `thin` and `panels` fix the order of summation, so they do not depend on the machine.
Plan plan(const ProductSize& size, const TileShape& tile, const Machine& machine);
/// The plan of one of the two products of a split sum. One thread computes it, and its sums are not split again.
Plan plan_half(const ProductSize& size, const TileShape& tile, const Machine& machine);

/// Whether two threads should each compute one of two products of `work` multiply-adds, instead of half of both: then
/// they need not wait for each other in between, and do not both pack the same matrix.
bool one_thread_each(Index work, const Machine& machine);

/// The plan of gemm_bf16() on AVX-512-BF16. Both operands are packed, as pairs of bfloat16 along k (bf16_tile-inl.h).
struct PairPlan {
  bool one_chunk;   ///< as in Plan
  Index pairs;      ///< along k; an odd k is padded with a zero
  Index width;      ///< columns of a panel of op(B), which are padded with zeros
  Index tile_rows;  ///< rows of a tile as wide as a panel
  /// Pairs from one packed row of A to the next. A transposed A does not use it: kPairRows of its rows lie side by
  /// side.
  Index a_pitch;
  Chunks rows;              ///< chunks of rows of C, multiples of kPairRows
  Chunks chunks_of_panels;  ///< a task is one chunk of rows with one chunk of panels
};
/// Rows of a transposed A that are packed side by side; a multiple of every value that tile_rows can have.
inline constexpr Index kPairRows = 24;

/// Depends on m, n and k alone.
PairPlan plan_pairs(const ProductSize& size);

/// gemm() with the plan for a given machine, never on a matrix unit. Results have the same bits for every machine.
template <class T>
void gemm_on(const Machine& machine, const Product<T>& product);

}  // namespace lamina::kernels
