// The inline questions of the first notebook: vanishing gradients, and depth against initialization.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lamina/layers/affine.h"
#include "lamina/layers/leaky_relu.h"
#include "lamina/layers/relu.h"
#include "lamina/layers/sigmoid.h"
#include "lamina/layers/softmax_loss.h"
#include "notebooks/questions.h"
#include "notebooks/training.h"
#include "notebooks/trials.h"

namespace lamina::reproduce {
namespace {

constexpr Index kDepth = 10, kWidth = 100;

enum class Activation { sigmoid, relu, leaky_relu };
constexpr const char* kNames[] = {"sigmoid", "ReLU", "leaky ReLU"};

Tensor<double> forward(Activation kind, const TensorView<double>& x) {
  if (kind == Activation::sigmoid) return sigmoid_forward(x).first;
  return kind == Activation::relu ? relu_forward(x).first : leaky_relu_forward(x).first;
}

Tensor<double> backward(Activation kind, const TensorView<double>& dout, const TensorView<double>& x) {
  if (kind == Activation::sigmoid) return sigmoid_backward(dout, sigmoid_forward(x).second);
  if (kind == Activation::relu) return relu_backward(dout, relu_forward(x).second);
  return leaky_relu_backward(dout, leaky_relu_forward(x).second);
}

/// The derivative at each x.
Tensor<double> derivative(Activation kind, const TensorView<double>& x) {
  Tensor<double> ones(x.shape());
  std::fill(ones.begin(), ones.end(), 1.0);
  return backward(kind, ones, x);
}

struct Flow {
  std::vector<double> norms;  ///< of the loss's gradient at the input of each layer's activation
  double blocked = 0;         ///< share of the derivatives below a thousandth
};

/// One forward and backward pass of kDepth hidden layers, weights randn sqrt(gain / inputs).
Flow gradient_flow(const Dataset& data, Activation kind) {
  RandomState random(231);
  Tensor<double> x = images_of(data.train, 100);
  const double scale = norm_of(x) / std::sqrt(static_cast<double>(x.size()));
  for (double& value : x) value /= scale;
  const double gain = kind == Activation::sigmoid ? 1 : 2;
  const auto classes = static_cast<Index>(data.class_names.size());
  std::vector<Tensor<double>> inputs, weights, before;
  inputs.push_back(std::move(x));
  Tensor<double> scores;
  for (Index layer = 0; layer <= kDepth; ++layer) {
    const Index fan_in = layer == 0 ? data.example_shape().size() : kWidth, out = layer == kDepth ? classes : kWidth;
    Tensor<double> W = random.randn({fan_in, out});
    for (double& value : W) value *= std::sqrt(gain / static_cast<double>(fan_in));
    weights.push_back(std::move(W));
    Tensor<double> z = affine_forward<double>(inputs.back(), weights.back(), Tensor<double>(Shape{out})).first;
    if (layer == kDepth) {
      scores = std::move(z);
    } else {
      inputs.push_back(forward(kind, z));
      before.push_back(std::move(z));
    }
  }
  const std::span<const Label> y(data.train.y.data(), static_cast<std::size_t>(scores.dim(0)));
  Tensor<double> dout = softmax_loss<double>(scores, y).second;
  Flow flow;
  double blocked = 0, all = 0;
  for (Index layer = kDepth; layer > 0; --layer) {
    const auto at = static_cast<std::size_t>(layer);
    const AffineCache<double> cache{inputs[at], weights[at]};
    const Tensor<double> dz = backward(kind, affine_backward<double>(dout, cache).dx, before[at - 1]);
    flow.norms.insert(flow.norms.begin(), norm_of(dz));
    for (const double slope : derivative(kind, before[at - 1])) blocked += slope < 1e-3, all += 1;
    dout = dz;
  }
  flow.blocked = blocked / all;
  return flow;
}

}  // namespace

void vanishing_gradients_question(Cell& cell) {
  const Dataset& data = cell.notebook().data();
  NotebookPlot slopes{"Derivative of the activation", "Input", "Derivative"};
  NotebookPlot flows{"Gradient that reaches each layer of a net of ten", "Layer", "Norm of the gradient"};
  flows.log_y = true;
  NotebookTable table{"Where gradients get lost",
                      {"Activation", "derivative at −10", "at −1", "at 1", "at 10", "below 0.001, share of the net",
                       "gradient of layer 1 / layer 10"},
                      {}};
  Tensor<double> line({401});
  for (Index i = 0; i < line.size(); ++i) line[i] = -10 + 0.05 * static_cast<double>(i);
  double kept[3], blocked[3];
  for (const Activation kind : {Activation::sigmoid, Activation::relu, Activation::leaky_relu}) {
    const auto k = static_cast<std::size_t>(kind);
    const Tensor<double> slope = derivative(kind, line);
    slopes.series.push_back({kNames[k], {line.begin(), line.end()}, {slope.begin(), slope.end()}});
    const Flow flow = gradient_flow(data, kind);
    flows.series.push_back(series(kNames[k], flow.norms, 1));
    kept[k] = flow.norms.front() / flow.norms.back();
    blocked[k] = flow.blocked;
    table.rows.push_back({kNames[k], {slope[0], slope[180], slope[220], slope[400], flow.blocked, kept[k]}});
    cell.say(kNames[k], ": gradient of the first layer / that of the last: ", kept[k]);
  }
  cell.below("sigmoid: gradient of layer 1 / layer 10", kept[0], 1e-3, kNotPrinted,
             "the answer: sigmoid has this problem");
  cell.above("ReLU: gradient of layer 1 / layer 10", kept[1], 0.05, kNotPrinted,
             "most of it passes where inputs are positive");
  cell.equals("ReLU: derivative at -1", {table.rows[1].values[1]}, {0}, 0,
              "the answer: inputs below 0 stop the gradient");
  cell.equals("leaky ReLU: derivative at -1", {table.rows[2].values[1]}, {0.01}, 1e-15,
              "the answer: a very small gradient (0.01)");
  NotebookExperiment& experiment = cell.experiment(
      "Vanishing gradients",
      fmt::format(
          "Measured on {} images in nets of ten hidden layers of 100, their weights drawn so that signals keep "
          "their size (standard deviation √(1/inputs) for sigmoid, √(2/inputs) for the others). Sigmoid's derivative "
          "is at "
          "most 0.25 and falls to {} at inputs of ±10, so each layer takes its part. ReLU stops the gradient of "
          "{:.0f}% of its neurons, all those with a negative input, and passes the others' whole; one whose input is "
          "negative for every image never learns again. Leaky ReLU lets {:g} of it through there.",
          std::min<Index>(100, data.train.size()), power_text(table.rows[0].values[3]), 100 * blocked[1],
          table.rows[2].values[1]));
  experiment.question =
      "Activation functions may get zero (or close to zero) gradient flow during backpropagation. Which of sigmoid, "
      "ReLU and "
      "leaky ReLU have this problem, and what types of input lead to it?";
  experiment.answer =
      "Sigmoid at very large negative and positive inputs; ReLU at inputs below 0; leaky ReLU keeps a small gradient "
      "(0.01), "
      "which is lost only where all inputs are 0.";
  experiment.finding = fmt::format(
      "Through ten layers {} of a sigmoid net's gradient is left at the first, {:.2f} of a ReLU net's and {:.2f} of a "
      "leaky ReLU net's; a derivative below 0.001 stops it at {:.0f}% of the sigmoids, {:.0f}% of the ReLUs and "
      "{:.0f}% of the leaky ReLUs.",
      power_text(kept[0]), kept[1], kept[2], 100 * blocked[0], 100 * blocked[1], 100 * blocked[2]);
  experiment.histories = {std::move(slopes), std::move(flows)};
  experiment.tables = {std::move(table)};
}

void depth_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const std::vector<double> scales = factors(1e-3, 1, notebook.quick() ? 7 : 13);
  const std::vector<double> rates =
      notebook.quick() ? std::vector<double>{1e-2} : std::vector<double>{3e-3, 1e-2, 3e-2};
  std::vector<Trial> trials;
  for (const std::size_t layers : {3, 5})
    for (const double scale : scales)
      for (const double rate : rates)
        trials.push_back({net_for(notebook.data(), std::vector<Index>(layers - 1, 100), scale),
                          solver_for(UpdateRule::sgd, rate, 25, 20),
                          231,
                          {}});
  run_trials(cell, "depth and weight scale", trials, {notebook.data().train.first(50), notebook.data().val.first(100)});
  NotebookPlot plot{"Best training accuracy in 20 epochs", "Weight initialization scale", "Accuracy", true};
  plot.percent = true;
  const Index images = std::min<Index>(50, notebook.data().train.size());
  std::string found[2];
  Index learned[2] = {0, 0};
  for (const std::size_t i : {0, 1}) {
    NotebookSeries line{i == 0 ? "three layers" : "five layers", scales, {}};
    double first = 0, last = 0;
    for (std::size_t s = 0; s < scales.size(); ++s) {
      double best = 0;
      for (std::size_t r = 0; r < rates.size(); ++r) {
        const double accuracy = largest(trials[(i * scales.size() + s) * rates.size() + r].history.train_acc_history);
        if (accuracy > best) best = accuracy;
      }
      line.y.push_back(best);
      if (best < 0.99) continue;
      if (learned[i]++ == 0) first = scales[s];
      last = scales[s];
    }
    found[i] = learned[i] == 0   ? std::string()
               : learned[i] == 1 ? fmt::format(" (at {:.2g})", first)
                                 : fmt::format(" (between {:.2g} and {:.2g})", first, last);
    cell.say(line.name, ": learn the ", images, " images at ", learned[i], " of ", static_cast<Index>(scales.size()),
             " weight scales");
    plot.series.push_back(std::move(line));
  }
  cell.below("weight scales at which five layers learn 50 images, minus those of three",
             static_cast<double>(learned[1] - learned[0]), 0, kNotPrinted,
             "the answer: the five-layer net is more sensitive to the initialization", When::cifar10_in_full);
  NotebookExperiment& experiment = cell.experiment(
      "Three layers against five",
      fmt::format(
          "Both nets are trained on {} images with sgd for 20 epochs at {} weight scales, each at its best of {} "
          "learning "
          "rate{}. "
          "Each layer multiplies what passes it by a factor that grows with the weight scale: five layers raise it "
          "to the fifth power, three to the third, so gradients vanish below and explode above sooner.",
          images, scales.size(), rates.size(), rates.size() == 1 ? "" : "s"));
  experiment.question =
      "Did you notice anything about the comparative difficulty of training the three-layer net vs training the five "
      "layer net? "
      "Which network seemed more sensitive to the initialization scale, and why?";
  experiment.answer =
      "Five layers are more difficult to train and more sensitive: an initialization that is too small makes more "
      "gradients "
      "disappear, one that is too large makes more explode.";
  experiment.finding = fmt::format(
      "Of {} weight scales from 0.001 to 1 the three-layer net learns all {} images at {}{}, the five-layer net at "
      "{}{}: {}.",
      scales.size(), images, learned[0], found[0], learned[1], found[1],
      learned[0] == 0 && learned[1] == 0 ? "neither learns them, which tells nothing"
      : learned[1] < learned[0]          ? "the five-layer net is more sensitive to the scale, as the answer says"
      : learned[1] > learned[0]          ? "here it is the three-layer net that is more sensitive, unlike in the answer"
                                         : "no difference, unlike in the answer");
  experiment.histories = {std::move(plot)};
}

}  // namespace lamina::reproduce
