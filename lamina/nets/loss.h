// The losses that nets have, and the targets of a batch.
#pragma once

#include <span>
#include <string_view>

#include "lamina/options.h"
#include "lamina/tensor.h"

namespace lamina {

/// What the training of a net makes small; layers/ has a header for each, such as softmax_loss.h.
enum class Loss {
  softmax,   ///< cross-entropy of one of C classes
  svm,       ///< hinge loss of one of C classes
  sigmoid,   ///< cross-entropy of K labels, of which an example may have any number
  squared,   ///< of K numbers
  absolute,  ///< of K numbers
  huber      ///< of K numbers
};

/// "softmax"
std::string_view name_of(Loss loss);
/// The loss of that name. Throws std::invalid_argument, which names `where`, for another text.
Loss loss_from_name(std::string_view where, std::string_view name);
/// Whether targets are labels (N); those of the other losses are numbers (N, K).
inline bool takes_labels(Loss loss) { return loss == Loss::softmax || loss == Loss::svm; }

/// The loss of a net that gives C equal scores to whatever example: ln C for softmax, C - 1 for svm, ln 2 for sigmoid
/// (of scores of 0). NaN for the other losses, where it depends on the targets.
double even_loss(Loss loss, Index C);

struct LossOptions {
  Loss loss = Loss::softmax;
  double huber_delta = 1;  ///< errors up to it count by their square
};

void visit_options(LossOptions& options, const VisitOption& visit);

/// The targets of a batch of N examples in a net in T.
template <class T>
struct BatchTargets {
  std::span<const Label> labels = {};    ///< N; none if the targets are numbers
  TensorView<T> numbers = {};            ///< (N, K); empty if the targets are labels
  std::span<const double> weights = {};  ///< N: how much each example counts; none: all the same
};

}  // namespace lamina
