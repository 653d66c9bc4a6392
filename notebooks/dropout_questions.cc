// The inline questions of the third notebook: dividing by p, dropout against overfitting, p and the size of layers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lamina/layers/dropout.h"
#include "lamina/layers/softmax_loss.h"
#include "notebooks/layer_checks.h"
#include "notebooks/questions.h"
#include "notebooks/training.h"
#include "notebooks/trials.h"

namespace lamina::reproduce {

void dropout_scale_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const Dataset& data = notebook.data();
  RandomState random(231);
  const auto x = scaled(random.randn({500, 500}), 1, 10);
  NotebookPlot plot{"Mean of dropout's output where its input has a mean of 10", "Probability of keeping, p",
                    "Mean of the output"};
  NotebookSeries divided{"training, divided by p", {}, {}}, plain{"training, not divided", {}, {}},
      test{"test time", {}, {}};
  double worst = 0;
  for (int i = 1; i <= 10; ++i) {
    const double p = 0.1 * i;
    const double out = mean(dropout_forward<double>(x, {.p = p}, random).first.flat());
    for (NotebookSeries* line : {&divided, &plain, &test}) line->x.push_back(p);
    divided.y.push_back(out);
    plain.y.push_back(p * out);  // the same mask without 1 / p
    test.y.push_back(mean(x.flat()));
    worst = std::max(worst, std::abs(p * out / test.y.back() - p));
  }
  cell.below("mean without dividing / mean of the input, largest distance from p", worst, 0.01, kNotPrinted,
             "the answer: E[y] = p y");

  // A net trained with dropout that does not divide is one that divides, with the weights after each dropout divided by
  // p.
  const double p = 0.5;
  FullyConnectedNetOptions options = net_for(data, {200, 200});
  options.dropout = p;
  RandomState draws(231);
  FullyConnectedNet<float> net(options, draws);
  Solver<FullyConnectedNet<float>> solver(net, {data.train.first(500), data.val.first(500)},
                                          solver_for(UpdateRule::adam, 5e-4, 100, notebook.quick() ? 4 : 15), draws);
  solver.train();
  Tensor<float> X;
  data.val.X.slice(0, std::min<Index>(500, data.val.size()), X);
  NotebookTable table{"The same net on the validation images",
                      {"Dropout in training", "loss", "accuracy", "mean size of a score", "mean confidence"},
                      {}};
  const auto measure = [&](const std::string& name) {
    const Tensor<float>& scores = net.loss(X);
    const Index N = scores.dim(0), C = scores.dim(1);
    double right = 0, size = 0, confidence = 0;
    for (Index n = 0; n < N; ++n) {
      const float* row = scores.data() + n * C;
      const float* top = std::max_element(row, row + C);
      right += top - row == data.val.y[static_cast<std::size_t>(n)];
      double sum = 0;
      for (Index c = 0; c < C; ++c) sum += std::exp(static_cast<double>(row[c] - *top)), size += std::abs(row[c]);
      confidence += 1 / sum;
    }
    const std::span<const Label> y(data.val.y.data(), static_cast<std::size_t>(N));
    const auto count = static_cast<double>(N);
    const double loss = softmax_loss<float>(scores, y, nullptr);
    table.rows.push_back({name, {loss, right / count, size / (count * static_cast<double>(C)), confidence / count}});
    cell.say(name, ": loss ", loss);
  };
  measure("divided by p");
  for (const char* W : {"W2", "W3"})
    for (float& weight : net.params()[W]) weight /= static_cast<float>(p);
  measure("not divided");
  cell.above("validation loss of the net whose dropout does not divide minus that of the one that does",
             table.rows[1].values[0] - table.rows[0].values[0], 0, kNotPrinted, "", When::cifar10_in_full);
  const auto verb = [&](std::size_t column) {
    const double before = table.rows[0].values[column], after = table.rows[1].values[column];
    return after > before ? "raises" : after < before ? "lowers" : "does not change";
  };
  NotebookExperiment& experiment =
      cell.experiment("Dropout without dividing by p",
                      "In training the expected output is p times the input, at test time, where nothing is dropped, "
                      "the whole input: what comes "
                      "next meets larger values than it was trained on. The table shows one trained net of two hidden "
                      "layers of 200 with p = 0.5, "
                      "read as a net that divides and as the net that trains to the same function without dividing.");
  experiment.question =
      "What happens if we do not divide the values being passed through inverse dropout by p in the dropout layer? Why "
      "does that "
      "happen?";
  experiment.answer = "The expected value changes: E[y] = p y + (1 − p) 0 = p y; divided by p it stays y.";
  experiment.finding = fmt::format(
      "At p = 0.5 an input of mean 10 leaves with {:.2f} in training and {:.2f} at test time (divided by p: {:.2f}); "
      "in a trained net not dividing {} the scores at test time, {:.2f} to {:.2f}, and {} the validation loss, {:.3f} "
      "to {:.3f}.",
      plain.y[4], test.y[4], divided.y[4], verb(2), table.rows[0].values[2], table.rows[1].values[2], verb(0),
      table.rows[0].values[0], table.rows[1].values[0]);
  plot.series = {std::move(divided), std::move(plain), std::move(test)};
  experiment.histories = {std::move(plot)};
  experiment.tables = {std::move(table)};
}

void dropout_regularizer_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const std::vector<double> ps =
      notebook.quick() ? std::vector<double>{0.25, 1} : std::vector<double>{0.1, 0.25, 0.5, 0.75, 1};
  std::vector<Trial> trials;
  for (const double p : ps) {
    Trial trial{
        net_for(notebook.data(), {500}), solver_for(UpdateRule::adam, 5e-4, 100, notebook.quick() ? 4 : 20), 231, {}};
    trial.net.dropout = p;
    trials.push_back(std::move(trial));
  }
  const SolverData data = small_data(notebook.data(), 500);
  run_trials(cell, "dropout as a regularizer", trials, data);
  NotebookPlot plot{"Accuracy at the end", "Probability of keeping, p", "Accuracy"},
      gaps{"Training less validation accuracy", "Probability of keeping, p", "Gap"};
  plot.percent = gaps.percent = true;
  NotebookSeries train{"training", ps, {}}, val{"validation", ps, {}}, gap{"gap", ps, {}};
  for (const Trial& trial : trials) {
    train.y.push_back(trial.history.train_acc_history.back());
    val.y.push_back(trial.history.val_acc_history.back());
    gap.y.push_back(train.y.back() - val.y.back());
  }
  const auto best = static_cast<std::size_t>(std::max_element(val.y.begin(), val.y.end()) - val.y.begin());
  cell.say("training less validation accuracy: ", gap.y.front(), " at p = ", ps.front(), ", ", gap.y.back(),
           " without dropout");
  cell.below("training less validation accuracy, strongest dropout minus none", gap.y.front() - gap.y.back(), 0,
             kNotPrinted, "the answer: dropout prevents overfitting", When::cifar10_in_full);
  NotebookExperiment& experiment = cell.experiment(
      "Dropout against overfitting",
      fmt::format(
          "The net of the experiment above (one hidden layer of 500, {} images, adam at 5e-4) for {} epochs at {} "
          "keep probabilities. Against none, dropout of p = {:g} has a training accuracy that is {}, and a validation "
          "accuracy that is {}.",
          data.train.size(), notebook.quick() ? 4 : 20, ps.size(), ps.front(),
          against(train.y.front(), train.y.back(), data.train.size()),
          against(val.y.front(), val.y.back(), data.val.size())));
  experiment.question =
      "Compare the validation and training accuracies with and without dropout: what do your results suggest about "
      "dropout as a "
      "regularizer?";
  experiment.answer =
      "A very good one: the training accuracy is lower with dropout, that on the validation set similar or better; it "
      "prevents "
      "overfitting.";
  experiment.finding = fmt::format(
      "Training less validation accuracy is {:.3f} without dropout and {:.3f} with p = {:g}: {}. Validation accuracy "
      "is "
      "{:.3f} without and best, {:.3f}, at p = {:g} ({}).",
      gap.y.back(), gap.y.front(), ps.front(),
      verdict(gap.y.back() - gap.y.front(),
              std::hypot(telling_difference(train.y.front(), train.y.back(), data.train.size()),
                         telling_difference(val.y.front(), val.y.back(), data.val.size())),
              "dropout narrows the gap, as the answer says", "dropout widens the gap here, unlike in the answer"),
      val.y.back(), val.y[best], ps[best], against(val.y[best], val.y.back(), data.val.size()));
  plot.series = {std::move(train), std::move(val)};
  gaps.series = {std::move(gap)};
  experiment.histories = {std::move(plot), std::move(gaps)};
}

void dropout_size_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const bool quick = notebook.quick();
  const std::vector<double> ps = quick ? std::vector<double>{0.25, 1} : std::vector<double>{0.1, 0.25, 0.5, 0.75, 1};
  const std::vector<Index> widths = quick ? std::vector<Index>{10, 100} : std::vector<Index>{10, 30, 100, 300};
  const std::size_t seeds = quick ? 1 : 2;
  std::vector<Trial> trials;
  for (const Index width : widths)
    for (const double p : ps)
      for (std::size_t seed = 0; seed < seeds; ++seed) {
        Trial trial{net_for(notebook.data(), {width, width}),
                    solver_for(UpdateRule::adam, 1e-3, 100, quick ? 3 : 15),
                    231 + static_cast<std::uint32_t>(seed),
                    {}};
        trial.net.dropout = p;
        trials.push_back(std::move(trial));
      }
  const SolverData data = small_data(notebook.data(), 500);
  run_trials(cell, "dropout and the size of layers", trials, data);
  std::vector<NotebookPlot> plots = {
      {"Validation accuracy, best of the epochs", "Probability of keeping, p", "Accuracy"},
      {"Training accuracy, best of the epochs", "Probability of keeping, p", "Accuracy"}};
  NotebookTable table{
      "By the size of the two hidden layers",
      {"Nodes", "best p on validation", "validation accuracy there", "at p = 0.25", "at p = 1", "nodes kept at best p"},
      {}};
  std::size_t at = 0;
  for (const Index width : widths) {
    NotebookSeries val{fmt::format("{} nodes", width), ps, {}}, train{val.name, ps, {}};
    for (std::size_t i = 0; i < ps.size(); ++i) {
      double val_acc = 0, train_acc = 0;
      for (std::size_t seed = 0; seed < seeds; ++seed, ++at) {
        val_acc += largest(trials[at].history.val_acc_history) / static_cast<double>(seeds);
        train_acc += largest(trials[at].history.train_acc_history) / static_cast<double>(seeds);
      }
      val.y.push_back(val_acc);
      train.y.push_back(train_acc);
    }
    const auto best = static_cast<std::size_t>(std::max_element(val.y.begin(), val.y.end()) - val.y.begin());
    const std::size_t quarter = quick ? 0 : 1;
    table.rows.push_back(
        {fmt::format("{}", width),
         {ps[best], val.y[best], val.y[quarter], val.y.back(), ps[best] * static_cast<double>(width)}});
    cell.say(width, " nodes: best validation accuracy ", fmt::format("{:.4g}", val.y[best]), " at p = ", ps[best]);
    plots[0].series.push_back(val);
    plots[1].series.push_back(std::move(train));
  }
  for (NotebookPlot& plot : plots) plot.percent = true;
  const auto loss_at_quarter = [&](const NotebookTable::Row& row) { return row.values[3] - row.values[2]; };
  const NotebookTable::Row &small = table.rows.front(), &large = table.rows.back();
  const auto overfit = [&](std::size_t width) {
    return plots[1].series[width].y.back() - plots[0].series[width].y.back();
  };
  const double more = loss_at_quarter(small) - loss_at_quarter(large);
  cell.above("validation accuracy that p = 0.25 costs against p = 1, smallest layers minus largest", more, 0,
             kNotPrinted, "the answer: smaller layers need a larger p to keep their complexity", When::cifar10_in_full);
  NotebookExperiment& experiment = cell.experiment(
      "p and the size of the layers",
      fmt::format(
          "Nets of two hidden layers on {} images, adam at 1e-3, {} epochs{}. A layer of n nodes keeps p n of them: to "
          "keep as many, p has to grow as n shrinks. Without dropout, best training less best validation accuracy is "
          "{:.3f} in layers of {} and {:.3f} in layers of {}.",
          data.train.size(), quick ? 3 : 15, quick ? "" : ", means over two seeds", overfit(0), small.name,
          overfit(widths.size() - 1), large.name));
  experiment.question =
      "Suppose we are training a deep fully-connected network with dropout after hidden layers (keep probability p). "
      "How should we "
      "modify p, if at all, if we decrease the size of the hidden layers?";
  experiment.answer =
      "To reduce the complexity p need not change; to keep it similar as the layers shrink, p must increase.";
  experiment.finding = fmt::format(
      "Layers of {} nodes do best at p = {:g}, layers of {} at p = {:g}. Validation accuracy at p = 0.25, against that "
      "without dropout, is {} in the smallest layers and {} in the largest: {}.",
      small.name, small.values[0], large.name, large.values[0],
      against(small.values[2], small.values[3], data.val.size()),
      against(large.values[2], large.values[3], data.val.size()),
      verdict(more,
              std::hypot(telling_difference(small.values[2], small.values[3], data.val.size()),
                         telling_difference(large.values[2], large.values[3], data.val.size())),
              "the smallest lose more, as the answer says", "here the largest lose more, unlike in the answer"));
  experiment.histories = std::move(plots);
  experiment.tables = {std::move(table)};
}

}  // namespace lamina::reproduce
