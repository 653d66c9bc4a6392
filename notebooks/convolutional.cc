// The fourth notebook: convolutional nets.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "datasets/images.h"
#include "lamina/nets/conv_net.h"
#include "notebooks/convolutional_layers.h"
#include "notebooks/layer_checks.h"
#include "notebooks/notebooks.h"
#include "notebooks/printed_values.h"
#include "notebooks/training.h"
#include "notebooks/trials.h"
#include "workbench/pages/visualize_grid.h"

namespace lamina::reproduce {
namespace {

constexpr const char* kConvNetFile = "best-convolutional.safetensors";
constexpr const char* kFiltersFile = "filters.png";

constexpr double kGoodNet = 0.60, kGoodNetTest = 0.59;
constexpr const char* kGoodNetNote =
    "the text asks for more than 62%; the bound is two points lower, since images decoded from JPEG, 6 grey levels off "
    "on average, cost that much: on such a copy seeds and instruction sets gave 0.617 to 0.659";

struct ConvRun {
  std::vector<Index> num_filters, filter_sizes;
  double reg, learning_rate;
  bool use_batch_norm = true;
};

NetConfig config_of(const Dataset& data, const ConvRun& run, Precision precision = Precision::full) {
  NetConfig config;
  config.model = "convnet";
  config.input_dim = data.example_shape();
  config.num_classes = static_cast<Index>(data.class_names.size());
  config.convnet.num_filters = run.num_filters;
  config.convnet.filter_sizes = run.filter_sizes;
  config.weight_scale = 0.01;
  config.reg = run.reg;
  config.convnet.use_batch_norm = run.use_batch_norm;
  config.precision = precision;
  return config;
}

/// Three epochs of the whole training split in batches of 32; with --quick one of 320 images. The validation split is
/// whole with --quick too, as in the cell that tests the good net: one net has one accuracy.
SolverData conv_data(const Notebook& notebook) {
  const Dataset& data = notebook.data();
  if (!notebook.quick()) return {data.train, data.val};
  return {data.train.first(320), data.val};
}
SolverOptions conv_options(const Notebook& notebook, double learning_rate) {
  SolverOptions options;
  options.update_rule = UpdateRule::sgd_momentum;
  options.optim_config.learning_rate = learning_rate;
  options.batch_size = 32;
  options.num_epochs = notebook.quick() ? 1 : 3;
  options.num_train_samples = notebook.quick() ? 200 : 1000;
  options.print_every = 50;
  return options;
}

void overfit_conv_net(Cell& cell) {
  Notebook& notebook = cell.notebook();
  notebook.random.seed(231);
  const Dataset& data = notebook.data();
  const auto model = make_net<float>(config_of(data, {{16, 32}, {7, 3}, 0, 1e-2}), notebook.random);
  SolverOptions options;
  options.update_rule = UpdateRule::sgd_momentum;
  options.optim_config.learning_rate = 1e-2;
  options.num_epochs = 50;
  options.batch_size = 20;
  const SolverData small = small_data(data, 100);
  RandomState whole = notebook.random;
  skip_training(whole, small, options);
  if (notebook.quick()) options.num_epochs = 15;
  if (notebook.quick()) options.num_val_samples = 100;
  const History history = train(cell, "overfitting 100 images", *model, small, options);
  notebook.random = whole;  // the next net is drawn as after 50 epochs
  const double printed = printed_value("small_conv_net.first_loss");
  cell.equals("first loss", {history.loss_history.at(0)}, {printed}, kLossTolerance * printed, kLossNote,
              When::cifar10);
  cell.above("training accuracy", largest(history.train_acc_history), 0.999, 1, "the text asks to overfit",
             When::cifar10_in_full);
  cell.experiment(
          "Overfit small data",
          fmt::format("{} images, {} epochs of sgd_momentum at 1e-2: training accuracy {:.2f}, best validation "
                      "accuracy {:.3f}.",
                      small.train.size(), options.num_epochs, history.train_acc_history.back(), history.best_val_acc))
      .histories = training_plots({{"ConvNet", &history}});
}

void good_net(Cell& cell) {
  Notebook& notebook = cell.notebook();
  const ConvRun run{{16, 32, 64}, {7, 7, 3}, 1e-6, 5e-3};
  const NetConfig config = config_of(notebook.data(), run, notebook.setting().options.precision);
  const SolverOptions options = conv_options(notebook, run.learning_rate);
  RandomState beside = notebook.random;
  const auto model = make_net<float>(config, notebook.random);
  const History history = train(cell, "the good ConvNet", *model, conv_data(notebook), options);
  keep_model(notebook, kConvNetFile, *model, config);
  const auto other = make_net<float>(config, beside);
  const double printed = printed_value("good_conv_net.first_loss");
  cell.equals("first loss", {first_loss(*other, notebook.data().train, options.batch_size, beside)}, {printed},
              0.015 * printed,
              "within 1.5%: pixels that are 4 to 6 grey levels off move the loss of this batch by up to 1.8 to 2.8%, "
              "and a copy of CIFAR-10 that went through JPEG has 2.784",
              When::cifar10);
  cell.above("best validation accuracy", history.best_val_acc, kGoodNet, printed_value("good_conv_net.best_val_acc"),
             std::string(kGoodNetNote) +
                 "; the notebook's lr_decay stands inside optim_config, where nothing reads it, so the learning rate "
                 "stays 5e-3",
             When::cifar10_in_full);
  cell.experiment(
          "A good ConvNet",
          fmt::format("Three convolutions (16, 32, 64 filters of 7, 7, 3) with batch normalization, sgd_momentum "
                      "at 5e-3, batches of 32, {} epoch{}: best validation accuracy {:.3f}.",
                      notebook.quick() ? 1 : 3, notebook.quick() ? "" : "s", history.best_val_acc))
      .histories = training_plots({{"ConvNet", &history}});
}

void test_good_net(Cell& cell) {
  const auto [val, test] = accuracies_of(cell.notebook(), kConvNetFile);
  cell.above("Validation set accuracy", val, kGoodNet, printed_value("good_conv_net.val_acc"),
             std::string(kGoodNetNote) +
                 "; here it is the best accuracy that Solver saw; the notebook prints another one (" +
                 printed_text("good_conv_net.best_val_acc") +
                 ") on the same "
                 "parameters since its test time uses the batch's statistics",
             When::cifar10_in_full);
  if (cell.notebook().data().test.size() == 0) {
    cell.say("Test set accuracy:  no test images");
    return;
  }
  cell.above("Test set accuracy", test, kGoodNetTest, printed_value("good_conv_net.test_acc"),
             "the text asks for nothing here; a point below the bound of the validation set, of which the best of four "
             "checks counts",
             When::cifar10_in_full);
}

void filters(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const Tensor<float> W = first_parameter(notebook, kConvNetFile);
  Tensor<double> weights(W.shape());
  std::copy(W.begin(), W.end(), weights.begin());
  NotebookExperiment& experiment = cell.experiment(
      "Visualize filters", "The first layer's filters of the good net, each stretched to its own range.");
  if (W.dim(1) != 1 && W.dim(1) != 3) return;  // no colours
  write_png(notebook.setting().directory / kFiltersFile, visualize_filters(weights));
  experiment.images.push_back({"Filters of the first convolution", kFiltersFile});
}

/// A training that the notebook reports without its code: on a stream of its own, from seed 231.
History reported(Cell& cell, const std::string& what, const ConvRun& run) {
  Notebook& notebook = cell.notebook();
  const RandomState::State before = notebook.random.state();
  notebook.random.seed(231);
  const auto model =
      make_net<float>(config_of(notebook.data(), run, notebook.setting().options.precision), notebook.random);
  const History history = train(cell, what, *model, conv_data(notebook), conv_options(notebook, run.learning_rate));
  notebook.random.set_state(before);
  return history;
}

void other_row(Cell& cell, const ConvRun& run, double printed) {
  const std::string name = fmt::format("num_filters {}, {}, {}, filter_sizes {}, {}, {}, learning rate 5e-2",
                                       run.num_filters[0], run.num_filters[1], run.num_filters[2], run.filter_sizes[0],
                                       run.filter_sizes[1], run.filter_sizes[2]);
  const History history = reported(cell, name, run);
  cell.below("best validation accuracy", history.best_val_acc, 0.3, printed,
             "the notebook's fails to learn at this learning rate; its draws are not known", When::cifar10_in_full);
  cell.experiment(name, fmt::format("Another choice of hyper-parameters, ten times the learning rate: best validation "
                                    "accuracy {:.3f} (the notebook's: {}).",
                                    history.best_val_acc, printed))
      .histories = training_plots({{"ConvNet", &history}});
}

/// The mean of the `count` losses up to an iteration.
double mean_loss(const std::vector<double>& losses, Index iteration, Index count) {
  const Index first = std::max<Index>(0, iteration - count);
  return std::accumulate(losses.begin() + first, losses.begin() + iteration, 0.0) /
         static_cast<double>(iteration - first);
}

void without_batch_norm(Cell& cell) {
  Notebook& notebook = cell.notebook();
  const ConvRun run{{16, 32, 64}, {7, 7, 3}, 1e-6, 5e-4, false};
  const History without = reported(cell, "a ConvNet without batch normalization", run);
  const NotebookExperiment& good = notebook.experiment_of("17");
  History with;
  with.loss_history = good.histories.at(0).series.at(0).y;
  with.train_acc_history = good.histories.at(1).series.at(0).y;
  with.val_acc_history = good.histories.at(1).series.at(1).y;
  with.best_val_acc = largest(with.val_acc_history);
  cell.above("best validation accuracy without batch normalization", without.best_val_acc, 0.58,
             printed_value("conv_net_without_batchnorm.val_acc"),
             "the text asks for the best that one gets, no figure; the notebook does not say with which "
             "hyper-parameters, here those of the good net at a learning rate of 5e-4; two standard errors of 1,000 "
             "images below the notebook's are 0.58",
             When::cifar10_in_full);
  cell.say("with batch normalization:  ", with.best_val_acc);

  NotebookTable accuracies{"Accuracy after each epoch",
                           {"Epoch", "training, with", "training, without", "validation, with", "validation, without"},
                           {}};
  const std::size_t epochs = std::min(with.val_acc_history.size(), without.val_acc_history.size());
  for (std::size_t i = 0; i < epochs; ++i)
    accuracies.rows.push_back({std::to_string(i),
                               {with.train_acc_history[i], without.train_acc_history[i], with.val_acc_history[i],
                                without.val_acc_history[i]}});
  constexpr Index kMean = 100;
  NotebookTable losses{
      fmt::format("Training loss, mean of up to {} iterations", kMean), {"Up to iteration", "with", "without"}, {}};
  const auto total = static_cast<Index>(std::min(with.loss_history.size(), without.loss_history.size()));
  for (const Index at : {1, 100, 500, 1000, 2000, 3000, 4000, 5000}) {
    const Index end = std::min(at, total);
    if (end > 0)
      losses.rows.push_back({std::to_string(end),
                             {mean_loss(with.loss_history, end, kMean), mean_loss(without.loss_history, end, kMean)}});
    if (end == total) break;
  }
  for (const NotebookTable::Row& row : losses.rows)
    cell.say("loss up to iteration ", row.name, ":  with ", row.values[0], ", without ", row.values[1]);

  const Index images = conv_data(notebook).val.size();
  const auto lower = std::count_if(losses.rows.begin(), losses.rows.end(),
                                   [](const NotebookTable::Row& row) { return row.values[0] < row.values[1]; });
  NotebookExperiment& experiment =
      cell.experiment("Without batch normalization",
                      "The good net without batch normalization at a learning rate of 5e-4, against the one with it at "
                      "5e-3: one run each, at a learning rate that suits each.");
  experiment.question =
      "Train a ConvNet without using batch normalization layers. Report the best validation accuracy you can get and "
      "discuss how it is different from the version with batch normalization layers.";
  experiment.answer =
      "0.672 with batch normalization and 0.61 without: with it the net is more accurate, because it converges faster.";
  experiment.finding =
      epochs < 2
          ? fmt::format("One of the two ended after {} iterations, at a loss that is not finite.", total)
          : fmt::format(
                "Best validation accuracy {:.3f} with batch normalization and {:.3f} without: {}. After one epoch it "
                "is {:.3f} with and {:.3f} without, the training accuracy {:.3f} and {:.3f}. The loss is lower with it "
                "at {} of the {} iterations of the table.",
                with.best_val_acc, without.best_val_acc,
                verdict(with.best_val_acc - without.best_val_acc,
                        telling_difference(with.best_val_acc, without.best_val_acc, images),
                        "more accurate with it, as the answer says", "less accurate with it, unlike in the answer"),
                with.val_acc_history[1], without.val_acc_history[1], with.train_acc_history[1],
                without.train_acc_history[1], lower, losses.rows.size());
  experiment.histories = training_plots({{"without batch normalization", &without}, {"with", &with}});
  experiment.tables = {std::move(accuracies), std::move(losses)};
}

}  // namespace

void run_convolutional(Notebook& notebook) {
  notebook.cell("3", "Load the data", data_cell);
  notebook.cell("4", "Convolution: naive forward pass", conv_forward_cell);
  notebook.cell("5", "Convolution: naive backward pass", conv_backward_cell);
  notebook.cell("6", "Max-pooling: naive forward", max_pool_forward_cell);
  notebook.cell("7", "Max-pooling: naive backward", max_pool_backward_cell);
  notebook.cell("8", "Spatial batch normalization: forward", spatial_batchnorm_forward_cell);
  notebook.cell("9", "Spatial batch normalization: forward at test time", spatial_batchnorm_test_time_cell);
  notebook.cell("10", "Spatial batch normalization: backward", spatial_batchnorm_backward_cell);
  notebook.cell("11", "Spatial group normalization: forward", groupnorm_forward_cell);
  notebook.cell("12", "Spatial group normalization: backward", groupnorm_backward_cell);
  notebook.cell("13", "ConvNet: sanity check loss", conv_net_loss_cell);
  notebook.cell("14", "ConvNet: gradient check", conv_net_gradients_cell);
  notebook.cell("15", "Overfit small data", overfit_conv_net);
  notebook.cell("17", "Train a good CNN", good_net);
  notebook.cell("18", "Test your model", test_good_net);
  notebook.cell("19", "Visualize filters", filters);
  notebook.cell("table 1", "Other hyper-parameters, first row", [](Cell& cell) {
    other_row(cell, {{32, 32, 64}, {7, 7, 3}, 1e-6, 5e-2}, printed_values("other_conv_nets.val_accs")[0]);
  });
  notebook.cell("table 2", "Other hyper-parameters, second row", [](Cell& cell) {
    other_row(cell, {{16, 32, 64}, {7, 3, 3}, 1e-5, 5e-2}, printed_values("other_conv_nets.val_accs")[1]);
  });
  notebook.cell("4.4", "A ConvNet without batch normalization", without_batch_norm);
}

}  // namespace lamina::reproduce
