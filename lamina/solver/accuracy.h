// An accuracy check: the score of a net on a split (score.h), computed batch by batch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lamina/check.h"
#include "lamina/data/dataset.h"
#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/solver/score.h"
#include "lamina/tensor.h"

namespace lamina {

/// begin() draws the examples to check, next() checks a batch of them and is called while any are left(), and
/// accuracy() is the result: the accuracy if targets are labels, else the score of the net's loss, or R^2 for a model
/// that names no loss. The next check reuses the memory.
template <Model M>
class AccuracyCheck {
 public:
  using T = typename M::Scalar;

  /// Whether to average the scores of each image and of its mirror image.
  bool mirror_averaging = false;
  /// Whether a label that is not a class counts as wrong instead of being an error.
  bool any_label = false;

  /// What the check computes.
  static Score score(const M& model, const Split& split) {
    if (!split.targets) return Score::accuracy;
    if constexpr (requires { model.net_options().loss.loss; }) return score_of(model.net_options().loss.loss);
    return Score::r2;
  }

  /// If num_samples is given and the split has more examples, draws choice(N, num_samples) to be checked; otherwise all
  /// are. An example that is drawn k times counts k times, but is scored once. The split must outlive the check.
  void begin(const Split& split, std::optional<Index> num_samples, RandomState& random) {
    split_ = &split;
    first_ = right_ = 0;
    numbers_.clear();
    labels_.clear();
    drawn_ = num_samples && split.size() > *num_samples;
    count_ = drawn_ ? *num_samples : split.size();
    times_.assign(static_cast<std::size_t>(drawn_ ? 0 : count_), 1);
    if (!drawn_) return;
    rows_.resize(static_cast<std::size_t>(count_));
    random.choice(split.size(), rows_);
    std::sort(rows_.begin(), rows_.end());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i > 0 && rows_[i] == rows_[times_.size() - 1]) {
        ++times_.back();
        continue;
      }
      rows_[times_.size()] = rows_[i];
      times_.push_back(1);
    }
    rows_.resize(times_.size());
  }

  bool left() const { return first_ < static_cast<Index>(times_.size()); }

  /// Checks up to batch_size more examples. After an exception the next call checks the same ones again.
  void next(M& model, Index batch_size) {
    const Index count = std::min(batch_size, static_cast<Index>(times_.size()) - first_);
    const TensorView<T>& scores = mirror_averaging ? mean_scores(model, count) : model.loss(taken(count));
    check_scores(scores, count);
    if (split_->targets)
      take_numbers(scores, count, score(model, *split_) == Score::f1);
    else
      take_labels(scores, count);
    first_ += count;
  }

  /// The score, once no examples are left.
  double accuracy() const {
    if (!labels_.empty()) return mean_f1(labels_);
    if (!numbers_.empty()) return mean_r2(numbers_);
    return static_cast<double>(right_) / static_cast<double>(count_);
  }

 private:
  void take_labels(const TensorView<T>& scores, Index count) {
    const Index C = scores.dim(1);
    Index right = 0;
    for (Index i = 0; i < count; ++i) {
      const Label label = split_->y[static_cast<std::size_t>(row(i))];
      if (!any_label && (label < 0 || label >= C))
        fail("check_accuracy", "expected labels of 0 to ", C - 1, " to match the scores, got ", label, " for example ",
             row(i));
      if (detail::argmax(std::span<const T>(scores.data() + i * C, static_cast<std::size_t>(C))) == label)
        right += times_[static_cast<std::size_t>(first_ + i)];
    }
    right_ += right;
  }

  void take_numbers(const TensorView<T>& scores, Index count, bool of_labels) {
    const Tensor<double>& targets = *split_->targets;
    const Index K = targets.dim(1);
    if (scores.dim(1) != K)
      fail("check_accuracy", "expected scores of shape (", count, ", ", K, ") to match the targets, got ",
           scores.shape());
    const auto add_to = [&](auto& sums) {
      sums.resize(static_cast<std::size_t>(K));
      for (Index i = 0; i < count; ++i)
        for (Index k = 0; k < K; ++k)
          sums[static_cast<std::size_t>(k)].add(static_cast<double>(times_[static_cast<std::size_t>(first_ + i)]),
                                                static_cast<double>(scores(i, k)), targets(row(i), k));
    };
    of_labels ? add_to(labels_) : add_to(numbers_);
  }

  // The row in the split of example i of the batch.
  Index row(Index i) const { return drawn_ ? rows_[static_cast<std::size_t>(first_ + i)] : first_ + i; }

  TensorView<T> taken(Index count) {
    if (!drawn_) return split_->X.range(first_, count, X_);
    split_->X.gather(
        std::span<const Index>(rows_).subspan(static_cast<std::size_t>(first_), static_cast<std::size_t>(count)), X_);
    return X_;
  }

  const TensorView<T>& mean_scores(M& model, Index count) {
    scores_.assign(model.loss(taken(count)));
    batch_rows_.resize(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) batch_rows_[static_cast<std::size_t>(i)] = row(i);
    moves_.assign(batch_rows_.size(), kernels::Move{.mirror = true});
    split_->X.gather(batch_rows_, moves_, X_);
    const TensorView<T>& other = model.loss(X_);
    check_shape("check_accuracy", "scores of mirror images", other.shape(), scores_.shape(), "the images");
    for (Index i = 0; i < scores_.size(); ++i) scores_[i] = (scores_[i] + other[i]) / 2;
    return scores_;
  }

  static void check_scores(const TensorView<T>& scores, Index count) {
    if (scores.rank() != 2 || scores.dim(0) != count || scores.dim(1) < 1)
      fail("check_accuracy", "expected scores of shape (", count, ", C), got ", scores.shape());
  }

  const Split* split_ = nullptr;
  bool drawn_ = false;
  Index count_ = 0, first_ = 0, right_ = 0;
  std::vector<LabelCounts> labels_;    // one for each label, if the targets are labels that an example may have
  std::vector<NumberErrors> numbers_;  // one for each number, if they are other numbers
  std::vector<Index> rows_, times_;    // the distinct rows that were drawn (if drawn_), and how often each counts
  std::vector<Index> batch_rows_;
  std::vector<kernels::Move> moves_;
  Tensor<T> X_, scores_;
};

}  // namespace lamina
