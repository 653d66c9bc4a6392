#include "lamina/kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/both_precisions.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

namespace lamina::kernels {
namespace {

// Chunks of rows. They have fewer elements than elsewhere, because an exponential costs as much as ten additions.
Chunks rows_of(Index rows, Index columns) { return Chunks::about(1024, rows, columns); }

struct Exponentials {};
struct PartialSums {};

// e = exp(x - max) of one row; returns their sum, in double.
template <class T>
double exponentials(Index columns, const T* x, T max, T* e) {
  double sum = 0;
  for (Index j = 0; j < columns; ++j) {
    e[j] = std::exp(x[j] - max);
    sum += static_cast<double>(e[j]);
  }
  return sum;
}

// Returns -log softmax(x)[y] for one row and, if dx is not null, stores its gradient.
template <class T>
double row_loss(Index columns, const T* x, Label y, T* dx, double divisor) {
  const T max = *std::max_element(x, x + columns), score = x[y];
  T* e = dx ? dx : workspace<Exponentials, T>(columns);
  const double sum = exponentials(columns, x, max, e);
  if (dx) {
    for (Index j = 0; j < columns; ++j) {
      const double p = static_cast<double>(e[j]) / sum;
      dx[j] = static_cast<T>((j == y ? p - 1 : p) / divisor);
    }
  }
  return std::log(sum) - static_cast<double>(score - max);
}

// The same with label smoothing.
template <class T>
double smoothed_row_loss(Index columns, const T* x, Label y, T* dx, double divisor, double smoothing) {
  const T max = *std::max_element(x, x + columns), score = x[y];
  const double share = smoothing / static_cast<double>(columns);
  double apart = 0;  // the sum of max - x
  for (Index j = 0; j < columns; ++j) apart += static_cast<double>(max - x[j]);
  T* e = dx ? dx : workspace<Exponentials, T>(columns);
  const double sum = exponentials(columns, x, max, e);
  if (dx) {
    for (Index j = 0; j < columns; ++j) {
      const double p = static_cast<double>(e[j]) / sum;
      dx[j] = static_cast<T>((p - share - (j == y ? 1 - smoothing : 0)) / divisor);
    }
  }
  return std::log(sum) + (1 - smoothing) * static_cast<double>(max - score) + share * apart;
}

}  // namespace

template <class T>
void softmax(Index rows, Index columns, const T* x, T* out) {
  if (columns == 0) return;
  for_chunks(rows_of(rows, columns), [=](Index first, Index length) {
    for (Index i = first; i < first + length; ++i) {
      const T* row = x + i * columns;
      T* p = out + i * columns;
      const double sum = exponentials(columns, row, *std::max_element(row, row + columns), p);
      for (Index j = 0; j < columns; ++j) p[j] = static_cast<T>(static_cast<double>(p[j]) / sum);
    }
  });
}

template <class T>
double softmax_loss(Index rows, Index columns, const T* x, const Label* y, T* dx, double smoothing,
                    const RowWeights& weights) {
  const Chunks chunks = rows_of(rows, columns);
  double* partial = workspace<PartialSums, double>(chunks.count());
  for_chunks(chunks, [=, &weights](Index chunk, Index first, Index length) {
    double sum = 0;
    for (Index i = first; i < first + length; ++i) {
      T* dx_row = dx ? dx + i * columns : nullptr;
      const T* row = x + i * columns;
      const double divisor = weights.divisor(i);
      sum += weights.of(i) * (smoothing == 0 ? row_loss(columns, row, y[i], dx_row, divisor)
                                             : smoothed_row_loss(columns, row, y[i], dx_row, divisor, smoothing));
    }
    partial[chunk] = sum;
  });
  double loss = 0;
  for (Index chunk = 0; chunk < chunks.count(); ++chunk) loss += partial[chunk];
  return loss;
}

LAMINA_FLOAT_AND_DOUBLE(softmax);
LAMINA_FLOAT_AND_DOUBLE(softmax_loss);

}  // namespace lamina::kernels
