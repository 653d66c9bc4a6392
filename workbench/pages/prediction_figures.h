// Figures of what a net predicts: a confusion matrix of classes, curves of labels of which an example may have any
// number, and points of numbers.
#pragma once

#include <string>
#include <vector>

#include "lamina/tensor.h"
#include "workbench/pages/figures.h"

namespace lamina {

/// The most classes of which confusion_table() makes a table.
inline constexpr std::size_t kMostConfusionClasses = 40;

/// The confusion matrix as a table for a page: a row for each true class, a column for each class that its examples
/// were taken for, darker the larger the fraction of the row. Empty for more than kMostConfusionClasses classes.
/// `confusion` [i][j] is the number of examples of class i that were classified as class j.
std::string confusion_table(const std::vector<std::string>& class_names,
                            const std::vector<std::vector<Index>>& confusion);

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
