#include "lamina/kernels/amx/amx.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"

#define LAMINA_AVX512_ALONE
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/amx/amx.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/amx/cut-inl.h"
#include "lamina/kernels/amx/split_bf16-inl.h"
#include "lamina/kernels/amx/tile_unit-inl.h"
#include "lamina/kernels/products/two_halves-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// Scratch memory (machine/workspace.h).
struct Tiles {};
struct OtherHalf {};

// Measured on Sapphire Rapids.
constexpr Index kLeastWork = 1 << 21;        // multiply-adds that outweigh packing the operands into tiles
constexpr Index kSplitSum = 2048;            // length of k from which sums are split into two halves
constexpr Index kStepsOfBlock = 4;           // steps in a block of k, whose tiles of B stay in the L1 cache
constexpr Index kRowsOfGroup = 128;          // rows of A that are packed at a time
constexpr Index kColumnsOfGroup = 512;       // columns of B likewise
constexpr Index kMostSums = 512;             // tiles of accumulators that are held in scratch memory, not in C
constexpr Index kLeastShare = 48;            // rows or columns of C per thread
constexpr Index kMostWorkOfChunk = 1 << 29;  // multiply-adds between two checks of Stoppable
constexpr Index kNumbersOfSum = 1 << 14;     // elements of a chunk when the halves are added
constexpr Index kLeastBytes = 1 << 20;       // scratch memory of this size is backed by a huge page (memory.h)
constexpr Index kBlockK = kStepsOfBlock * kStep;
constexpr int kNoParts = (127 + 127) << 7;  // bits of a bfloat16 from which numbers, and NaN, cannot be split

constexpr Index in_pages(Index bytes) { return round_up(bytes, 4096); }

// How one thread's product (m, n) is tiled. One group of rows of A is packed at a time and multiplied by a packed group
// of columns of B, two columns of tiles at a time. The last few rows and columns of C, if they do not fill tiles, have
// tiles of their own.
struct Cut {
  Cut(Index m, Index n, int pieces, Index few_rows_, Index few_columns_);

  Index few_rows, few_columns;
  Index rows, columns;        // the other rows and columns of C
  Index groups, group_rows;   // how many groups of rows, and the rows of each
  Index height, group_tiles;  // rows of a tile, tiles of a group of rows
  Index column_tiles;         // tiles of a group of columns
  Index a_bytes, b_bytes;     // the packed tiles
  // Tiles of accumulators that are held in scratch memory from one block of k to the next: of the last few columns, of
  // the last few rows, and of the others, which are held in C instead if they are many.
  Index sums_of_few_columns, sums_of_few_rows, sums_of_others;
  bool keeps_sums;

  Index bytes(Index k) const {
    const Index sums = sums_of_few_columns + sums_of_few_rows + (keeps_sums ? sums_of_others : 0);
    return std::max(a_bytes + b_bytes + (k > kBlockK ? sums * kTileBytes : 0), kLeastBytes);
  }
};

Cut::Cut(Index m, Index n, int pieces, Index few_rows_, Index few_columns_)
    : few_rows(few_rows_), few_columns(few_columns_), rows(m - few_rows_), columns(n - few_columns_) {
  groups = std::max<Index>(1, ceil_div(rows, kRowsOfGroup));
  // All tiles have the same height, since the time of a tile is proportional to its rows. Their number is even, because
  // pairs of tiles give enough independent accumulators to hide the unit's latency.
  const Index most = ceil_div(rows, groups);
  group_tiles = round_up(most, 2 * kTile) / kTile;
  height = few_rows > 0 ? kTile : ceil_div(most, group_tiles);
  group_rows = few_rows > 0 ? group_tiles * kTile : most;
  column_tiles = ceil_div(std::min(kColumnsOfGroup, n), kTile);
  const Index strip = strip_bytes(pieces * kStepsOfBlock + 1);  // the last step may take a tile more
  a_bytes = in_pages((group_tiles + 1) * strip);
  b_bytes = in_pages(column_tiles * strip);
  sums_of_few_columns = few_columns > 0 ? groups * group_tiles : 0;
  sums_of_few_rows = few_rows > 0 ? 2 * column_tiles : 0;
  sums_of_others = groups * group_tiles * column_tiles;
  keeps_sums = sums_of_others <= kMostSums;
}

// The largest magnitude in each operand, over all threads.
class LargestOfBoth {
 public:
  void meet(std::uint16_t a, std::uint16_t b) {
    raise(a_, a);
    raise(b_, b);
  }
  // Whether six partial products can replace each float32 product in sums of length k: nothing overflows, and what is
  // lost because the unit flushes subnormal numbers to zero is small compared with the largest numbers.
  bool suits(Index k) const {
    const int a = a_ >> 7, b = b_ >> 7;  // exponents, with a bias of 127
    if (std::max(a, b) >= kNoParts >> 7) return false;
    if (a_ == 0 || b_ == 0) return true;
    const int product = a + b - 2 * 127, terms = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(k)));
    return std::min(a, b) >= 127 - 90 && product >= -100 && product + terms + 2 < 127;
  }

 private:
  static void raise(std::atomic<std::uint16_t>& to, std::uint16_t value) {
    std::uint16_t before = to.load(std::memory_order_relaxed);
    while (before < value && !to.compare_exchange_weak(before, value, std::memory_order_relaxed)) {
    }
  }

  std::atomic<std::uint16_t> a_{0}, b_{0};
};

// Computes a product on one thread. With three parts per number (kPieces), it stops early and leaves C unspecified when
// it meets a number that cannot be split.
template <int kPieces>
class OneThread {
 public:
  OneThread(const Product<float>& s, Index few_rows, Index few_columns)
      : s_(s), cut_(s.m, s.n, kPieces, few_rows, few_columns), rest_(kPieces == 3 ? s.k % kStep : 0) {
    a_ = workspace<Tiles, char>(cut_.bytes(s.k));
    b_ = a_ + cut_.a_bytes;
    sums_of_few_columns_ = reinterpret_cast<float*>(b_ + cut_.b_bytes);
    sums_of_few_rows_ = sums_of_few_columns_ + cut_.sums_of_few_columns * kTile * kTile;
    sums_ = cut_.keeps_sums ? sums_of_few_rows_ + cut_.sums_of_few_rows * kTile * kTile : nullptr;
  }

  // Also records the largest magnitudes of both operands.
  void multiply(LargestOfBoth& largest) {
    set_shapes(TileShapes(cut_.height));
    t_.ldc = s_.ldc;
    t_.height = cut_.height;
    for (Index first = 0; first < s_.n; first += kColumnsOfGroup)
      for (Index k0 = 0; k0 < s_.k && finite_; k0 += kBlockK) multiply_block(first, k0);
    release_tiles();
    largest.meet(largest_a_.largest(), largest_b_.largest());
  }

 private:
  // One group of columns, from `first` on, for the block of k from k0 on.
  void multiply_block(Index first, Index k0) {
    first_ = first;
    end_ = std::min(cut_.columns, first + kColumnsOfGroup);
    last_columns_ = first + kColumnsOfGroup >= s_.n ? cut_.few_columns : 0;
    const Index k = std::min(kBlockK, s_.k - k0);
    t_.last = k0 + k == s_.k;
    t_.rest = t_.last ? rest_.tiles : 0;
    t_.steps = t_.rest > 0 ? k / kStep : ceil_div(k, kStep);
    t_.a_strip = t_.b_strip = strip_bytes(kPieces * t_.steps + t_.rest);
    t_.accumulate = k0 > 0;
    t_.relu = t_.last && s_.relu;
    cut_b<kPieces>(s_, first, end_, last_columns_, k0, k, t_, rest_, b_, largest_b_);
    look_at(largest_b_);
    for (Index g = 0; g < cut_.groups && finite_; ++g) multiply_group(g, k0, k);
  }

  // One group of rows, for the same block of k.
  void multiply_group(Index g, Index k0, Index k) {
    const Index row = g * cut_.group_rows, end_row = std::min(cut_.rows, row + cut_.group_rows);
    const Index last_rows = g + 1 == cut_.groups ? cut_.few_rows : 0;
    cut_a<kPieces>(s_, row, cut_.height, end_row, k0, k, t_, rest_, a_, largest_a_);
    char* const few = a_ + ceil_div(end_row - row, cut_.height) * t_.a_strip;  // the tiles of the last few rows
    if (last_rows > 0) cut_few_rows(s_, end_row, last_rows, k0, k, t_, rest_, few, largest_a_);
    look_at(largest_a_);
    if (!finite_) return;
    for (Index column = first_; column < end_; column += 2 * kTile) {
      t_.columns = std::min(2 * kTile, end_ - column);
      place(a_, row, column, sums_ ? sums_ + g * cut_.group_tiles * cut_.column_tiles * kTile * kTile : nullptr);
      multiply_columns<kPieces>(t_, end_row - row);
      if (last_rows == 0) continue;
      place(few, end_row, column, sums_of_few_rows_);
      multiply_few_rows(t_, last_rows);
    }
    if (last_columns_ == 0) return;
    place(a_, row, end_, nullptr);
    t_.sums = sums_of_few_columns_ + g * cut_.group_tiles * kTile * kTile;
    t_.sums_strip = 1;
    multiply_few_columns(t_, end_row - row, last_columns_);
    if (last_rows == 0) return;
    place(few, end_row, end_, sums_of_few_rows_);
    multiply_few(t_, last_rows, last_columns_);
  }

  // Points t_ at the packed tiles `a` of the rows from `row` on, at the tiles of B from `column` on, and at C. `sums`
  // are the accumulators of these rows, from the group's first column on.
  void place(const char* a, Index row, Index column, float* sums) {
    const Index tile = (column - first_) / kTile;
    t_.a = a;
    t_.b = b_ + tile * t_.b_strip;
    t_.sums = sums ? sums + tile * kTile * kTile : nullptr;
    t_.sums_strip = cut_.column_tiles;
    t_.c = s_.c + row * s_.ldc + column;
    t_.bias = t_.last && s_.bias ? s_.bias + column : nullptr;
  }

  void look_at(const Largest& largest) {
    if (kPieces == 3 && largest.largest() >= kNoParts) finite_ = false;
  }

  const Product<float>& s_;
  const Cut cut_;
  const Rest rest_;
  char *a_, *b_;
  float *sums_, *sums_of_few_rows_, *sums_of_few_columns_;
  Index first_ = 0, end_ = 0, last_columns_ = 0;  // the current group of columns
  TileBlock t_{};
  Largest largest_a_, largest_b_;
  bool finite_ = true;  // all numbers so far can be split
};

// How many rows or columns after the last whole tile get tiles of their own: only if they are few and the whole tiles
// come in pairs. This depends on the size of the whole product alone, not on how it is divided among threads.
constexpr Index few_rows_behind_pairs(Index rows) {
  const Index few = rows % kTile;
  return rows / kTile % 2 == 1 || few <= kTile / 3 || few > kMostFewRows ? 0 : few;  // for fewer it does not pay
}
constexpr Index few_columns_behind_pairs(Index columns) {
  const Index few = columns % kTile;
  return columns / kTile % 2 == 1 || few > kMostFewColumns ? 0 : few;
}

// How a product is divided among threads: by rows or by columns of C and, if sums are split, into two halves of k. Rows
// and columns change no sum. The halves do, so they depend on k alone; they keep the rows of B, which are a layer's
// weights, in the cache of the core that computes their gradient.
struct Shares {
  bool by_columns;
  Index halves, half;  // half: the length of the first half of k
  Chunks chunks;

  explicit Shares(const Product<float>& s)
      : by_columns(s.n > s.m),  // every chunk packs the other operand, which is the smaller one
        halves(s.k >= kSplitSum ? 2 : 1),
        half(round_up(s.k / 2, kStep)) {
    const Index length = by_columns ? s.n : s.m, across = by_columns ? s.m : s.n;
    const Index threads = ceil_div(works_alone() ? 1 : used_threads(), halves);
    const Index most = std::max(kLeastShare, kMostWorkOfChunk / (across * (s.k / halves)));
    chunks = {length, round_up(std::clamp(ceil_div(length, threads), kLeastShare, most), kTile)};
  }

  // The product that half h of k contributes to the chunk from `first` on. The second half is stored in `other` (m, n).
  Product<float> part(Product<float> s, Index first, Index length, Index h, float* other) const {
    if (by_columns) {
      s.n = length;
      s.b += s.transpose_b ? first * s.ldb : first;
      s.c += first;
      if (s.bias) s.bias += first;
    } else {
      s.m = length;
      s.a += s.transpose_a ? first : first * s.lda;
      s.c += first * s.ldc;
    }
    if (halves == 1) return s;
    s.bias = nullptr;
    s.relu = false;
    if (h == 1) {
      s.a += s.transpose_a ? half * s.lda : half;
      s.b += s.transpose_b ? half : half * s.ldb;
      s.ldc = by_columns ? chunks.items : s.n;
      s.c = other + (by_columns ? first : first * s.n);
    }
    s.k = h == 0 ? half : s.k - half;
    return s;
  }
};

// Returns false if the operands do not suit the unit.
template <int kPieces>
HWY_INLINE bool multiply(const Product<float>& s) {
  const Shares shares(s);
  float* other = shares.halves == 2 ? workspace<OtherHalf, float>(s.m * s.n) : nullptr;
  const Index few_rows = kPieces == 3 ? few_rows_behind_pairs(s.m) : 0;
  const Index few_columns = kPieces == 3 ? few_columns_behind_pairs(s.n) : 0;
  LargestOfBoth largest;
  for_grid(Chunks{shares.halves, 1}, shares.chunks, [&](Index h, Index, Index first, Index length) HWY_ATTR {
    const bool ends = first + length == shares.chunks.items;
    const Product<float> part = shares.part(s, first, length, h, other);
    OneThread<kPieces>(part, shares.by_columns || ends ? few_rows : 0, shares.by_columns && !ends ? 0 : few_columns)
        .multiply(largest);
  });
  if (kPieces == 3 && !largest.suits(s.k)) return false;
  if (shares.halves == 2)
    for_chunks(Chunks::about(kNumbersOfSum, s.m, s.n), [&](Index row, Index rows) HWY_ATTR {
      add_other_half(rows, s.n, s.c + row * s.ldc, s.ldc, other + row * s.n, s.bias, s.relu);
    });
  return true;
}

bool multiply_on_unit(const Product<float>& s, AmxInput input) {
  if (s.m < 32 || s.n < 32 || s.k < 64 || s.work() < kLeastWork) return false;
  return input == AmxInput::bf16 ? multiply<1>(s) : multiply<3>(s);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace lamina::kernels {

bool try_amx([[maybe_unused]] const Product<float>& product, [[maybe_unused]] AmxInput input) {
#if HWY_TARGETS & HWY_AVX3
  return has_amx() && N_AVX3::multiply_on_unit(product, input);
#else
  return false;
#endif
}

}  // namespace lamina::kernels
#endif
