// Figures of what a net predicts for targets that are numbers, or labels of which an example may have any number.
#pragma once

#include <string>
#include <vector>

#include "lamina/tensor.h"
#include "workbench/pages/figures.h"

namespace lamina {

/// For each of the K numbers, of at most four, predicted against true values, with the line on which both are the same,
/// and residuals (true minus predicted) against predicted values. `predicted` and `targets` are (N, K). Of more than
/// 2,000 examples as many are shown, evenly spread.
std::vector<Figure> regression_figures(const std::vector<std::string>& names, const Tensor<double>& predicted,
                                       const Tensor<double>& targets);

/// Precision against recall, one curve for each of the K labels, of at most six: those with the most examples. `logits`
/// and `targets` are (N, K); a label is an example's where its target is above 0.5. A label that no example has gets no
/// curve.
Figure precision_recall_figure(const std::vector<std::string>& names, const Tensor<double>& logits,
                               const Tensor<double>& targets);

}  // namespace lamina
