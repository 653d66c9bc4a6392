// The inline questions of the second notebook: initialization, batch size and preprocessing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "lamina/layers/affine.h"
#include "lamina/layers/batchnorm.h"
#include "lamina/layers/layernorm.h"
#include "notebooks/layer_checks.h"
#include "notebooks/questions.h"
#include "notebooks/training.h"
#include "notebooks/trials.h"

namespace lamina::reproduce {
namespace {

double least(const std::vector<double>& values) {
  return values.empty() ? kNotPrinted : *std::min_element(values.begin(), values.end());
}

Index count_below(const std::vector<double>& values, double bound) {
  return std::count_if(values.begin(), values.end(), [bound](double v) { return !(v >= bound); });
}

}  // namespace

void batchnorm_initialization_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const Dataset& data = notebook.data();
  const NotebookExperiment& trained = notebook.experiment_of("12");
  const NotebookSeries &baseline = trained.histories.at(1).series.at(0),
                       &batchnorm = trained.histories.at(1).series.at(1);
  const Tensor<double> X = images_of(data.train, 50);
  const std::span<const Label> y(data.train.y.data(), static_cast<std::size_t>(X.dim(0)));
  NotebookPlot plot{"Gradient of the first layer before training", "Weight initialization scale",
                    "Norm of W1's gradient", true};
  plot.log_y = true;
  double ratio[2] = {0, 0};
  for (const Normalization kind : {Normalization::none, Normalization::batchnorm}) {
    NotebookSeries line{kind == Normalization::none ? "no normalization" : "batch normalization", baseline.x, {}};
    for (const double scale : baseline.x) {
      RandomState random(231);
      FullyConnectedNet<double> net(net_for(data, std::vector<Index>(7, 50), scale, kind), random);
      line.y.push_back(norm_of(net.loss(X, y).grads["W1"]));
    }
    ratio[kind == Normalization::batchnorm ? 1 : 0] = largest(line.y) / least(line.y);
    plot.series.push_back(std::move(line));
  }
  cell.say("largest / smallest gradient of W1 over the weight scales: ", ratio[0], ", with batch normalization ",
           ratio[1]);
  cell.below(
      "orders of magnitude that the gradient of W1 spans over the scales, with batch normalization minus without",
      std::log10(ratio[1]) - std::log10(ratio[0]), -3, kNotPrinted,
      "the answer: batch normalization reduces vanishing and exploding gradients");
  const double chance = 1 / static_cast<double>(data.class_names.size());
  const double low = std::min(2 * chance, (1 + chance) / 2);
  const Index poor = count_below(baseline.y, low), poor_with = count_below(batchnorm.y, low);
  const Index scales = static_cast<Index>(baseline.y.size());
  NotebookExperiment& experiment = cell.experiment(
      "Batch normalization and initialization",
      fmt::format(
          "The figure shows why: before the first step, the gradient of the first of eight layers spans {:.0f} orders "
          "of "
          "magnitude over these scales without batch normalization and {:.1f} with it. Each normalization takes the "
          "scale of the weights before it out again, so neither signals nor gradients shrink or grow from layer to "
          "layer. "
          "Best training accuracies of the experiment above lie between {:.3f} and {:.3f} with it, between {:.3f} and "
          "{:.3f} "
          "without.",
          std::log10(ratio[0]), std::log10(ratio[1]), least(batchnorm.y), largest(batchnorm.y), least(baseline.y),
          largest(baseline.y)));
  experiment.question =
      "Describe the results of this experiment. How does the scale of weight initialization affect models with and "
      "without "
      "batch normalization differently, and why?";
  experiment.answer =
      "Models with batch normalization generally perform better, and weight scales that are too small or too large "
      "have less "
      "impact on them, since it reduces vanishing and exploding gradients.";
  experiment.finding = fmt::format(
      "Without batch normalization {} of the {} weight scales stay below {:.0f}% training accuracy (chance is "
      "{:.0f}%), "
      "with it {}; the mean over the scales is {:.3f} without and {:.3f} with it: {}.",
      poor, scales, 100 * low, 100 * chance, poor_with, mean(baseline.y), mean(batchnorm.y),
      verdict(mean(batchnorm.y) - mean(baseline.y),
              telling_difference(mean(batchnorm.y), mean(baseline.y), std::min<Index>(1000, data.train.size())),
              "it performs better, as the answer says", "it performs worse here, unlike in the answer"));
  experiment.histories = {std::move(plot)};
}

void batchnorm_batch_size_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const Dataset& data = notebook.data();
  const auto& accuracies = notebook.experiment_of("14").histories.at(1).series;  // baseline, then 5, 10 and 50
  // What batch normalization computes of a batch, against the same of 1,000 images: the first layer's outputs.
  RandomState random(231);
  const Tensor<double> X = images_of(data.train, 1000), W = random.randn({data.example_shape().size(), 100});
  const Tensor<double> z = affine_forward<double>(X, W, Tensor<double>(Shape{100})).first;
  const Statistics whole = of_columns(z);
  NotebookPlot plot{"How far a batch's statistics lie from the whole data's", "Batch size",
                    "Error, in standard deviations", true};
  plot.log_y = true;
  NotebookSeries means{"mean", {}, {}}, deviations{"standard deviation", {}, {}};
  constexpr int kDraws = 40;
  for (const Index size : {2, 5, 10, 20, 50, 100, 200}) {
    double mean_error = 0, deviation_error = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      Tensor<double> batch({size, z.dim(1)});
      for (Index i = 0; i < size; ++i) {
        const Index row = random.randint(z.dim(0));
        for (Index j = 0; j < z.dim(1); ++j) batch(i, j) = z(row, j);
      }
      const Statistics found = of_columns(batch);
      for (std::size_t j = 0; j < found.means.size(); ++j) {
        mean_error += std::pow((found.means[j] - whole.means[j]) / whole.stds[j], 2);
        deviation_error += std::pow(found.stds[j] / whole.stds[j] - 1, 2);
      }
    }
    const double all = kDraws * static_cast<double>(z.dim(1));
    means.x.push_back(static_cast<double>(size));
    means.y.push_back(std::sqrt(mean_error / all));
    deviations.x.push_back(static_cast<double>(size));
    deviations.y.push_back(std::sqrt(deviation_error / all));
  }
  cell.say("error of a batch's mean, in standard deviations: ", means.y[1], " of 5 images, ", means.y[4], " of 50");
  cell.above("error of the mean of 5 images / that of 50", means.y[1] / means.y[4], 2, kNotPrinted,
             "the answer: statistics of a small batch are noisy; the square root of 10 is 3.16");
  const auto best = [&](std::size_t i) { return largest(accuracies.at(i).y); };
  const Index images = X.dim(0);
  NotebookExperiment& experiment = cell.experiment(
      "Batch normalization and batch size",
      fmt::format(
          "The figure shows why: the mean that batch normalization subtracts misses that of {} images by {:.2f} "
          "standard deviations in batches of 5 and by {:.2f} in batches of 50, and the deviation that it divides by is "
          "off by {:.0f}% and {:.0f}%. Measured on the first layer's outputs, 40 batches of each size.",
          X.dim(0), means.y[1], means.y[4], 100 * deviations.y[1], 100 * deviations.y[4]));
  experiment.question =
      "Describe the results of this experiment. What does this imply about the relationship between batch "
      "normalization and "
      "batch size? Why is this relationship observed?";
  experiment.answer =
      "A larger batch improves the training accuracy more; on a very small one batch normalization is not as good as "
      "the "
      "baseline without it, since mean and variance of so few images are noisy.";
  experiment.finding = fmt::format(
      "Best training accuracy with batch normalization: {:.3f} in batches of 5, {:.3f} of 10, {:.3f} of 50; without "
      "it, in batches of 5, {:.3f}. From batches of 5 to those of 50: {}; at 5, with it against without: {}. A batch "
      "of "
      "5 misses the mean by {:.1f} times as much as one of 50.",
      best(1), best(2), best(3), best(0),
      verdict(best(3) - best(1), telling_difference(best(3), best(1), images), "better, as the answer says",
              "worse, unlike in the answer"),
      verdict(best(0) - best(1), telling_difference(best(0), best(1), images), "worse, as the answer says",
              "better, unlike in the answer"),
      means.y[1] / means.y[4]);
  experiment.histories = {std::move(plot)};
  experiment.histories.back().series = {std::move(means), std::move(deviations)};
}

namespace {

using Images = Tensor<double>;
using Step = std::function<Images(const Images&)>;

/// Divides the parts of an image, `size` pixels of each channel, by their sums.
Images parts_to_sum_one(Images X, Index parts) {
  const Index N = X.dim(0), C = X.dim(1), HW = X.dim(2) * X.dim(3), size = HW / parts;
  for (Index n = 0; n < N; ++n)
    for (Index part = 0; part < parts; ++part) {
      double sum = 0;
      const auto each = [&](auto&& body) {
        for (Index c = 0; c < C; ++c)
          for (Index i = 0; i < size; ++i) body(X[(n * C + c) * HW + part * size + i]);
      };
      each([&](double& v) { sum += v; });
      each([&](double& v) { v /= sum; });
    }
  return X;
}

Images without_mean_image(Images X) {
  const Index N = X.dim(0), D = X.size() / N;
  for (Index d = 0; d < D; ++d) {
    double sum = 0;
    for (Index n = 0; n < N; ++n) sum += X[n * D + d];
    for (Index n = 0; n < N; ++n) X[n * D + d] -= sum / static_cast<double>(N);
  }
  return X;
}

Images normalized(const Images& X, bool by_batch) {
  const Index N = X.dim(0), D = X.size() / N;
  Tensor<double> gamma({D});
  std::fill(gamma.begin(), gamma.end(), 1.0);
  const Tensor<double> beta({D});
  const TensorView<double> rows(const_cast<double*>(X.data()), Shape{N, D});
  if (!by_batch) return layernorm_forward<double>(rows, gamma, beta).first;
  BatchNormParam<double> param;
  return batchnorm_forward<double>(rows, gamma, beta, param).first;
}

}  // namespace

void preprocessing_question(Cell& cell) {
  const Dataset& data = cell.notebook().data();
  Images X;
  data.train.X.with_mean(nullptr).slice(0, std::min<Index>(200, data.train.size()), X);
  const double lowest = *std::min_element(X.begin(), X.end());
  for (double& value : X) value += 1 - lowest;  // sums must not be 0
  const double threshold = mean(X.flat());
  const Index N = X.dim(0), C = X.dim(1), H = X.dim(2), HW = H * X.dim(3), D = C * HW;

  RandomState random(231);
  Images changed[3] = {X, X, X};
  for (Index n = 0; n < N; ++n) {
    const double factor = random.uniform(0.5, 2);
    for (Index d = 0; d < D; ++d) changed[0][n * D + d] *= factor;
  }
  for (Index d = 0; d < D; ++d) {
    const double added = random.uniform(0, threshold);
    for (Index n = 0; n < N; ++n) changed[1][n * D + d] += added;
  }
  for (Index n = 0; n < N; ++n)
    for (Index h = 0; h < H; ++h) {
      const double factor = random.uniform(0.5, 2);
      for (Index c = 0; c < C; ++c)
        for (Index w = 0; w < HW / H; ++w) changed[2][(n * C + c) * HW + h * (HW / H) + w] *= factor;
    }

  const std::vector<std::pair<std::string, Step>> steps = {
      {"batch normalization", [](const Images& x) { return normalized(x, true); }},
      {"layer normalization", [](const Images& x) { return normalized(x, false); }},
      {"1. each row of an image sums to 1", [H](const Images& x) { return parts_to_sum_one(x, H); }},
      {"2. each image sums to 1", [](const Images& x) { return parts_to_sum_one(x, 1); }},
      {"3. less the mean image", [](const Images& x) { return without_mean_image(x); }},
      {"4. 0 or 1 by a threshold", [threshold](Images x) {
         for (double& value : x) value = value > threshold ? 1 : 0;
         return x;
       }}};
  NotebookTable table{
      "How much of the result changes, as a part of its norm",
      {"Step", "each image brighter or darker", "the same picture added to all", "each row brighter or darker"},
      {}};
  std::vector<int> ignored;  // a bit for each change that leaves the result as it was
  for (const auto& [name, step] : steps) {
    const Images before = step(X);
    NotebookTable::Row row{name, {}};
    int bits = 0;
    for (int k = 0; k < 3; ++k) {
      Images after = step(changed[k]);
      for (Index i = 0; i < after.size(); ++i) after[i] -= before[i];
      row.values.push_back(norm_of(after) / norm_of(before));
      if (row.values.back() < 1e-3) bits |= 1 << k;
    }
    cell.say(name, ": ", row.values[0], " ", row.values[1], " ", row.values[2]);
    ignored.push_back(bits);
    table.rows.push_back(std::move(row));
  }
  const auto like = [&](std::size_t norm) {
    std::vector<double> found;
    for (std::size_t i = 2; i < ignored.size(); ++i)
      if (ignored[i] == ignored[norm]) found.push_back(static_cast<double>(i - 1));
    return found;
  };
  cell.equals("preprocessing that ignores what batch normalization ignores", like(0), {3}, 0, "the answer: 3");
  cell.equals("preprocessing that ignores what layer normalization ignores", like(1), {2}, 0, "the answer: 2");
  NotebookExperiment& experiment = cell.experiment(
      "Preprocessing like batch and layer normalization",
      fmt::format(
          "A step is known by what it does not see. {} raw images are changed in three ways, and each step is done "
          "before "
          "and after: brightness of whole images (its own factor each), one picture added to all, brightness of single "
          "rows. "
          "Batch normalization looks at one feature over all images, layer normalization at all features of one image.",
          N));
  experiment.question =
      "Which of these data preprocessing steps is analogous to batch normalization, and which to layer normalization? "
      "1. Scaling "
      "each image so that the RGB channels for each row of pixels sum up to 1. 2. Scaling each image so that the RGB "
      "channels for "
      "all pixels sum up to 1. 3. Subtracting the mean image of the dataset. 4. Setting all RGB values to 0 or 1 by a "
      "threshold.";
  experiment.answer = "3 is analogous to batch normalization, 2 to layer normalization.";
  const auto value = [&](std::size_t row, std::size_t column) { return table.rows[row].values[column]; };
  const auto ignored_by = [](const std::vector<double>& found) {
    if (found.empty()) return std::string("no step does");
    return fmt::format("step{} {:g} do{}", found.size() > 1 ? "s" : "", fmt::join(found, " and "),
                       found.size() > 1 ? "" : "es");
  };
  experiment.finding = fmt::format(
      "Adding one picture to all images changes batch normalization by {} and step 3 by {}, and all others by {} or "
      "more; brightness of whole images changes layer normalization by {} and step 2 by {}, that of single rows them "
      "by "
      "{} and {}, and step 1 by {}. What batch normalization ignores, {}; what layer normalization ignores, {}.",
      power_text(value(0, 1)), power_text(value(4, 1)),
      power_text(std::min({value(1, 1), value(2, 1), value(3, 1), value(5, 1)})), power_text(value(1, 0)),
      power_text(value(3, 0)), power_text(value(1, 2)), power_text(value(3, 2)), power_text(value(2, 2)),
      ignored_by(like(0)), ignored_by(like(1)));
  experiment.tables = {std::move(table)};
}

}  // namespace lamina::reproduce
