// Normalization of the columns of a matrix: one mean and variance per column.
#include <cmath>

#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/norm/column_blocks.h"
#include "lamina/kernels/norm/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/norm/columns.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// sum[j] = the sum of column j of the block.
template <class T>
HWY_INLINE void sums_of(const ColumnBlock& s, const T* x, T* sum) {
  std::fill(sum, sum + s.width, T{0});
  Index i = 0;
  for (; i + 4 <= s.rows; i += 4) {
    const T *x0 = x + i * s.stride, *x1 = x0 + s.stride, *x2 = x1 + s.stride, *x3 = x2 + s.stride;
    for_vectors<T>(s.width, [=](auto d, Index j) HWY_ATTR {
      const auto upper = hn::Add(hn::LoadU(d, x0 + j), hn::LoadU(d, x1 + j));
      const auto lower = hn::Add(hn::LoadU(d, x2 + j), hn::LoadU(d, x3 + j));
      hn::StoreU(hn::Add(hn::LoadU(d, sum + j), hn::Add(upper, lower)), d, sum + j);
    });
  }
  for (; i <= s.rows; ++i) {
    const T* row = x + i * s.stride;
    for_vectors<T>(i < s.rows ? s.width : s.tail, [=](auto d, Index j) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, sum + j), hn::LoadU(d, row + j)), d, sum + j);
    });
  }
}

// mean[j] is the rounded mean of column j of the block; drift[j] and m2[j] are the sums of x - mean[j] and of its
// square.
template <class T>
void moments(const ColumnBlock& s, const T* x, T* mean, T* m2, T* drift) {
  sums_of(s, x, mean);
  for (Index j = 0; j < s.width; ++j) mean[j] /= static_cast<T>(std::max<Index>(1, s.count(j)));
  std::fill(m2, m2 + s.width, T{0});
  std::fill(drift, drift + s.width, T{0});
  for (Index i = 0; i <= s.rows; ++i) {
    const T* row = x + i * s.stride;
    for_vectors<T>(i < s.rows ? s.width : s.tail, [=](auto d, Index j) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(d, row + j), hn::LoadU(d, mean + j));
      hn::StoreU(hn::Add(hn::LoadU(d, drift + j), centred), d, drift + j);
      hn::StoreU(hn::MulAdd(centred, centred, hn::LoadU(d, m2 + j)), d, m2 + j);
    });
  }
}

template <class T, bool kRelu>
HWY_INLINE void normalize(const ColumnBlock& s, const T* x, const T* mean, const T* scale, const T* beta, T* out) {
  for (Index i = 0; i <= s.rows; ++i) {
    const T* row = x + i * s.stride;
    T* to = out + i * s.stride;
    for_vectors<T>(i < s.rows ? s.width : s.tail, [=](auto d, Index j) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(d, row + j), hn::LoadU(d, mean + j));
      auto v = hn::MulAdd(centred, hn::LoadU(d, scale + j), hn::LoadU(d, beta + j));
      if constexpr (kRelu) v = hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Zero(d), v);  // keeps NaN
      hn::StoreU(v, d, to + j);
    });
  }
}

// dout, or 0 where ReLU's output is not positive.
template <bool kRelu, class D, class T>
HWY_INLINE hn::Vec<D> upstream(D d, const T* dout, const T* relu_out) {
  const auto v = hn::LoadU(d, dout);
  if constexpr (kRelu)
    return hn::IfThenElseZero(hn::Gt(hn::LoadU(d, relu_out), hn::Zero(d)), v);
  else
    return v;
}

// sum[j] = sum of dout, product[j] = sum of dout (x - mean), over column j of the block.
template <class T, bool kRelu>
HWY_INLINE void backward_sums(const ColumnBlock& s, const T* dout, const T* relu_out, const T* x, const T* mean,
                              T* product, T* sum) {
  std::fill(sum, sum + s.width, T{0});
  std::fill(product, product + s.width, T{0});
  for (Index i = 0; i <= s.rows; ++i) {
    const Index at = i * s.stride;
    for_vectors<T>(i < s.rows ? s.width : s.tail, [=](auto d, Index j) HWY_ATTR {
      const auto g = upstream<kRelu>(d, dout + at + j, relu_out + (kRelu ? at + j : 0));
      const auto centred = hn::Sub(hn::LoadU(d, x + at + j), hn::LoadU(d, mean + j));
      hn::StoreU(hn::Add(hn::LoadU(d, sum + j), g), d, sum + j);
      hn::StoreU(hn::MulAdd(g, centred, hn::LoadU(d, product + j)), d, product + j);
    });
  }
}

// dx = scale dout - shift - slope (x - mean), or scale dout if shift is null.
template <class T, bool kRelu>
HWY_INLINE void backward(const ColumnBlock& s, const T* dout, const T* relu_out, const T* x, const T* mean,
                         const T* scale, const T* shift, const T* slope, T* dx) {
  for (Index i = 0; i <= s.rows; ++i) {
    const Index at = i * s.stride, width = i < s.rows ? s.width : s.tail;
    if (shift) {
      for_vectors<T>(width, [=](auto d, Index j) HWY_ATTR {
        const auto g = upstream<kRelu>(d, dout + at + j, relu_out + (kRelu ? at + j : 0));
        const auto centred = hn::Sub(hn::LoadU(d, x + at + j), hn::LoadU(d, mean + j));
        const auto through_mean = hn::MulAdd(centred, hn::LoadU(d, slope + j), hn::LoadU(d, shift + j));
        hn::StoreU(hn::MulSub(g, hn::LoadU(d, scale + j), through_mean), d, dx + at + j);
      });
    } else {
      for_vectors<T>(width, [=](auto d, Index j) HWY_ATTR {
        const auto g = upstream<kRelu>(d, dout + at + j, relu_out + (kRelu ? at + j : 0));
        hn::StoreU(hn::Mul(g, hn::LoadU(d, scale + j)), d, dx + at + j);
      });
    }
  }
}

template <class T>
void normalize_block(const ColumnBlock& s, const T* x, const T* mean, const T* scale, const T* beta, bool relu,
                     T* out) {
  relu ? normalize<T, true>(s, x, mean, scale, beta, out) : normalize<T, false>(s, x, mean, scale, beta, out);
}

template <class T>
void backward_sums_of_block(const ColumnBlock& s, const T* dout, const T* relu_out, const T* x, const T* mean,
                            T* product, T* sum) {
  relu_out ? backward_sums<T, true>(s, dout, relu_out, x, mean, product, sum)
           : backward_sums<T, false>(s, dout, relu_out, x, mean, product, sum);
}

template <class T>
void backward_of_block(const ColumnBlock& s, const T* dout, const T* relu_out, const T* x, const T* mean,
                       const T* scale, const T* shift, const T* slope, T* dx) {
  relu_out ? backward<T, true>(s, dout, relu_out, x, mean, scale, shift, slope, dx)
           : backward<T, false>(s, dout, relu_out, x, mean, scale, shift, slope, dx);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

struct Partials {};
struct Totals {};
struct Tiled {};

// Repeats the values of the columns for each fold of a wide row.
template <class T>
void tile(const ColumnBlocks& blocks, Index columns, T* values) {
  for (Index k = columns; k < blocks.stride(); ++k) values[k] = values[k - columns];
}

// Combines the moments of the blocks to the mean and variance of each column (Chan, Golub and LeVeque, 1983).
template <class T>
void combine_moments(const ColumnBlocks& blocks, Index rows, Index columns, const T* means, const T* m2s,
                     const T* drifts, T* mean, T* var) {
  const Index stride = blocks.stride();
  double* total = workspace<Totals, double>(2 * columns);
  double* spread = total + columns;
  std::fill(total, total + 2 * columns, 0.0);
  const auto each_piece = [&](auto&& body) {
    for (Index b = 0; b < blocks.count(); ++b) {
      const ColumnBlock s = blocks.block(b);
      const Index row = b / blocks.across() * stride + s.column;
      for (Index j = 0; j < s.width; ++j)
        if (s.count(j) > 0) body((s.column + j) % columns, static_cast<double>(s.count(j)), row + j);
    }
  };
  // Means are relative to that of the first block, means[column].
  const auto from_first = [&](Index column, Index at) {
    return static_cast<double>(means[at]) - static_cast<double>(means[column]);
  };
  each_piece([&](Index column, double count, Index at) {
    total[column] += count * from_first(column, at) + static_cast<double>(drifts[at]);
  });
  for (Index j = 0; j < columns; ++j) total[j] /= static_cast<double>(rows);
  each_piece([&](Index column, double count, Index at) {
    const double off = static_cast<double>(drifts[at]) / count;  // the rounding error of means[at]
    const double apart = from_first(column, at) + off - total[column];
    spread[column] += static_cast<double>(m2s[at]) - off * static_cast<double>(drifts[at]) + count * apart * apart;
  });
  for (Index j = 0; j < columns; ++j) {
    mean[j] = static_cast<T>(static_cast<double>(means[j]) + total[j]);
    var[j] = static_cast<T>((spread[j] < 0 ? 0 : spread[j]) / static_cast<double>(rows));  // keeps NaN
  }
}

// sums[j] = the sum of column j over all blocks, in double.
template <class T>
void combine_sums(const ColumnBlocks& blocks, Index columns, const T* partial, double* sums) {
  std::fill(sums, sums + columns, 0.0);
  for (Index down = 0; down < blocks.down(); ++down)
    for (Index fold = 0; fold < blocks.fold(); ++fold) {
      const T* row = partial + down * blocks.stride() + fold * columns;
      for (Index j = 0; j < columns; ++j) sums[j] += static_cast<double>(row[j]);
    }
}

}  // namespace

template <class T>
void column_statistics(Index rows, Index columns, const T* x, T* mean, T* var) {
  if (columns == 0) return;
  const auto kernel = LAMINA_DISPATCH(moments<T>);
  const ColumnBlocks blocks(rows, columns);
  const Index stride = blocks.stride();
  T* means = workspace<Partials, T>(3 * blocks.down() * stride);
  T *m2s = means + blocks.down() * stride, *drifts = m2s + blocks.down() * stride;
  parallel_for(blocks.count(), [&](Index b) {
    const ColumnBlock s = blocks.block(b);
    const Index at = b / blocks.across() * stride + s.column;
    kernel(s, x + s.offset, means + at, m2s + at, drifts + at);
  });
  combine_moments(blocks, rows, columns, means, m2s, drifts, mean, var);
}

template <class T>
void inverse_std(Index n, const T* var, double eps, T* inv_std) {
  for (Index i = 0; i < n; ++i) inv_std[i] = static_cast<T>(1 / std::sqrt(static_cast<double>(var[i]) + eps));
}

template <class T>
void normalize_columns(Index rows, Index columns, const T* x, const T* mean, const T* inv_std, const T* gamma,
                       const T* beta, bool relu, T* out) {
  if (rows == 0 || columns == 0) return;
  const auto kernel = LAMINA_DISPATCH(normalize_block<T>);
  const ColumnBlocks blocks(rows, columns);
  T* centre = workspace<Tiled, T>(3 * blocks.stride());
  T *scale = centre + blocks.stride(), *shift = scale + blocks.stride();
  for (Index j = 0; j < columns; ++j) {
    centre[j] = mean[j];
    scale[j] = gamma[j] * inv_std[j];
    shift[j] = beta[j];
  }
  for (T* values : {centre, scale, shift}) tile(blocks, columns, values);
  parallel_for(blocks.count(), [&](Index b) {
    const ColumnBlock s = blocks.block(b);
    kernel(s, x + s.offset, centre + s.column, scale + s.column, shift + s.column, relu, out + s.offset);
  });
}

template <class T>
void normalize_columns_sums(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                            const T* inv_std, T* dgamma, T* dbeta) {
  if (columns == 0) return;
  const auto kernel = LAMINA_DISPATCH(backward_sums_of_block<T>);
  const ColumnBlocks blocks(rows, columns);
  const Index stride = blocks.stride();
  T* centre = workspace<Tiled, T>(stride);
  std::copy(mean, mean + columns, centre);
  tile(blocks, columns, centre);
  T* products = workspace<Partials, T>(2 * blocks.down() * stride);
  T* sums = products + blocks.down() * stride;
  parallel_for(blocks.count(), [&](Index b) {
    const ColumnBlock s = blocks.block(b);
    const Index at = b / blocks.across() * stride + s.column;
    kernel(s, dout + s.offset, relu_out ? relu_out + s.offset : nullptr, x + s.offset, centre + s.column, products + at,
           sums + at);
  });
  double* total = workspace<Totals, double>(columns);
  combine_sums(blocks, columns, products, total);
  for (Index j = 0; j < columns; ++j) dgamma[j] = static_cast<T>(total[j] * static_cast<double>(inv_std[j]));
  combine_sums(blocks, columns, sums, total);
  for (Index j = 0; j < columns; ++j) dbeta[j] = static_cast<T>(total[j]);
}

template <class T>
void normalize_columns_backward(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                                const T* inv_std, const T* gamma, const T* dgamma, const T* dbeta, bool statistics,
                                T* dx) {
  if (rows == 0 || columns == 0) return;
  const auto kernel = LAMINA_DISPATCH(backward_of_block<T>);
  const ColumnBlocks blocks(rows, columns);
  const Index stride = blocks.stride();
  T* centre = workspace<Tiled, T>(4 * stride);
  T *scale = centre + stride, *shift = scale + stride, *slope = shift + stride;
  for (Index j = 0; j < columns; ++j) {
    const double a = static_cast<double>(gamma[j]) * static_cast<double>(inv_std[j]), n = static_cast<double>(rows);
    centre[j] = mean[j];
    scale[j] = static_cast<T>(a);
    shift[j] = static_cast<T>(a * static_cast<double>(dbeta[j]) / n);
    slope[j] = static_cast<T>(a * static_cast<double>(inv_std[j]) * static_cast<double>(dgamma[j]) / n);
  }
  for (T* values : {centre, scale, shift, slope}) tile(blocks, columns, values);
  parallel_for(blocks.count(), [&](Index b) {
    const ColumnBlock s = blocks.block(b);
    kernel(s, dout + s.offset, relu_out ? relu_out + s.offset : nullptr, x + s.offset, centre + s.column,
           scale + s.column, statistics ? shift + s.column : nullptr, slope + s.column, dx + s.offset);
  });
}

LAMINA_FLOAT_AND_DOUBLE(column_statistics);
LAMINA_FLOAT_AND_DOUBLE(inverse_std);
LAMINA_FLOAT_AND_DOUBLE(normalize_columns);
LAMINA_FLOAT_AND_DOUBLE(normalize_columns_sums);
LAMINA_FLOAT_AND_DOUBLE(normalize_columns_backward);

}  // namespace lamina::kernels
#endif
