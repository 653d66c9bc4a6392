#include "notebooks/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <stdexcept>
#include <streambuf>

#include "lamina/kernels/machine/target.h"
#include "lamina/solver/checkpoint.h"
#include "lamina/solver/model_file.h"
#include "lamina/threads.h"
#include "lamina/version.h"
#include "workbench/runs/training_run.h"

namespace lamina::reproduce {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

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

/// What a checkpoint belongs to.
std::string key_of(Cell& cell, const std::string& what, Index parameters) {
  const Notebook& notebook = cell.notebook();
  return fmt::format("{} {} {}, training {}, {} parameters of {}, lamina {}, {}{}{}", notebook.name(), cell.number(),
                     what, ++cell.trainings, parameters, notebook.data_digest(), LAMINA_VERSION, kernels::target_name(),
                     notebook.quick() ? ", quick" : "",
                     notebook.setting().options.precision == Precision::bf16 ? ", bf16" : "");
}

/// Takes over the state of a training that was killed; the iteration after which it goes on, 0 where there is none.
template <class T>
Index go_on(const fs::path& checkpoint, const std::string& key, Cell& cell, Solver<Net<T>>& solver) {
  if (!fs::exists(checkpoint)) return 0;
  try {
    Checkpoint<T> found = load_checkpoint<T>(checkpoint);
    const nlohmann::json config = nlohmann::json::parse(found.info.config);
    if (config.at("training").get<std::string>() != key) return 0;
    std::string output = config.at("output").get<std::string>();
    solver.set_state(found.state);
    cell.go_on_after(std::move(output));
    return found.info.iteration;
  } catch (const std::exception&) {
    return 0;  // of another program or damaged: the training starts anew
  }
}

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
  const fs::path checkpoint = notebook.checkpoint();
  const std::string key = key_of(cell, what, net.params().count());
  if (const Index iteration = go_on(checkpoint, key, cell, solver); iteration > 0 && notebook.setting().watcher.print)
    notebook.setting().watcher.print(fmt::format("(going on after iteration {})\n", iteration));
  const double every = checkpoint_seconds();
  auto last_save = Clock::now();
  solver.should_stop = [&] {
    const bool stop = notebook.stop_asked();
    if (stop || std::chrono::duration<double>(Clock::now() - last_save).count() >= every) {
      save_checkpoint(checkpoint, solver.state(), nlohmann::json{{"training", key}, {"output", cell.output()}}.dump());
      last_save = Clock::now();
    }
    return stop;
  };
  try {
    if (!solver.train()) throw ReproduceStopped(notebook.name(), cell.number());
  } catch (const NonFiniteLoss& error) {
    cell.say(error.what());
  }
  return solver.history();
}

template History train(Cell&, const std::string&, Net<float>&, const SolverData&, SolverOptions);
template History train(Cell&, const std::string&, Net<double>&, const SolverData&, SolverOptions);

double first_loss(Net<float>& net, const Split& train, Index batch_size, RandomState& random) {
  std::vector<Index> rows(static_cast<std::size_t>(batch_size));
  random.choice(train.size(), rows);
  Tensor<float> X;
  train.X.gather(std::span<const Index>(rows), X);
  std::vector<Label> y;
  for (const Index row : rows) y.push_back(train.y[static_cast<std::size_t>(row)]);
  return net.loss(X, std::span<const Label>(y)).loss;
}

void skip_training(RandomState& random, const SolverData& data, const SolverOptions& options) {
  const Index total = data.train.size(), per_epoch = std::max<Index>(1, total / options.batch_size);
  const Index iterations = per_epoch * options.num_epochs;
  std::vector<Index> rows(static_cast<std::size_t>(options.batch_size));
  const auto check = [&random](Index size, std::optional<Index> samples) {
    if (samples && size > *samples) random.choice(size, *samples);
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
  const auto errors = side_by_side(
      count,
      [&](Index i) {
        SideTraining& training = trainings[static_cast<std::size_t>(i)];
        SolverOptions options = training.options;
        options.verbose = false;
        RandomState predicted = training.random;
        skip_training(predicted, data, options);
        Solver<Net<float>> solver(*training.net, data, options, training.random);
        solver.should_stop = [&notebook] { return notebook.stop_asked(); };
        try {
          if (!solver.train()) throw ReproduceStopped(notebook.name(), cell.number());
          if (!(training.random.state() == predicted.state()))
            throw std::logic_error("a training drew other numbers than skip_training");
        } catch (const NonFiniteLoss& error) {
          training.error = error.what();
        }
        training.history = solver.history();
      },
      [&](Index) {
        if (progress)
          progress({notebook.name(), cell.number(), what, ++finished, count, std::numeric_limits<double>::quiet_NaN(),
                    "training"});
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
bool spread(const std::vector<NotebookSeries>& lines) {
  std::vector<double> sorted;
  for (const NotebookSeries& line : lines)
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
  const double none = std::numeric_limits<double>::quiet_NaN();
  return {solver.check_accuracy(data.val), data.test.size() > 0 ? solver.check_accuracy(data.test) : none};
}

}  // namespace lamina::reproduce
