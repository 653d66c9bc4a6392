#include "lamina/kernels/products/plan.h"

#include <algorithm>

#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/products/bf16.h"

namespace lamina::kernels {
namespace {

constexpr Index kSmall = 1 << 18;               // multiply-adds that are not worth dividing
constexpr Index kManyForThread = 1 << 21;       // multiply-adds that are worth dividing even if there is other work
constexpr Index kSplitSum = 2048;               // length of k from which sums are split
constexpr Index kThinSum = 256;                 // length of k that outweighs the final reduction over lanes
constexpr Index kFewRows = 128;                 // rows of a block of A that stay in the L2 cache
constexpr Index kMostPackedByChunk = 1 << 19;   // elements of B, if every thread packs all of them for itself
constexpr Index kRowsOfChunk[] = {96, 48, 24};  // multiples of the tile heights of all instruction sets

bool is_small(const ProductSize& s) { return s.m * s.n * s.k < kSmall; }

Chunks rows_of_halves(Index m, Index threads) {
  const Index share = 2 * m / threads;
  return {m, std::clamp(round_up(share, 4), kRowsOfChunk[2], kFewRows)};
}

// The height of chunks if a thread gets several of them: the largest that leaves four chunks or more, at least 24.
Index rows_of_chunk(Index m) {
  Index height = kRowsOfChunk[0];
  for (const Index candidate : kRowsOfChunk)
    if (m / height < 4) height = candidate;
  return height;
}

// Whether rows of A evict one another: rows that are a multiple of 1 KiB apart map to a few sets of the L1 cache. That
// does no harm if a set has room for the rows of a tile and a few lines of B.
bool rows_conflict(const ProductSize& s, const TileShape& tile, int cache_ways) {
  return (s.transpose_a || cache_ways < tile.rows + 4) && s.lda * s.element % 1024 == 0;
}

// `half`: the product is one of the two of a split sum, and all of it belongs to one thread.
Plan plan_unsplit(const ProductSize& s, const TileShape& tile, const Machine& machine, bool half) {
  Plan p{};
  p.one_chunk = is_small(s);

  const Index over = s.n % tile.vector;  // columns after the last whole vector
  if (over <= tile.thin_columns && over < s.n && (s.transpose_a || s.k >= kThinSum)) p.thin = over;
  const Index columns = s.n - p.thin;
  p.panels = ceil_div(columns, tile.columns);

  // One chunk of rows for each thread if that gives chunks of a good height; else several chunks, and the panels are
  // divided among threads as well.
  const Index share = ceil_div(s.m, machine.threads);
  const bool chunk_a_thread = share >= kRowsOfChunk[2] && share <= kFewRows;

  // Panels of B are read in place, except a last one that is not full if there are no masked loads. Panels of B^T are
  // packed. If each thread has only one chunk of rows, it packs its own panels, because reading panels from another
  // core's cache would take longer.
  p.first_packed = s.transpose_b ? 0 : tile.masked_loads ? p.panels : columns / tile.columns;
  if (s.transpose_b && (p.one_chunk || s.m <= kFewRows || (chunk_a_thread && s.k * s.n <= kMostPackedByChunk)))
    p.pack_b = PackB::by_chunk;
  else if (p.first_packed < p.panels)
    p.pack_b = PackB::once;

  // Few rows form one chunk, so that B is read only once, provided that there are enough panels to divide.
  const bool few = s.m <= kFewRows && (p.panels >= 16 || p.pack_b == PackB::by_chunk || (half && p.panels >= 8));
  const bool together = p.one_chunk || few;
  p.rows = {s.m, together ? s.m : chunk_a_thread ? round_up(share, 4) : rows_of_chunk(s.m)};
  const bool rows_suffice = !together && (chunk_a_thread || p.rows.count() >= 4);
  const bool all_panels = p.one_chunk || half || rows_suffice;
  const Index panels_of_chunk = all_panels ? p.panels : p.panels * p.rows.count() / (2 * machine.threads);
  p.chunks_of_panels = {p.panels, std::max<Index>(1, panels_of_chunk)};

  if (rows_conflict(s, tile, machine.cache_ways)) {
    if (!s.transpose_a)
      p.copy_a = p.chunks_of_panels.count() > 1 ? CopyA::once : CopyA::by_block;
    else if (p.panels > 1)  // with one panel each element of A is read only once
      p.copy_a = CopyA::by_block;
  }
  return p;
}

}  // namespace

Machine this_machine() { return {works_alone() ? 1 : used_threads(), cache_ways()}; }

Plan plan(const ProductSize& s, const TileShape& tile, const Machine& machine) {
  if (s.transpose_a || s.k < kSplitSum) return plan_unsplit(s, tile, machine, false);
  // Different threads compute the two halves of a long sum. Then the rows of B, which are a layer's weights, stay in
  // the cache of the core that computes their gradient and updates them.
  Plan p{};
  p.one_chunk = is_small(s);
  p.half = round_up(s.k / 2, kBlockK);
  p.rows = p.one_chunk ? Chunks{s.m, s.m} : rows_of_halves(s.m, machine.threads);
  return p;
}

Plan plan_half(const ProductSize& s, const TileShape& tile, const Machine& machine) {
  return plan_unsplit(s, tile, {1, machine.cache_ways}, true);
}

bool one_thread_each(Index work, const Machine& machine) {
  return machine.threads == 2 && work >= kSmall && work < kManyForThread;
}

PairPlan plan_pairs(const ProductSize& s) {
  PairPlan p{};
  p.one_chunk = is_small(s);
  p.pairs = ceil_div(s.k, 2);
  p.width = s.n <= kPairLanes ? kPairLanes : 2 * kPairLanes;
  p.tile_rows = p.width == kPairLanes ? kPairRows : kPairRows / 2;
  p.a_pitch = p.pairs + (p.pairs % 256 == 0 ? 16 : 0);  // a cache line of padding, so that rows map to different sets
  const Index panels = ceil_div(s.n, p.width);
  p.rows = {s.m, p.one_chunk ? s.m : rows_of_chunk(s.m)};
  const bool all_panels = p.one_chunk || p.rows.count() >= 4;
  p.chunks_of_panels = {panels, all_panels ? panels : std::max<Index>(1, panels * p.rows.count() / 8)};
  return p;
}

}  // namespace lamina::kernels
