// What the plan of a matrix product decides: for each size alone, and that it covers all of C.
#include "lamina/kernels/products/plan.h"

#include <gtest/gtest.h>

#include <ostream>

#include "lamina/random.h"

namespace lamina::kernels {

void PrintTo(PackB pack, std::ostream* out) { *out << "PackB " << static_cast<int>(pack); }
void PrintTo(CopyA copy, std::ostream* out) { *out << "CopyA " << static_cast<int>(copy); }

namespace {

// The micro-kernels of float on AVX-512, AVX2 and SSE4.
constexpr TileShape kAvx512{8, 48, 16, true, 4}, kAvx2{6, 16, 8, true, 0}, kSse4{6, 8, 4, false, 0};
constexpr Machine kTwoCores{2, 12};

ProductSize product(Index m, Index n, Index k, bool transpose_a = false, bool transpose_b = false) {
  return {transpose_a, transpose_b, m, n, k, transpose_a ? m : k, 4};
}

// The products of small layers: dividing them costs more than it brings.
TEST(Plan, SmallProductsAreOneChunk) {
  for (const TileShape& tile : {kAvx512, kAvx2, kSse4})
    for (const ProductSize& size :
         {product(50, 10, 100), product(256, 10, 32, true), product(2000, 10, 13), product(3, 700, 100, false, true),
          product(150, 17, 100, false, true), product(4, 10, 256), product(10, 4, 5000, true)}) {
      const Plan p = plan(size, tile, {2, 4});
      EXPECT_TRUE(p.one_chunk);
      EXPECT_EQ(p.rows.count(), 1);
      EXPECT_EQ(p.chunks_of_panels.count(), 1);
      EXPECT_NE(p.copy_a, CopyA::once) << "one chunk copies for itself";
      EXPECT_TRUE(!size.transpose_b || p.pack_b == PackB::by_chunk) << "and packs for itself";
    }
  const Plan halves = plan(product(4, 10, 3000), kAvx512, kTwoCores);
  EXPECT_TRUE(halves.one_chunk);
  EXPECT_EQ(halves.rows.count(), 1);
  EXPECT_EQ(halves.half, 1536) << "bits must not depend on it";
  const Plan large = plan(product(100, 100, 100), kAvx512, kTwoCores);
  EXPECT_FALSE(large.one_chunk);
  EXPECT_EQ(large.rows.count(), 2);
}

TEST(Plan, PairsOfBfloat16) {
  const PairPlan small = plan_pairs(product(256, 10, 33, true));
  EXPECT_TRUE(small.one_chunk);
  EXPECT_EQ(small.rows.count() * small.chunks_of_panels.count(), 1);
  EXPECT_EQ(small.pairs, 17);
  EXPECT_EQ(small.width, 16);
  EXPECT_EQ(small.tile_rows, 24);

  const PairPlan layer = plan_pairs(product(100, 100, 3072));
  EXPECT_FALSE(layer.one_chunk);
  EXPECT_EQ(layer.width, 32);
  EXPECT_EQ(layer.tile_rows, 12);
  EXPECT_EQ(layer.rows.size, 24) << "four chunks or more";
  EXPECT_EQ(layer.chunks_of_panels.count(), 1) << "which suffice";
  EXPECT_EQ(layer.a_pitch, 1536 + 16) << "rows must not be a multiple of 1 KiB apart";
  EXPECT_EQ(plan_pairs(product(100, 100, 3074)).a_pitch, 1537);

  const PairPlan few_rows = plan_pairs(product(24, 3072, 100));
  EXPECT_EQ(few_rows.rows.count(), 1);
  EXPECT_EQ(few_rows.chunks_of_panels.size, 12) << "panels are divided too";

  RandomState random(4);
  for (int i = 0; i < 1000; ++i) {
    const auto length = [&] { return 1 + random.randint(i % 3 ? 200 : 4000); };
    const ProductSize s = product(length(), length(), length(), random.randint(2), random.randint(2));
    const PairPlan p = plan_pairs(s);
    EXPECT_EQ(p.rows.items, s.m);
    EXPECT_TRUE(p.rows.count() == 1 || p.rows.size % kPairRows == 0) << "chunks begin where a tile does";
    EXPECT_EQ(p.chunks_of_panels.items, (s.n + p.width - 1) / p.width);
    EXPECT_EQ(kPairRows % p.tile_rows, 0);
    EXPECT_GE(2 * p.pairs, s.k);
    EXPECT_GE(p.a_pitch, p.pairs);
  }
}

// The three products of a layer (100, 3072) x (3072, 100), on two threads.
TEST(Plan, AnAffineLayersProducts) {
  const Plan forward = plan(product(100, 100, 3072), kAvx512, kTwoCores);
  EXPECT_EQ(forward.half, 1536) << "each half of the sums to another thread";
  EXPECT_EQ(forward.rows.size, 100);
  const Plan half = plan_half(product(100, 100, 1536), kAvx512, kTwoCores);
  EXPECT_EQ(half.half, 0) << "halves are not split again";
  EXPECT_EQ(half.rows.count() * half.chunks_of_panels.count(), 1) << "a half belongs to one thread";

  const Plan dx = plan(product(100, 3072, 100, false, true), kAvx512, kTwoCores);
  EXPECT_EQ(dx.pack_b, PackB::by_chunk) << "of B^T each thread packs what it multiplies by";
  EXPECT_EQ(dx.rows.count(), 1) << "so it takes all rows";
  EXPECT_EQ(dx.panels, 64);
  EXPECT_EQ(dx.chunks_of_panels.size, 16);

  const Plan dw = plan(product(3072, 100, 100, true), kAvx512, kTwoCores);
  EXPECT_EQ(dw.half, 0) << "of A^T nothing is split";
  EXPECT_EQ(dw.pack_b, PackB::none) << "B is read where it lies";
  EXPECT_EQ(dw.rows.size, 96);
  EXPECT_EQ(dw.chunks_of_panels.count(), 1);
}

TEST(Plan, TwoThreadsTakeOneProductEachWhereNeitherIsLargeOrTiny) {
  EXPECT_TRUE(one_thread_each(100 * 100 * 100, {2, 8}));
  EXPECT_FALSE(one_thread_each(50 * 50 * 50, {2, 8})) << "one thread computes both sooner";
  EXPECT_FALSE(one_thread_each(100 * 500 * 500, {2, 8})) << "worth dividing";
  EXPECT_FALSE(one_thread_each(100 * 100 * 100, {1, 8}));
  EXPECT_FALSE(one_thread_each(100 * 100 * 100, {4, 8})) << "two threads would idle";
}

TEST(Plan, TheLastColumnsAreThinOnlyWhereThatPays) {
  EXPECT_EQ(plan(product(200, 100, 300), kAvx512, kTwoCores).thin, 4);  // 100 = 6 vectors and 4
  EXPECT_EQ(plan(product(200, 101, 300), kAvx512, kTwoCores).thin, 0) << "5 are too many";
  EXPECT_EQ(plan(product(200, 100, 100), kAvx512, kTwoCores).thin, 0) << "sums too short";
  EXPECT_EQ(plan(product(200, 100, 100, true), kAvx512, kTwoCores).thin, 4) << "A^T needs no long sums";
  EXPECT_EQ(plan(product(200, 4, 300), kAvx512, kTwoCores).thin, 0) << "nothing else would be left";
  EXPECT_EQ(plan(product(200, 100, 300), kAvx2, kTwoCores).thin, 0) << "no such kernel";
}

TEST(Plan, PanelsArePackedOnlyWhereTheyMust) {
  EXPECT_EQ(plan(product(500, 100, 100), kAvx2, kTwoCores).pack_b, PackB::none);
  const Plan unmasked = plan(product(500, 100, 100), kSse4, kTwoCores);
  EXPECT_EQ(unmasked.pack_b, PackB::once);
  EXPECT_EQ(unmasked.first_packed, 12) << "the last panel alone, which is not whole";
  EXPECT_EQ(plan(product(500, 96, 100), kSse4, kTwoCores).pack_b, PackB::none);
  EXPECT_EQ(plan(product(500, 96, 100, false, true), kSse4, kTwoCores).first_packed, 0);
  EXPECT_EQ(plan(product(500, 96, 100, false, true), kAvx512, kTwoCores).pack_b, PackB::once)
      << "more rows than stay in a core's cache";
}

TEST(Plan, AIsCopiedOnlyWhereItsRowsConflict) {
  // Rows of 256 floats are 1 KiB apart.
  EXPECT_EQ(plan(product(500, 200, 256), kAvx512, {2, 8}).copy_a, CopyA::by_block);
  EXPECT_EQ(plan(product(500, 200, 256), kAvx512, {2, 12}).copy_a, CopyA::none) << "a set of 12 lines has room";
  EXPECT_EQ(plan(product(500, 200, 255), kAvx512, {2, 8}).copy_a, CopyA::none);
  EXPECT_EQ(plan(product(20, 2000, 256), kAvx512, {2, 8}).copy_a, CopyA::once) << "chunks of panels share it";
  EXPECT_EQ(plan(product(512, 200, 100, true), kAvx512, {2, 12}).copy_a, CopyA::by_block);
  EXPECT_EQ(plan(product(512, 40, 100, true), kAvx512, {2, 12}).copy_a, CopyA::none) << "read only once";
}

// Whatever the machine, sums have the same order, every element of C is computed once, and no thread of many is left
// without work where there is much.
TEST(Plan, HoldsForAnySizeAndMachine) {
  RandomState random(3);
  for (int i = 0; i < 3000; ++i) {
    const auto length = [&] { return 1 + random.randint(i % 3 ? 200 : 4000); };
    const ProductSize s = product(length(), length(), length(), random.randint(2), random.randint(2));
    const TileShape tile = i % 3 == 0 ? kAvx512 : i % 3 == 1 ? kAvx2 : kSse4;
    const Plan alone = plan(s, tile, {1, 8});
    for (const Machine machine : {Machine{1, 8}, Machine{2, 12}, Machine{7, 0}, Machine{64, 16}}) {
      SCOPED_TRACE(std::to_string(s.m) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k));
      const Plan p = plan(s, tile, machine);
      EXPECT_EQ(p.half, alone.half);
      EXPECT_EQ(p.thin, alone.thin);
      EXPECT_EQ(p.panels, alone.panels);
      EXPECT_EQ(p.rows.items, s.m);
      EXPECT_GT(p.rows.size, 0);
      if (p.half > 0) {
        EXPECT_EQ(p.half % kBlockK, 0);
        EXPECT_LT(p.half, s.k);
        EXPECT_EQ(plan_half(s, tile, machine).half, 0);
        continue;
      }
      EXPECT_GE(p.panels * tile.columns + p.thin, s.n);
      EXPECT_LT((p.panels - 1) * tile.columns + p.thin, s.n);
      EXPECT_EQ(p.chunks_of_panels.items, p.panels);
      EXPECT_GT(p.chunks_of_panels.size, 0);
      EXPECT_EQ(p.pack_b == PackB::none, p.first_packed == p.panels);
      if (s.m >= 400 && p.panels >= 20) {
        EXPECT_GE(p.rows.count() * p.chunks_of_panels.count(), machine.threads < 8 ? machine.threads : 4);
      }
    }
  }
}

}  // namespace
}  // namespace lamina::kernels
