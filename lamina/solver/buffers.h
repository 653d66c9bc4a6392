// A model's buffers: what it keeps but does not learn, such as running averages.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "lamina/check.h"
#include "lamina/nets/net.h"
#include "lamina/tensor.h"

namespace lamina::detail {

/// Writes the model's buffers, if it has any, to `buffers`, whose memory is reused. A model may create or replace its
/// buffers in any pass, so the views are only valid until the next pass.
template <class M>
void list_buffers(M& model, std::vector<NamedTensor<typename M::Scalar>>& buffers) {
  if constexpr (requires { model.list_buffers(buffers); })
    model.list_buffers(buffers);
  else if constexpr (requires { model.buffers(); })
    buffers = model.buffers();
  else
    buffers.clear();
}

template <class M>
std::vector<NamedTensor<typename M::Scalar>> buffers_of(M& model) {
  std::vector<NamedTensor<typename M::Scalar>> buffers;
  list_buffers(model, buffers);
  return buffers;
}

template <class T>
void copy_out(const std::vector<NamedTensor<T>>& from, std::vector<Tensor<T>>& to) {
  to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i].assign(from[i].value);
}

template <class T>
void copy_back(const std::vector<Tensor<T>>& from, std::vector<NamedTensor<T>> to) {
  for (std::size_t i = 0; i < from.size(); ++i) std::copy(from[i].begin(), from[i].end(), to[i].value.begin());
}

/// Throws std::invalid_argument unless `kept` has the shapes of `now`, a model's buffers.
template <class T>
void check_buffers(const std::vector<Tensor<T>>& kept, const std::vector<NamedTensor<T>>& now) {
  if (kept.size() != now.size())
    fail("Solver::set_state", "expected ", now.size(), " buffers, as the model has, got ", kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i)
    check_shape("Solver::set_state", now[i].name, kept[i].shape(), now[i].value.shape(), "the model");
}

}  // namespace lamina::detail
