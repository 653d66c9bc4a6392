// Small trainings of fully-connected nets, side by side, each on a stream of its own: what answers the inline
// questions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/nets/fully_connected_net.h"
#include "lamina/solver/solver.h"
#include "notebooks/notebook.h"

namespace lamina::reproduce {

struct Trial {
  FullyConnectedNetOptions net;
  SolverOptions options;
  std::uint32_t seed = 231;
  History history;  ///< up to a loss that is not finite, where there is one
};

/// A net for the notebook's data.
FullyConnectedNetOptions net_for(const Dataset& data, std::vector<Index> hidden_dims, double weight_scale = 1e-2,
                                 Normalization normalization = Normalization::none);
SolverOptions solver_for(UpdateRule rule, double learning_rate, Index batch_size, Index epochs);

/// Runs them, one thread each, and fills in their histories.
void run_trials(Cell& cell, const std::string& what, std::vector<Trial>& trials, const SolverData& data);

/// The first `count` images of a split as (N, C, H, W), less the mean image; fewer where there are not so many.
Tensor<double> images_of(const Split& split, Index count);

/// sqrt(sum x^2)
double norm_of(const TensorView<double>& x);

/// An accuracy against another, both on `count` images: "0.120 higher", "0.013 lower, less than 1,000 images can tell
/// (0.044)", "the same". What images can tell is two standard errors of the difference.
std::string against(double accuracy, double other, Index count);
/// That bound.
double telling_difference(double accuracy, double other, Index count);

/// One of the two by the difference's sign, or that it is less than the data can tell.
std::string verdict(double difference, double bound, const std::string& positive, const std::string& negative);

/// "1.6·10⁻⁶"
std::string power_text(double value);

/// `count` values from `first` to `last`, each the same factor above the one before.
std::vector<double> factors(double first, double last, int count);

}  // namespace lamina::reproduce
