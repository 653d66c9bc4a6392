#include "lamina/kernels/gather.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/gather.cc"
#include "lamina/kernels/machine/simd.h"

#ifndef LAMINA_KERNELS_GATHER_PLACES
#define LAMINA_KERNELS_GATHER_PLACES
namespace lamina::kernels {
namespace {

// The place among 0 .. n - 1 to which reflections at the first and the last of them bring i.
Index reflected(Index i, Index n) {
  const Index period = std::max<Index>(1, 2 * (n - 1)), at = (i % period + period) % period;
  return std::min(at, period - at) % n;
}

// The row or column of an image from which a move takes row or column `at`; -1 if there is none.
Index source(Index at, Index n, bool reflect) { return reflect ? reflected(at, n) : at >= 0 && at < n ? at : -1; }

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// out = T(double(byte) - mean) for `count` bytes, or T(byte) if mean is null.
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

constexpr Index kColumns = 1024;  // columns whose mean stays in the L1 cache

// While one row is converted, the same columns of the next one are prefetched: rows are drawn at random, so the
// hardware prefetcher cannot predict which is next.
template <class T>
void convert_rows(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean,
                  T* out) {
  const auto row = [&](Index i) { return bytes + (rows ? rows[i] : i) * example; };
  for (Index j = 0; j < example; j += kColumns) {
    const Index columns = std::min(kColumns, example - j);
    for (Index i = 0; i < count; ++i) {
      const Index next_j = i + 1 < count ? j : j + columns;
      if (next_j < example)
        for (Index line = 0; line < columns; line += 64) __builtin_prefetch(row((i + 1) % count) + next_j + line, 0, 2);
      convert(columns, row(i) + j, mean ? mean + j : nullptr, out + i * example + j);
    }
  }
}

// Copies one example and converts its numbers. If `next` is not null, the example there is prefetched meanwhile,
// because the hardware prefetcher cannot predict which row is next. If `kept` is not null, the numbers are stored there
// too, by non-temporal stores.
template <class From, class To>
HWY_INLINE void convert_and_keep(Index count, const From* HWY_RESTRICT from, const From* next, To* HWY_RESTRICT out,
                                 To* HWY_RESTRICT kept) {
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

template <class From, class To>
void convert_numbers(Index count, const From* from, const From* next, To* out) {
  convert_and_keep<From, To>(count, from, next, out, nullptr);
}

// All combinations of types, under names with one template argument, as LAMINA_DISPATCH needs them.
template <class To>
void convert_floats(Index count, const float* from, const float* next, To* out) {
  convert_numbers(count, from, next, out);
}
template <class To>
void convert_doubles(Index count, const double* from, const double* next, To* out) {
  convert_numbers(count, from, next, out);
}
void convert_doubles_and_keep(Index count, const double* from, const double* next, float* out, float* kept) {
  convert_and_keep(count, from, next, out, kept);
  hwy::FlushStream();
}

// convert() of bytes that stand for the numbers in `values`.
template <class T>
void convert_by(const double* values, Index count, const std::uint8_t* bytes, const double* mean, T* out) {
  for (Index j = 0; j < count; ++j) out[j] = static_cast<T>(values[bytes[j]] - (mean ? mean[j] : 0.0));
}

// Converts one image while moving it. `row` is scratch memory of W bytes. If `values` is not null, it has the number
// that each of the 256 bytes becomes.
template <class T>
void convert_moved(Index C, Index H, Index W, const std::uint8_t* bytes, Move move, const double* values,
                   const double* mean, std::uint8_t* row, T* out) {
  const Index first = move.reflect ? 0 : std::clamp<Index>(-move.dx, 0, W);
  const Index end = move.reflect ? W : std::clamp<Index>(W - move.dx, first, W);
  for (Index c = 0; c < C; ++c)
    for (Index y = 0; y < H; ++y, out += W) {
      const Index from_y = source(y + move.dy, H, move.reflect);
      if (from_y < 0 || first == end) {
        std::fill(out, out + W, T{0});
        continue;
      }
      const std::uint8_t* image_row = bytes + (c * H + from_y) * W;
      const std::uint8_t* from = image_row + first + move.dx;
      if (move.mirror || move.reflect) {
        for (Index x = first; x < end; ++x) {
          const Index at = source(x + move.dx, W, move.reflect);
          row[x - first] = image_row[move.mirror ? W - 1 - at : at];
        }
        from = row;
      }
      std::fill(out, out + first, T{0});
      const double* mean_row = mean ? mean + (c * H + y) * W + first : nullptr;
      if (values)
        convert_by(values, end - first, from, mean_row, out + first);
      else
        convert(end - first, from, mean_row, out + first);
      std::fill(out + end, out + W, T{0});
      if (y >= move.hole_y && y < move.hole_y + move.hole)
        std::fill(out + std::clamp<Index>(move.hole_x, 0, W), out + std::clamp<Index>(move.hole_x + move.hole, 0, W),
                  T{0});
    }
}

// Adds `count` rows to sums. They can hold 257 rows, because 257 x 255 is the largest number of 16 bits.
void add_bytes(Index count, Index example, const std::uint8_t* HWY_RESTRICT bytes, std::uint16_t* HWY_RESTRICT sums) {
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

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

struct MovedRow {};

// What each byte of an image of `count` bytes becomes by the move's brightness and contrast.
std::array<double, 256> recoloured(Index count, const std::uint8_t* bytes, const Move& move) {
  std::array<Index, 256> counts{};
  for (Index j = 0; j < count; ++j) ++counts[bytes[j]];
  std::array<double, 256> values;
  double sum = 0;
  for (std::size_t p = 0; p < values.size(); ++p) {
    values[p] = std::min(255.0, move.brightness * static_cast<double>(p));
    sum += static_cast<double>(counts[p]) * values[p];
  }
  const double mean = sum / static_cast<double>(count);
  for (double& value : values) value = std::clamp(mean + move.contrast * (value - mean), 0.0, 255.0);
  return values;
}

constexpr Index kRowsIn16Bits = 257;

// Chunks of rows, of about 16,384 elements.
Chunks rows_of(Index count, Index example) { return Chunks::about(1 << 14, example > 0 ? count : 0, example); }

// The kernel that converts From to To.
template <class From, class To>
auto converter() {
  if constexpr (std::is_same_v<From, float>)
    return LAMINA_DISPATCH(convert_floats<To>);
  else
    return LAMINA_DISPATCH(convert_doubles<To>);
}

}  // namespace

template <class T>
void gather_bytes(Index count, Index example, const std::uint8_t* bytes, const Index* rows, const double* mean,
                  T* out) {
  const auto kernel = LAMINA_DISPATCH(convert_rows<T>);
  for_chunks(rows_of(count, example), [=](Index first, Index n) {
    kernel(n, example, rows ? bytes : bytes + first * example, rows ? rows + first : nullptr, mean,
           out + first * example);
  });
}

template <class From, class To>
void gather_numbers(Index count, Index example, const From* numbers, const Index* rows, To* out) {
  const auto kernel = converter<From, To>();
  for_chunks(rows_of(count, example), [=](Index first, Index n) {
    for (Index i = first; i < first + n; ++i)
      kernel(example, numbers + (rows ? rows[i] : i) * example,
             rows && i + 1 < count ? numbers + rows[i + 1] * example : nullptr, out + i * example);
  });
}

void gather_and_keep(Index count, Index example, const double* numbers, const Index* rows, const Keep* how, float* kept,
                     float* out) {
  const auto copy = converter<float, float>();
  const auto convert = converter<double, float>();
  const auto convert_and_keep = LAMINA_DISPATCH(convert_doubles_and_keep);
  for_chunks(rows_of(count, example), [=](Index first, Index n) {
    for (Index i = first; i < first + n; ++i) {
      const Index row = rows[i] * example, next = i + 1 < count ? rows[i + 1] * example : -1;
      const bool next_is_kept = next >= 0 && how[i + 1] == Keep::from_kept;
      float* to = out + i * example;
      const double* ahead = next >= 0 && !next_is_kept ? numbers + next : nullptr;
      if (how[i] == Keep::from_kept)
        copy(example, kept + row, next_is_kept ? kept + next : nullptr, to);
      else if (how[i] == Keep::make)
        convert_and_keep(example, numbers + row, ahead, to, kept + row);
      else
        convert(example, numbers + row, ahead, to);
    }
  });
}

template <class T>
void gather_moved_bytes(Index count, Index C, Index H, Index W, const std::uint8_t* bytes, const Index* rows,
                        const Move* moves, const double* mean, T* out) {
  const auto kernel = LAMINA_DISPATCH(convert_moved<T>);
  const Index example = C * H * W;
  for_chunks(rows_of(count, example), [=](Index first, Index n) {
    std::uint8_t* row = workspace<MovedRow, std::uint8_t>(W);
    std::array<double, 256> values;
    for (Index i = first; i < first + n; ++i) {
      const std::uint8_t* image = bytes + (rows ? rows[i] : i) * example;
      const bool recolours = moves[i].recolours();
      if (recolours) values = recoloured(example, image, moves[i]);
      kernel(C, H, W, image, moves[i], recolours ? values.data() : nullptr, mean, row, out + i * example);
    }
  });
}

template <class From, class To>
void gather_moved_numbers(Index count, Index C, Index H, Index W, const From* numbers, const Index* rows,
                          const Move* moves, To* out) {
  const Index example = C * H * W;
  for_chunks(rows_of(count, example), [=](Index first, Index n) {
    for (Index i = first; i < first + n; ++i) {
      const From* from = numbers + (rows ? rows[i] : i) * example;
      const Move move = moves[i];
      To* to = out + i * example;
      for (Index c = 0; c < C; ++c)
        for (Index y = 0; y < H; ++y)
          for (Index x = 0; x < W; ++x) {
            const Index from_y = source(y + move.dy, H, move.reflect), at = source(x + move.dx, W, move.reflect);
            const bool cut =
                y >= move.hole_y && y < move.hole_y + move.hole && x >= move.hole_x && x < move.hole_x + move.hole;
            const bool inside = from_y >= 0 && at >= 0 && !cut;
            *to++ = inside ? static_cast<To>(from[(c * H + from_y) * W + (move.mirror ? W - 1 - at : at)]) : To{0};
          }
    }
  });
}

void sum_bytes(Index count, Index example, const std::uint8_t* bytes, std::uint64_t* sums) {
  const auto kernel = LAMINA_DISPATCH(add_bytes);
  std::fill(sums, sums + example, 0);
  std::vector<std::uint16_t> part(static_cast<std::size_t>(example));
  for (Index i = 0; i < count; i += kRowsIn16Bits) {
    std::fill(part.begin(), part.end(), std::uint16_t{0});
    kernel(std::min(kRowsIn16Bits, count - i), example, bytes + i * example, part.data());
    for (Index j = 0; j < example; ++j) sums[j] += part[static_cast<std::size_t>(j)];
  }
}

LAMINA_FLOAT_AND_DOUBLE(gather_bytes);
LAMINA_FLOAT_AND_DOUBLE(gather_moved_bytes);
#define LAMINA_FROM(From)                                                                                         \
  template void gather_numbers(Index, Index, const From*, const Index*, float*);                                  \
  template void gather_numbers(Index, Index, const From*, const Index*, double*);                                 \
  template void gather_moved_numbers(Index, Index, Index, Index, const From*, const Index*, const Move*, float*); \
  template void gather_moved_numbers(Index, Index, Index, Index, const From*, const Index*, const Move*, double*);
LAMINA_FROM(float)
LAMINA_FROM(double)
#undef LAMINA_FROM

}  // namespace lamina::kernels
#endif
