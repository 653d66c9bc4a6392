// Kernels of batch, layer and group normalization. Statistics are the mean and the biased variance. They are computed
// from chunks of fixed size, each centred on its own mean, so they are accurate for large means and have the same bits
// for any number of threads.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// mean[j] and var[j] of column j of x (rows, columns), rows > 0. For channels-last images, the N H W pixels are the
/// rows.
template <class T>
void column_statistics(Index rows, Index columns, const T* x, T* mean, T* var);
/// mean[i] and var[i] of row i of x (rows, columns).
template <class T>
void row_statistics(Index rows, Index columns, const T* x, T* mean, T* var);
/// inv_std[i] = 1 / sqrt(var[i] + eps); may be in place.
template <class T>
void inverse_std(Index n, const T* var, double eps, T* inv_std);

/// Batch normalization of x (rows, columns):
/// out[i, j] = gamma[j] (x[i, j] - mean[j]) inv_std[j] + beta[j] [then max(0, out); NaN stays NaN].
/// out may be x.
template <class T>
void normalize_columns(Index rows, Index columns, const T* x, const T* mean, const T* inv_std, const T* gamma,
                       const T* beta, bool relu, T* out);
/// dbeta[j] = sum_i dout[i, j];  dgamma[j] = sum_i dout[i, j] x^[i, j],  x^ = (x - mean) inv_std.
/// If relu_out (rows, columns) is not null, dout counts as 0 where relu_out is not positive.
template <class T>
void normalize_columns_sums(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                            const T* inv_std, T* dgamma, T* dbeta);
/// dgamma and dbeta are the sums of normalize_columns_sums. If `statistics`, that is, if mean and inv_std were computed
/// from x: dx[i, j] = gamma[j] inv_std[j] (dout[i, j] - (dbeta[j] + x^[i, j] dgamma[j]) / rows); else
/// dx = gamma inv_std dout. relu_out as above. dx may be dout.
template <class T>
void normalize_columns_backward(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                                const T* inv_std, const T* gamma, const T* dgamma, const T* dbeta, bool statistics,
                                T* dx);

/// Batch normalization of x (rows, columns) by its own statistics, which are stored too: the same as column_statistics,
/// inverse_std and normalize_columns, but for a small x in one pass over whole columns. rows > 0; out may be x.
template <class T>
void normalize_batch(Index rows, Index columns, const T* x, const T* gamma, const T* beta, double eps, bool relu,
                     T* mean, T* var, T* inv_std, T* out);
/// What normalize_columns_sums and normalize_columns_backward do, likewise. dx may be dout.
template <class T>
void normalize_batch_backward(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                              const T* inv_std, const T* gamma, bool statistics, T* dgamma, T* dbeta, T* dx);

/// Layer normalization of x (rows, columns): out[i, j] = gamma[j] (x[i, j] - mean[i]) inv_std[i] + beta[j]
/// [then max(0, out)]. out may be x.
template <class T>
void normalize_rows(Index rows, Index columns, const T* x, const T* mean, const T* inv_std, const T* gamma,
                    const T* beta, bool relu, T* out);
/// dbeta[j] = sum_i dout[i, j];  dgamma[j] = sum_i dout[i, j] x^[i, j];  with g = dout gamma:
/// dx[i, j] = inv_std[i] (g - mean_j(g) - x^ mean_j(g x^)). relu_out as above. dx may be dout.
template <class T>
void normalize_rows_backward(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                             const T* inv_std, const T* gamma, T* dx, T* dgamma, T* dbeta);

/// Group normalization of images x (N, C, S), S = H W, the channels in G equal groups; mean and inv_std (N, G), the
/// row_statistics of x seen as (N G, C / G S): out = gamma[c] (x - mean) inv_std + beta[c]. out may be x.
template <class T>
void normalize_groups(Index N, Index C, Index S, Index G, const T* x, const T* mean, const T* inv_std, const T* gamma,
                      const T* beta, T* out);
/// dbeta[c] = sum dout;  dgamma[c] = sum dout x^ (over N and S);  dx as in normalize_rows_backward, the means over
/// one image's group. dx may be dout.
template <class T>
void normalize_groups_backward(Index N, Index C, Index S, Index G, const T* dout, const T* x, const T* mean,
                               const T* inv_std, const T* gamma, T* dx, T* dgamma, T* dbeta);

}  // namespace lamina::kernels
