// The targets of mini-batches, and the weights of their examples.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/nets/loss.h"
#include "lamina/tensor.h"

namespace lamina {

/// The weight of each class that SolverOptions::class_weights asks for, by the labels y of the training examples: none
/// for an empty text; for "balanced", 1 / the number of a class's examples; else the text's numbers. Throws
/// std::invalid_argument if the text is none of these, a number is negative, or a label has none.
std::vector<double> class_weights_of(const std::string& text, std::span<const Label> y);

/// Gathers the targets of a split's examples.
template <class T>
class TargetBatch {
 public:
  /// `split` must outlive it.
  explicit TargetBatch(const Split& split) : split_(split) {}

  /// The targets of the examples at the given positions, in that order, with their weights, which are those of the
  /// split times those of their classes. Valid until the next call.
  BatchTargets<T> gather(std::span<const Index> rows, const std::string& class_weights) {
    weigh_classes(class_weights);
    BatchTargets<T> batch;
    if (split_.targets) {
      const Index K = split_.targets->dim(1);
      numbers_.resize({static_cast<Index>(rows.size()), K});
      for (std::size_t i = 0; i < rows.size(); ++i)
        std::transform(split_.targets->data() + rows[i] * K, split_.targets->data() + (rows[i] + 1) * K,
                       numbers_.data() + static_cast<Index>(i) * K, [](double x) { return static_cast<T>(x); });
      batch.numbers = numbers_;
    } else {
      labels_.resize(rows.size());
      std::transform(rows.begin(), rows.end(), labels_.begin(),
                     [this](Index row) { return split_.y[static_cast<std::size_t>(row)]; });
      batch.labels = labels_;
    }
    if (split_.weights || !class_weights_.empty()) {
      weights_.resize(rows.size());
      std::transform(rows.begin(), rows.end(), weights_.begin(), [this](Index row) { return weight(row); });
      batch.weights = weights_;
    }
    return batch;
  }

  /// The sum of these examples' weights; their number where all weigh the same.
  double weight_of(std::span<const Index> rows, const std::string& class_weights) {
    weigh_classes(class_weights);
    if (!split_.weights && class_weights_.empty()) return static_cast<double>(rows.size());
    double sum = 0;
    for (const Index row : rows) sum += weight(row);
    return sum;
  }

 private:
  void weigh_classes(const std::string& text) {
    if (text == class_weights_text_) return;
    class_weights_ = class_weights_of(text, split_.y);
    class_weights_text_ = text;
  }
  double weight(Index row) const {
    const double own = split_.weights ? (*split_.weights)[row] : 1;
    if (class_weights_.empty()) return own;
    return own * class_weights_[static_cast<std::size_t>(split_.y[static_cast<std::size_t>(row)])];
  }

  const Split& split_;
  std::string class_weights_text_;
  std::vector<double> class_weights_, weights_;
  std::vector<Label> labels_;
  Tensor<T> numbers_;
};

}  // namespace lamina
