#include "python/bindings/targets.h"

#include <span>
#include <string>

#include "lamina/check.h"
#include "lamina/solver/score.h"
#include "lamina/solver/target_batch.h"
#include "python/bindings/bindings.h"

namespace lamina::python {
namespace {

Score score_named(std::string_view name) {
  for (const Score score : {Score::f1, Score::r2})
    if (name == name_of(score)) return score;
  return Score::accuracy;
}

double score_of_numbers(const std::string& name, py::handle scores, py::handle targets) {
  const auto read = [](const char* what, py::handle object) {
    const py::array array = numbers("check_accuracy", what, object);
    return Input<double>(array, shape_of_numbers("check_accuracy", array));
  };
  const Input<double> x = read("scores", scores), t = read("y", targets);
  check_shape("check_accuracy", "scores", x.view().shape(), t.view().shape(), "the targets");
  const Index N = t.view().dim(0), K = t.view().dim(1);
  const auto summed = [&](auto&& sums) {
    for (Index i = 0; i < N; ++i)
      for (Index k = 0; k < K; ++k) sums[static_cast<std::size_t>(k)].add(1, x.view()(i, k), t.view()(i, k));
    return sums;
  };
  if (score_named(name) == Score::f1) return mean_f1(summed(std::vector<LabelCounts>(static_cast<std::size_t>(K))));
  return mean_r2(summed(std::vector<NumberErrors>(static_cast<std::size_t>(K))));
}

}  // namespace

PyTargets targets_of(std::string_view where, Loss loss, py::handle y, py::handle weights) {
  PyTargets targets;
  if (takes_labels(loss))
    targets.labels = python::labels(where, "y", y);
  else
    targets.numbers = numbers(where, "y", y);
  targets.weights = weights_of(where, weights);
  return targets;
}

Shape shape_of_numbers(std::string_view where, const py::array& y) {
  const Shape shape = shape_of(where, "y", y);
  if (shape.rank() != 1 && shape.rank() != 2) fail(where, "expected y of shape (N, K) or (N,), got ", shape);
  return {shape[0], shape.rank() == 1 ? 1 : shape[1]};
}

void bind_targets(py::module_& m) {
  m.def("score", &score_of_numbers, py::arg("score"), py::arg("scores"), py::arg("targets"),
        "The score of that name, 'mean F1' or 'R^2', of scores (N, K) where the targets (N, K) are numbers.");
  m.def(
      "scores_text",
      [](const std::string& score, double train, double val) { return scores_text(score_named(score), train, val); },
      py::arg("score"), py::arg("train"), py::arg("val"));
  m.def(
      "class_weights",
      [](const std::string& text, py::handle y) {
        return row_of(std::span<const double>(class_weights_of(text, labels("Solver", "y", y))));
      },
      py::arg("text"), py::arg("y"));
}

}  // namespace lamina::python
