#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/gather.cc"
#include "lamina/kernels/gather.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/simd.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A vector of doubles is made from as many bytes, the mean taken off, and rounded to T.
template <class T>
HWY_INLINE void convert(Index count, const std::uint8_t* HWY_RESTRICT bytes, const double* HWY_RESTRICT mean,
                        T* HWY_RESTRICT out) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const hn::Rebind<std::int32_t, decltype(d)> d32;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  Index j = 0;
  for (; j + lanes <= count; j += lanes) {
    auto v = hn::PromoteTo(d, hn::PromoteTo(d32, hn::LoadU(d8, bytes + j)));
    if (mean != nullptr) v = hn::Sub(v, hn::LoadU(d, mean + j));
    if constexpr (sizeof(T) == sizeof(float)) {
      const hn::Rebind<float, decltype(d)> df;
      hn::StoreU(hn::DemoteTo(df, v), df, out + j);
    } else {
      hn::StoreU(v, d, out + j);
    }
  }
  for (; j < count; ++j) out[j] = static_cast<T>(static_cast<double>(bytes[j]) - (mean ? mean[j] : 0.0));
}

constexpr Index kColumns = 1024;  // of which the mean stays in the first-level cache

template <class T>
HWY_INLINE void convert_rows(Index count, Index example, const std::uint8_t* bytes, const Index* rows,
                             const double* mean, T* out) {
  for (Index j = 0; j < example; j += kColumns)
    for (Index i = 0; i < count; ++i)
      convert(std::min(kColumns, example - j), bytes + (rows ? rows[i] : i) * example + j, mean ? mean + j : nullptr,
              out + i * example + j);
}

void RowsFloat(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean,
               float* out) {
  convert_rows(count, example, bytes, rows, mean, out);
}
void RowsDouble(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean,
                double* out) {
  convert_rows(count, example, bytes, rows, mean, out);
}

// One example in another precision. Where `next` is not null, the example there is fetched meanwhile: the chosen rows
// lie anywhere in memory, where the processor does not foresee them. Where `kept` is not null, it is written there too,
// past the caches.
template <class From, class To>
HWY_INLINE void convert_numbers(Index count, const From* HWY_RESTRICT from, const From* next, To* HWY_RESTRICT out,
                                [[maybe_unused]] To* HWY_RESTRICT kept = nullptr) {
  constexpr Index kLine = static_cast<Index>(64 / sizeof(From));
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::ScalableTag<To> same;
  const auto same_lanes = static_cast<Index>(hn::Lanes(same));
  const Index lanes = std::is_same_v<From, To> ? same_lanes : static_cast<Index>(hn::Lanes(d));
  const auto line = [&](Index first, Index end) HWY_ATTR {
    Index j = first;
    for (; j + lanes <= end; j += lanes) {
      if constexpr (std::is_same_v<From, To>)
        hn::StoreU(hn::LoadU(same, from + j), same, out + j);
      else if constexpr (sizeof(From) > sizeof(To))
        hn::StoreU(hn::DemoteTo(df, hn::LoadU(d, from + j)), df, out + j);
      else
        hn::StoreU(hn::PromoteTo(d, hn::LoadU(df, from + j)), d, out + j);
    }
    for (; j < end; ++j) out[j] = static_cast<To>(from[j]);
    if (!kept) return;
    j = first;
    if (reinterpret_cast<std::uintptr_t>(kept + j) % sizeof(hn::Vec<decltype(same)>) == 0)
      for (; j + same_lanes <= end; j += same_lanes) hn::Stream(hn::LoadU(same, out + j), same, kept + j);
    std::copy(out + j, out + end, kept + j);
  };
  constexpr Index kLines = 4 * kLine;
  Index j = 0;
  for (; j + kLines <= count; j += kLines) {
    if (next)
      for (Index i = 0; i < kLines; i += kLine) __builtin_prefetch(next + j + i, 0, 2);
    line(j, j + kLines);
  }
  line(j, count);
}

void FloatsToFloats(Index count, const float* from, const float* next, float* out) {
  convert_numbers(count, from, next, out);
}
void FloatsToDoubles(Index count, const float* from, const float* next, double* out) {
  convert_numbers(count, from, next, out);
}
void DoublesToFloats(Index count, const double* from, const double* next, float* out) {
  convert_numbers(count, from, next, out);
}
void DoublesToFloatsKept(Index count, const double* from, const double* next, float* out, float* kept) {
  convert_numbers(count, from, next, out, kept);
  hwy::FlushStream();
}
void DoublesToDoubles(Index count, const double* from, const double* next, double* out) {
  convert_numbers(count, from, next, out);
}

// One image. `row` has room for W bytes.
template <class T>
HWY_INLINE void convert_moved(Index C, Index H, Index W, const std::uint8_t* bytes, Move move, const double* mean,
                              std::uint8_t* row, T* out) {
  const Index first = std::clamp<Index>(-move.dx, 0, W), end = std::clamp<Index>(W - move.dx, first, W);
  for (Index c = 0; c < C; ++c)
    for (Index y = 0; y < H; ++y, out += W) {
      const Index from_y = y + move.dy;
      if (from_y < 0 || from_y >= H || first == end) {
        std::fill(out, out + W, T{0});
        continue;
      }
      const std::uint8_t* from = bytes + (c * H + from_y) * W + first + move.dx;
      if (move.mirror) {
        const std::uint8_t* last = bytes + (c * H + from_y) * W + W - 1 - (first + move.dx);
        for (Index x = 0; x < end - first; ++x) row[x] = last[-x];
        from = row;
      }
      std::fill(out, out + first, T{0});
      convert(end - first, from, mean ? mean + (c * H + y) * W + first : nullptr, out + first);
      std::fill(out + end, out + W, T{0});
    }
}

void MovedFloat(Index C, Index H, Index W, const std::uint8_t* bytes, Move move, const double* mean, std::uint8_t* row,
                float* out) {
  convert_moved(C, H, W, bytes, move, mean, row, out);
}
void MovedDouble(Index C, Index H, Index W, const std::uint8_t* bytes, Move move, const double* mean, std::uint8_t* row,
                 double* out) {
  convert_moved(C, H, W, bytes, move, mean, row, out);
}

// Sums of at most 257 rows fit into 16 bits.
void AddBytes(Index count, Index example, const std::uint8_t* HWY_RESTRICT bytes, std::uint16_t* HWY_RESTRICT sums) {
  const hn::ScalableTag<std::uint16_t> d;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  for (Index i = 0; i < count; ++i, bytes += example) {
    Index j = 0;
    for (; j + lanes <= example; j += lanes)
      hn::StoreU(hn::Add(hn::LoadU(d, sums + j), hn::PromoteTo(d, hn::LoadU(d8, bytes + j))), d, sums + j);
    for (; j < example; ++j) sums[j] = static_cast<std::uint16_t>(sums[j] + bytes[j]);
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

HWY_EXPORT(RowsFloat);
HWY_EXPORT(RowsDouble);
HWY_EXPORT(MovedFloat);
HWY_EXPORT(MovedDouble);
HWY_EXPORT(AddBytes);
HWY_EXPORT(FloatsToFloats);
HWY_EXPORT(FloatsToDoubles);
HWY_EXPORT(DoublesToFloats);
HWY_EXPORT(DoublesToFloatsKept);
HWY_EXPORT(DoublesToDoubles);

struct MovedRow {};

constexpr Index kChunkElements = 1 << 14;
constexpr Index kHalfsEnd = 64;  // the first half's length is a multiple of it
constexpr Index kRowsIn16Bits = 257;

// Calls body(first row, number of rows) for chunks of about kChunkElements elements.
template <class Body>
void for_rows(Index count, Index example, Body&& body) {
  if (count <= 0 || example <= 0) return;
  const Index rows = std::max<Index>(1, kChunkElements / example);
  parallel_for((count + rows - 1) / rows,
               [&](Index chunk) { body(chunk * rows, std::min(rows, count - chunk * rows)); });
}

// The same, body(first row, number of rows, first column, number of columns), and the halves of long rows apart: where
// such rows are multiplied by weights, different threads make the halves of each sum, and then find theirs in their own
// core's cache.
template <class Body>
void for_half_rows(Index count, Index example, Body&& body) {
  if (example < kSumInHalves)
    return for_rows(count, example, [&](Index first, Index n) { body(first, n, Index{0}, example); });
  if (count <= 0) return;
  const Index half = (example / 2 + kHalfsEnd - 1) / kHalfsEnd * kHalfsEnd;
  const Index rows = std::max<Index>(1, kChunkElements / half), groups = (count + rows - 1) / rows;
  parallel_for(2 * groups, [&](Index chunk) {
    const Index first = chunk % groups * rows, n = std::min(rows, count - first);
    if (chunk < groups)
      body(first, n, Index{0}, half);
    else
      body(first, n, half, example - half);
  });
}

}  // namespace

template <class T>
void gather_bytes(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean,
                  T* out) {
  for_rows(count, example, [&](Index first, Index n) {
    const std::uint8_t* from = rows ? bytes : bytes + first * example;
    const Index* chosen = rows ? rows + first : nullptr;
    if constexpr (sizeof(T) == sizeof(float))
      LAMINA_DISPATCH(RowsFloat)(n, example, from, chosen, mean, out + first * example);
    else
      LAMINA_DISPATCH(RowsDouble)(n, example, from, chosen, mean, out + first * example);
  });
}

template <class From, class To>
void gather_numbers(Index count, Index example, const From* numbers, const Index* rows, To* out) {
  const auto kernel = [] {
    if constexpr (std::is_same_v<From, float>)
      if constexpr (std::is_same_v<To, float>)
        return LAMINA_DISPATCH(FloatsToFloats);
      else
        return LAMINA_DISPATCH(FloatsToDoubles);
    else if constexpr (std::is_same_v<To, float>)
      return LAMINA_DISPATCH(DoublesToFloats);
    else
      return LAMINA_DISPATCH(DoublesToDoubles);
  }();
  for_half_rows(count, example, [&](Index first, Index n, Index at, Index length) {
    for (Index i = first; i < first + n; ++i)
      kernel(length, numbers + (rows ? rows[i] : i) * example + at,
             rows && i + 1 < count ? numbers + rows[i + 1] * example + at : nullptr, out + i * example + at);
  });
}

void gather_and_keep(Index count, Index example, const double* numbers, const Index* rows, const Keep* how, float* kept,
                     float* out) {
  const auto copy = LAMINA_DISPATCH(FloatsToFloats);
  const auto convert = LAMINA_DISPATCH(DoublesToFloats);
  const auto convert_and_keep = LAMINA_DISPATCH(DoublesToFloatsKept);
  for_half_rows(count, example, [&](Index first, Index n, Index at, Index length) {
    for (Index i = first; i < first + n; ++i) {
      const Index row = rows[i] * example + at, next = i + 1 < count ? rows[i + 1] * example + at : -1;
      const bool next_is_kept = next >= 0 && how[i + 1] == Keep::from_kept;
      float* to = out + i * example + at;
      const double* ahead = next >= 0 && !next_is_kept ? numbers + next : nullptr;
      if (how[i] == Keep::from_kept)
        copy(length, kept + row, next_is_kept ? kept + next : nullptr, to);
      else if (how[i] == Keep::make)
        convert_and_keep(length, numbers + row, ahead, to, kept + row);
      else
        convert(length, numbers + row, ahead, to);
    }
  });
}

template <class T>
void gather_moved_bytes(Index count, Index C, Index H, Index W, const std::uint8_t* bytes, const Index* rows,
                        const Move* moves, const double* mean, T* out) {
  const Index example = C * H * W;
  for_rows(count, example, [&](Index first, Index n) {
    std::uint8_t* row = workspace<MovedRow, std::uint8_t>(W);
    for (Index i = first; i < first + n; ++i) {
      const std::uint8_t* from = bytes + (rows ? rows[i] : i) * example;
      if constexpr (sizeof(T) == sizeof(float))
        LAMINA_DISPATCH(MovedFloat)(C, H, W, from, moves[i], mean, row, out + i * example);
      else
        LAMINA_DISPATCH(MovedDouble)(C, H, W, from, moves[i], mean, row, out + i * example);
    }
  });
}

template <class From, class To>
void gather_moved_numbers(Index count, Index C, Index H, Index W, const From* numbers, const Index* rows,
                          const Move* moves, To* out) {
  const Index example = C * H * W;
  for_rows(count, example, [&](Index first, Index n) {
    for (Index i = first; i < first + n; ++i) {
      const From* from = numbers + (rows ? rows[i] : i) * example;
      const Move move = moves[i];
      To* to = out + i * example;
      for (Index c = 0; c < C; ++c)
        for (Index y = 0; y < H; ++y)
          for (Index x = 0; x < W; ++x) {
            const Index from_y = y + move.dy, moved_x = x + move.dx, from_x = move.mirror ? W - 1 - moved_x : moved_x;
            const bool inside = from_y >= 0 && from_y < H && from_x >= 0 && from_x < W;
            *to++ = inside ? static_cast<To>(from[(c * H + from_y) * W + from_x]) : To{0};
          }
    }
  });
}

void sum_bytes(Index count, Index example, const std::uint8_t* bytes, std::uint64_t* sums) {
  std::fill(sums, sums + example, 0);
  std::vector<std::uint16_t> part(static_cast<std::size_t>(example));
  for (Index i = 0; i < count; i += kRowsIn16Bits) {
    std::fill(part.begin(), part.end(), std::uint16_t{0});
    LAMINA_DISPATCH(AddBytes)(std::min(kRowsIn16Bits, count - i), example, bytes + i * example, part.data());
    for (Index j = 0; j < example; ++j) sums[j] += part[static_cast<std::size_t>(j)];
  }
}

template void gather_bytes(Index, Index, const std::uint8_t*, const Index*, const double*, float*);
template void gather_bytes(Index, Index, const std::uint8_t*, const Index*, const double*, double*);
template void gather_moved_bytes(Index, Index, Index, Index, const std::uint8_t*, const Index*, const Move*,
                                 const double*, float*);
template void gather_moved_bytes(Index, Index, Index, Index, const std::uint8_t*, const Index*, const Move*,
                                 const double*, double*);
template void gather_moved_numbers(Index, Index, Index, Index, const float*, const Index*, const Move*, float*);
template void gather_moved_numbers(Index, Index, Index, Index, const float*, const Index*, const Move*, double*);
template void gather_moved_numbers(Index, Index, Index, Index, const double*, const Index*, const Move*, float*);
template void gather_moved_numbers(Index, Index, Index, Index, const double*, const Index*, const Move*, double*);
template void gather_numbers(Index, Index, const float*, const Index*, float*);
template void gather_numbers(Index, Index, const float*, const Index*, double*);
template void gather_numbers(Index, Index, const double*, const Index*, float*);
template void gather_numbers(Index, Index, const double*, const Index*, double*);

}  // namespace lamina::kernels
#endif
