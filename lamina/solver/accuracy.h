// An accuracy check: the fraction of examples whose highest score is their label's, batch by batch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "lamina/check.h"
#include "lamina/data/dataset.h"
#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

namespace detail {

/// As np.argmax: the first maximum; a NaN counts as one.
template <class T>
Index argmax(std::span<const T> x) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) return static_cast<Index>(i);
    if (x[i] > x[best]) best = i;
  }
  return static_cast<Index>(best);
}

}  // namespace detail

/// begin() draws the examples to look at, next() looks at some of them until none are left(), and accuracy() is the
/// result. The memory of a check serves the next one.
template <Model M>
class AccuracyCheck {
 public:
  using T = typename M::Scalar;

  /// Whether scores are the mean of those of an image and its mirror image.
  bool mirror_averaging = false;
  /// Whether a label that is no class counts as wrong; else it is an error.
  bool any_label = false;

  /// Where num_samples is not 0 and the split has more examples, draws choice(N, num_samples) and looks at those; else
  /// at all. An example that is drawn several times counts as often, and is looked at once. The split must outlive the
  /// check.
  void begin(const Split& split, Index num_samples, RandomState& random) {
    split_ = &split;
    first_ = right_ = 0;
    drawn_ = num_samples != 0 && split.size() > num_samples;
    count_ = drawn_ ? num_samples : split.size();
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

  /// Looks at up to batch_size more examples. Where it ends by an exception, the next call looks at the same ones.
  void next(M& model, Index batch_size) {
    const Index count = std::min(batch_size, static_cast<Index>(times_.size()) - first_);
    const TensorView<T>& scores = mirror_averaging ? mean_scores(model, count) : model.loss(taken(count));
    check_scores(scores, count);
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
    first_ += count;
  }

  /// The fraction of right ones among all, when none are left.
  double accuracy() const { return static_cast<double>(right_) / static_cast<double>(count_); }

 private:
  // The place of example i of the batch.
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
  std::vector<Index> rows_, times_;  // the different examples, where drawn, and how often each counts
  std::vector<Index> batch_rows_;
  std::vector<kernels::Move> moves_;
  Tensor<T> X_, scores_;
};

}  // namespace lamina
