// Batch normalization's running averages, between `bn_param` and the library.
#pragma once

#include <optional>
#include <string_view>

#include "lamina/check.h"
#include "lamina/layers/batchnorm.h"
#include "python/bindings/arrays.h"

namespace lamina::python {

/// What a batch normalization is told, as plain arguments: running averages or None where there are none yet.
class BatchNormArguments {
 public:
  BatchNormArguments(std::string_view where, bool train, double eps, double momentum, py::handle running_mean,
                     py::handle running_var)
      : where_(where), train_(train), eps_(eps), momentum_(momentum) {
    if (!running_mean.is_none()) mean_ = one_axis("running_mean", running_mean);
    if (!running_var.is_none()) var_ = one_axis("running_var", running_var);
  }

  /// The type to compute in, where the other arguments are promoted to `type`: the running averages lose nothing.
  Type computed(Type type) const {
    if (mean_) type = std::max(type, promoted({&*mean_}));
    if (var_) type = std::max(type, promoted({&*var_}));
    return type;
  }
  /// The type of the output, which at test time depends on the running averages.
  Type returned(Type type) const { return train_ ? type : computed(type); }

  template <class T>
  BatchNormParam<T> param() const {
    BatchNormParam<T> param;
    param.mode = train_ ? Mode::train : Mode::test;
    param.eps = eps_;
    param.momentum = momentum_;
    if (mean_) param.running_mean.assign(Input<T>(where_, "running_mean", *mean_));
    if (var_) param.running_var.assign(Input<T>(where_, "running_var", *var_));
    return param;
  }

  /// The running averages after the pass over x.
  template <class T>
  py::array running_mean(BatchNormParam<T>&& param, const py::array& x) const {
    return result(std::move(param.running_mean), averaged(mean_, x));
  }
  template <class T>
  py::array running_var(BatchNormParam<T>&& param, const py::array& x) const {
    return result(std::move(param.running_var), averaged(var_, x));
  }

 private:
  // A number by itself would count as no average yet.
  py::array one_axis(std::string_view name, py::handle object) const {
    py::array array = numbers(where_, name, object);
    if (array.ndim() != 1) fail(where_, "expected ", name, " of shape (D,), got ", shape_text(array));
    return array;
  }
  static Type averaged(const std::optional<py::array>& before, const py::array& x) {
    return before ? promoted({&*before, &x}) : promoted({&x});
  }

  std::string_view where_;
  bool train_;
  double eps_, momentum_;
  std::optional<py::array> mean_, var_;
};

}  // namespace lamina::python
