#include "workbench/runs/run_output.h"

#include <algorithm>
#include <array>
#include <utility>

#include "datasets/images.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/solver/model_file.h"
#include "workbench/pages/figures.h"
#include "workbench/pages/prediction_figures.h"
#include "workbench/pages/report.h"
#include "workbench/pages/visualize_grid.h"
#include "workbench/runs/evaluation.h"
#include "workbench/runs/run_data.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

/// The picture of the first layer's filters, if the net begins with a convolution of colour or grey images.
template <class T>
Tensor<std::uint8_t> filter_picture(const Parameters<T>& params) {
  if (params.size() == 0) return {};
  const TensorView<T>& W = params.begin()->value;
  if (W.rank() != 4 || (W.dim(1) != 1 && W.dim(1) != 3) || W.dim(2) < 3) return {};
  Tensor<double> filters(W.shape());
  std::copy(W.begin(), W.end(), filters.begin());
  return visualize_filters(filters);
}

/// What the run's model, as its file has it, predicts for the validation examples.
void add_predictions(const fs::path& directory, const Dataset& data, ReportInput& report) {
  if (data.val.size() == 0 || data.class_names.size() > kMostConfusionClasses) return;
  const Evaluation found = evaluate(TrainedNet(model_path(directory)), data, "val");
  if (found.measured == Score::accuracy)
    report.confusion = confusion_table(found.class_names, found.confusion);
  else if (found.measured == Score::f1)
    report.predictions = {precision_recall_figure(found.target_names, found.predicted, found.targets)};
  else
    report.predictions = regression_figures(found.target_names, found.predicted, found.targets);
}

}  // namespace

fs::path checkpoint_path(const fs::path& directory) { return directory / "checkpoint"; }
fs::path model_path(const fs::path& directory) { return directory / "model.safetensors"; }
fs::path diagnostics_path(const fs::path& directory) { return directory / "diagnostics.csv"; }

template <class T>
RunRecord run_record(const RunConfig& config, const SolverState<T>& state, Index num_train) {
  RunRecord record;
  record.history = state.history;
  record.config = to_json(config);
  record.score = score_of(config.net.loss.loss);
  record.seconds = state.seconds;
  record.images_per_second = state.seconds > 0 ? static_cast<double>(state.images) / state.seconds : 0;
  record.iterations_per_epoch = std::max<Index>(1, num_train / config.solver.batch_size);
  return record;
}

template <class T>
std::optional<Index> patience_that_ended(const RunConfig& config, const SolverState<T>& state) {
  const bool ended = state.num_iterations > 0 && state.iteration == state.num_iterations;
  return ended && state.epoch < config.solver.num_epochs ? config.solver.patience : std::nullopt;
}

template <class T>
void write_best_model(const fs::path& directory, const RunConfig& config, const Dataset& data,
                      const SolverState<T>& state, Net<T>& net) {
  ModelInfo info;
  info.config = config.net;
  info.class_names = data.class_names;
  info.target_names = data.target_names;
  if (data.mean) info.mean = *data.mean;
  info.mirror_averaging = config.solver.mirror_averaging;
  info.metadata = {{"data", data.name}, {"run_config", to_json(config)}};
  if (!data.preparation.empty()) info.metadata["table"] = data.preparation;
  if (state.best_params.size() == 0) {
    save_model(model_path(directory), net, info);
    return;
  }
  std::vector<NamedTensor<T>> buffers = net.buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) buffers[i].value = state.best_buffers[i];
  save_model(model_path(directory), state.best_params, buffers, info);
}

template <class T>
void write_pages(const fs::path& directory, const RunConfig& config, const Dataset& data, const SolverState<T>& state,
                 const NetSummary& net, const Diagnostics& diagnostics, std::optional<Index> not_finite) {
  ReportInput report;
  report.diagnostics = diagnostics;
  report.title = net.title.substr(0, net.title.find(',')) + " on " + data.name;
  report.data_name = data.name;
  report.example = data.example_shape();
  report.num_train = num_train(config, data);
  report.num_val = data.val.size();
  report.has_test = data.test.size() > 0;
  report.patience = patience_that_ended(config, state);
  report.num_epochs = config.solver.num_epochs;
  report.record = run_record(config, state, report.num_train);
  report.not_finite = not_finite;
  report.net = net;
  report.batch_size = config.solver.batch_size;
  report.slots = config.solver.slots;
  if (!not_finite) add_predictions(directory, data, report);
  report.filters = filter_picture(state.best_params.size() > 0 ? state.best_params : state.params);
  report.run_directory = directory.string();
  write_file_atomically(directory / "loss.svg", to_svg(loss_figure(report.record)));
  write_file_atomically(directory / "accuracy.svg", to_svg(accuracy_figure(report.record)));
  if (!report.filters.empty()) write_png(directory / "filters.png", report.filters);
  write_report(directory / "report.html", report);
}

void remove_run(const fs::path& directory) {
  constexpr std::array kFiles = {"checkpoint", "history.json", "metrics.csv", "diagnostics.csv", "model.safetensors",
                                 "loss.svg",   "accuracy.svg", "filters.png", "report.html"};
  for (const char* name : kFiles) {
    std::error_code error;
    fs::remove(directory / name, error);
    if (error) fail_file("train", directory / name, "cannot be removed: ", error.message());
  }
}

template RunRecord run_record(const RunConfig&, const SolverState<float>&, Index);
template RunRecord run_record(const RunConfig&, const SolverState<double>&, Index);
template std::optional<Index> patience_that_ended(const RunConfig&, const SolverState<float>&);
template std::optional<Index> patience_that_ended(const RunConfig&, const SolverState<double>&);
template void write_best_model(const fs::path&, const RunConfig&, const Dataset&, const SolverState<float>&,
                               Net<float>&);
template void write_best_model(const fs::path&, const RunConfig&, const Dataset&, const SolverState<double>&,
                               Net<double>&);
template void write_pages(const fs::path&, const RunConfig&, const Dataset&, const SolverState<float>&,
                          const NetSummary&, const Diagnostics&, std::optional<Index>);
template void write_pages(const fs::path&, const RunConfig&, const Dataset&, const SolverState<double>&,
                          const NetSummary&, const Diagnostics&, std::optional<Index>);

}  // namespace lamina
