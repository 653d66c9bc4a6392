#include "lamina/experiments/reproduce/training.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <streambuf>

#include "lamina/kernels/parallel.h"
#include "lamina/solver/model_file.h"

namespace lamina::reproduce {
namespace {

/// Passes whole lines on to a cell.
class CellBuffer : public std::streambuf {
 public:
  explicit CellBuffer(Cell& cell) : cell_(cell) {}
  ~CellBuffer() override {
    if (!line_.empty()) cell_.print(line_ + "\n");
  }

 private:
  int_type overflow(int_type c) override {
    if (c == traits_type::eof()) return 0;
    line_ += static_cast<char>(c);
    if (c == '\n') {
      cell_.print(line_);
      line_.clear();
    }
    return c;
  }
  Cell& cell_;
  std::string line_;
};

}  // namespace

SolverData small_data(const Dataset& data, Index num_train) { return {data.train.first(num_train), data.val}; }

template <class T>
History train(Cell& cell, const std::string& what, Net<T>& net, const SolverData& data, SolverOptions options) {
  CellBuffer buffer(cell);
  std::ostream out(&buffer);
  options.out = &out;
  Notebook& notebook = cell.notebook();
  Solver<Net<T>> solver(net, data, options, notebook.random);
  const auto& progress = notebook.setting().watcher.progress;
  if (progress)
    solver.on_iteration = [&](const IterationEvent& event) {
      progress({notebook.name(), cell.number(), what, event.iteration, event.num_iterations, event.loss});
    };
  try {
    solver.train();
  } catch (const NonFiniteLoss& error) {
    cell.say(error.what());
  }
  return solver.history();
}

template History train(Cell&, const std::string&, Net<float>&, const SolverData&, SolverOptions);
template History train(Cell&, const std::string&, Net<double>&, const SolverData&, SolverOptions);

void skip_training(RandomState& random, const SolverData& data, const SolverOptions& options) {
  const Index total = data.train.size(), per_epoch = std::max<Index>(1, total / options.batch_size);
  const Index iterations = per_epoch * options.num_epochs;
  std::vector<Index> rows(static_cast<std::size_t>(options.batch_size));
  const auto check = [&random](Index size, Index samples) {
    if (samples != 0 && size > samples) random.choice(size, samples);
  };
  for (Index t = 1; t <= iterations; ++t) {
    random.choice(total, rows);
    if (t != 1 && t != iterations && t % per_epoch != 0) continue;
    check(total, options.num_train_samples);
    check(data.val.size(), options.num_val_samples);
  }
}

SideTraining take_turn(Notebook& notebook, std::string name, std::unique_ptr<Net<float>> net, const SolverData& data,
                       const SolverOptions& options) {
  SideTraining training;
  training.name = std::move(name);
  training.net = std::move(net);
  training.options = options;
  training.random = notebook.random;
  skip_training(notebook.random, data, options);
  return training;
}

void train_side_by_side(Cell& cell, const std::string& what, std::vector<SideTraining>& trainings,
                        const SolverData& data) {
  Notebook& notebook = cell.notebook();
  const auto& progress = notebook.setting().watcher.progress;
  const auto count = static_cast<Index>(trainings.size());
  Index finished = 0;
  const auto errors = kernels::side_by_side(
      count,
      [&](Index i) {
        SideTraining& training = trainings[static_cast<std::size_t>(i)];
        SolverOptions options = training.options;
        options.verbose = false;
        RandomState predicted = training.random;
        skip_training(predicted, data, options);
        Solver<Net<float>> solver(*training.net, data, options, training.random);
        try {
          solver.train();
          if (!(training.random.state() == predicted.state()))
            throw std::logic_error("a training drew other numbers than skip_training");
        } catch (const NonFiniteLoss& error) {
          training.error = error.what();
        }
        training.history = solver.history();
      },
      [&](Index) {
        if (progress)
          progress({notebook.name(), cell.number(), what, ++finished, count, std::numeric_limits<double>::quiet_NaN()});
      });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  for (const SideTraining& training : trainings)
    if (!training.error.empty()) cell.say(training.name, ": ", training.error);
}

NotebookSeries series(const std::string& name, const std::vector<double>& y, double first) {
  NotebookSeries result{name, {}, y};
  for (std::size_t i = 0; i < y.size(); ++i) result.x.push_back(first + static_cast<double>(i));
  return result;
}

namespace {

/// Losses that differ by much are seen on a logarithmic axis only.
bool spread(const std::vector<ChartSeries>& lines) {
  std::vector<double> sorted;
  for (const ChartSeries& line : lines)
    for (const double loss : line.y)
      if (std::isfinite(loss)) sorted.push_back(loss);
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || sorted.front() <= 0) return false;
  const double middle = sorted[sorted.size() / 2];
  return sorted.back() > 20 * middle || middle > 50 * sorted.front();
}

}  // namespace

std::vector<NotebookPlot> training_plots(const std::vector<std::pair<std::string, const History*>>& trainings) {
  NotebookPlot loss{"Training loss", "Iteration", "Loss"}, train{"Training accuracy", "Epoch", "Accuracy"},
      val{"Validation accuracy", "Epoch", "Accuracy"};
  train.percent = val.percent = true;
  for (const auto& [name, history] : trainings) {
    loss.series.push_back(series(name, history->loss_history, 1));
    train.series.push_back(series(name, history->train_acc_history));
    val.series.push_back(series(name, history->val_acc_history));
  }
  loss.log_y = spread(loss.series);
  if (trainings.size() != 1) return {loss, train, val};
  train.title = "Accuracy";
  train.series[0].name = "training";
  train.series.push_back(std::move(val.series[0]));
  train.series[1].name = "validation";
  return {loss, train};
}

double largest(const std::vector<double>& values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return *std::max_element(values.begin(), values.end());
}

template <class T>
void keep_model(const Notebook& notebook, const std::string& file, Net<T>& net, NetConfig config) {
  ModelInfo info;
  const Dataset& data = notebook.data();
  config.input_dim = data.example_shape();
  config.num_classes = static_cast<Index>(data.class_names.size());
  info.config = std::move(config);
  info.class_names = data.class_names;
  if (data.mean) info.mean = *data.mean;
  info.metadata = {{"data", data.name}};
  save_model(notebook.setting().directory / file, net, info);
}
template void keep_model(const Notebook&, const std::string&, Net<float>&, NetConfig);
template void keep_model(const Notebook&, const std::string&, Net<double>&, NetConfig);

namespace {

std::unique_ptr<Net<float>> kept_model(const Notebook& notebook, const std::string& file, RandomState& random) {
  const ModelFile model = load_model(notebook.setting().directory / file);
  std::unique_ptr<Net<float>> net = make_net<float>(model.info.config, random);
  model.copy_to(*net);
  return net;
}

}  // namespace

Tensor<float> first_parameter(const Notebook& notebook, const std::string& file) {
  RandomState random(0);
  return Tensor<float>(kept_model(notebook, file, random)->params().begin()->value);
}

std::pair<double, double> accuracies_of(const Notebook& notebook, const std::string& file) {
  RandomState random(0);
  const auto net = kept_model(notebook, file, random);
  const Dataset& data = notebook.data();
  Solver<Net<float>> solver(*net, {data.train, data.val}, {}, random);
  return {solver.check_accuracy(data.val), solver.check_accuracy(data.test)};
}

}  // namespace lamina::reproduce
