// A model's buffers (what it keeps but does not learn, such as running averages), and checks that a model still has the
// buffers and parameters that it had.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/check.h"
#include "lamina/nets/net.h"
#include "lamina/parameters.h"
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

/// Throws std::invalid_argument unless `kept`, of a state, has the shapes of `now`, a model's buffers.
template <class T>
void check_buffers(const std::vector<Tensor<T>>& kept, const std::vector<NamedTensor<T>>& now) {
  if (kept.size() != now.size())
    fail("Solver::set_state", "expected ", now.size(), " buffers, as the model has, got ", kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i)
    check_shape("Solver::set_state", now[i].name, kept[i].shape(), now[i].value.shape(), "the model");
}

/// Throws std::invalid_argument unless a model's buffers have the shapes of those that were kept of it before.
template <class T>
void check_unchanged(const std::vector<Tensor<T>>& kept, const std::vector<NamedTensor<T>>& now) {
  if (kept.size() != now.size()) {
    std::string names;
    for (const NamedTensor<T>& each : now) names += (names.empty() ? ": " : ", ") + each.name;
    fail("Solver", "expected ", kept.size(), " buffers, as the model had, got ", now.size(), names);
  }
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i].shape() != now[i].value.shape())
      fail("Solver", "expected buffer ", now[i].name, " of shape ", kept[i].shape(), ", as the model had, got ",
           now[i].value.shape());
}

template <class T>
void copy_back(const std::vector<Tensor<T>>& from, std::vector<NamedTensor<T>> to) {
  check_unchanged(from, to);
  for (std::size_t i = 0; i < from.size(); ++i) std::copy(from[i].begin(), from[i].end(), to[i].value.begin());
}

/// Throws std::invalid_argument, which names the first difference, unless the parameters have the names and shapes of
/// `layout`, those at the start.
template <class T>
void check_layout(const Parameters<T>& params, const ParameterLayout& layout) {
  auto expected = layout.begin();
  for (const auto& [name, value] : params) {
    if (expected == layout.end() || name != expected->first)
      fail("Solver", "expected the parameters that the model had at the start, got ",
           expected == layout.end() ? "a new one, " : "another instead of " + expected->first + ": ", name);
    if (value.shape() != expected->second)
      fail("Solver", "expected parameter ", name, " of shape ", expected->second, ", as at the start, got ",
           value.shape());
    ++expected;
  }
  if (expected != layout.end())
    fail("Solver", "expected the parameters that the model had at the start, but ", expected->first, " is gone");
}

}  // namespace lamina::detail
