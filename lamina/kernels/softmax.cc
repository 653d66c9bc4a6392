#include "lamina/kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/workspace.h"

namespace lamina::kernels {
namespace {

// Elements a chunk. An exponential costs some ten times what an addition does.
constexpr Index kChunk = 1024;

struct Exponentials {};
struct PartialSums {};

// e = exp(x - max x) of one row; gives their sum, in double.
template <class T>
double exponentials(Index columns, const T* x, T max, T* e) {
  double sum = 0;
  for (Index j = 0; j < columns; ++j) {
    e[j] = std::exp(x[j] - max);
    sum += static_cast<double>(e[j]);
  }
  return sum;
}

template <class T>
double row_loss(Index columns, const T* x, Label y, T* dx, double rows) {
  const T max = *std::max_element(x, x + columns), score = x[y];
  T* e = dx ? dx : workspace<Exponentials, T>(columns);
  const double sum = exponentials(columns, x, max, e);
  if (dx) {
    for (Index j = 0; j < columns; ++j) {
      const double p = static_cast<double>(e[j]) / sum;
      dx[j] = static_cast<T>((j == y ? p - 1 : p) / rows);
    }
  }
  return std::log(sum) - static_cast<double>(score - max);
}

template <class T>
double smoothed_row_loss(Index columns, const T* x, Label y, T* dx, double rows, double smoothing) {
  const T max = *std::max_element(x, x + columns), score = x[y];
  const double share = smoothing / static_cast<double>(columns);
  double apart = 0;  // the sum of max - x
  for (Index j = 0; j < columns; ++j) apart += static_cast<double>(max - x[j]);
  T* e = dx ? dx : workspace<Exponentials, T>(columns);
  const double sum = exponentials(columns, x, max, e);
  if (dx) {
    for (Index j = 0; j < columns; ++j) {
      const double p = static_cast<double>(e[j]) / sum;
      dx[j] = static_cast<T>((p - share - (j == y ? 1 - smoothing : 0)) / rows);
    }
  }
  return std::log(sum) + (1 - smoothing) * static_cast<double>(max - score) + share * apart;
}

// Calls body(chunk, first row, row after the last) for each chunk, and gives their number.
template <class Body>
Index for_rows(Index rows, Index columns, Body&& body) {
  const Index height = std::max<Index>(1, kChunk / columns), chunks = (rows + height - 1) / height;
  parallel_for(chunks, [&](Index chunk) { body(chunk, chunk * height, std::min(rows, (chunk + 1) * height)); });
  return chunks;
}

}  // namespace

template <class T>
void softmax(Index rows, Index columns, const T* x, T* out) {
  if (columns == 0) return;
  for_rows(rows, columns, [=](Index, Index first, Index end) {
    for (Index i = first; i < end; ++i) {
      const T* row = x + i * columns;
      T* p = out + i * columns;
      const double sum = exponentials(columns, row, *std::max_element(row, row + columns), p);
      for (Index j = 0; j < columns; ++j) p[j] = static_cast<T>(static_cast<double>(p[j]) / sum);
    }
  });
}

template <class T>
double softmax_loss(Index rows, Index columns, const T* x, const Label* y, T* dx, double smoothing) {
  double* partial = workspace<PartialSums, double>(rows);
  const Index chunks = for_rows(rows, columns, [=](Index chunk, Index first, Index end) {
    double sum = 0;
    for (Index i = first; i < end; ++i) {
      T* dx_row = dx ? dx + i * columns : nullptr;
      sum += smoothing == 0
                 ? row_loss(columns, x + i * columns, y[i], dx_row, static_cast<double>(rows))
                 : smoothed_row_loss(columns, x + i * columns, y[i], dx_row, static_cast<double>(rows), smoothing);
    }
    partial[chunk] = sum;
  });
  double loss = 0;
  for (Index chunk = 0; chunk < chunks; ++chunk) loss += partial[chunk];
  return loss;
}

template void softmax(Index, Index, const float*, float*);
template void softmax(Index, Index, const double*, double*);
template double softmax_loss(Index, Index, const float*, const Label*, float*, double);
template double softmax_loss(Index, Index, const double*, const Label*, double*, double);

}  // namespace lamina::kernels
