#include "workbench/runs/evaluation.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <optional>

#include "datasets/images.h"
#include "datasets/load.h"
#include "lamina/check.h"
#include "workbench/runs/run_config.h"
#include "workbench/runs/run_data.h"
#include "workbench/runs/run_output.h"
#include "workbench/runs/table_predictions.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

/// Throws std::runtime_error if the images or their classes do not fit the net.
void check_fits(const ModelInfo& info, const Dataset& data) {
  if (!(data.example_shape() == info.config.input_dim))
    throw std::runtime_error(detail::message("evaluate", "expected examples of ", info.config.input_dim,
                                             ", as the net takes them, found ", data.example_shape(), " in ",
                                             data.name));
  const auto check_names = [&](const std::vector<std::string>& found, const std::vector<std::string>& expected,
                               const char* what) {
    if (found != expected)
      throw std::runtime_error(detail::message("evaluate", "expected the net's ", expected.size(), what,
                                               ", found other ones in ", data.name));
  };
  check_names(data.class_names, info.class_names, " classes");
  check_names(data.target_names, info.target_names, " targets");
}

std::vector<const Split*> splits_of(const Dataset& data, const std::string& name) {
  if (name == "train") return {&data.train};
  if (name == "val") return {&data.val};
  if (name == "test") return {&data.test};
  if (name == "all") return {&data.train, &data.val, &data.test};
  fail("evaluate", "expected one of the splits train, val, test or all, got '", name, "'");
}

void add_classes(const std::vector<Label>& best, const std::vector<Label>& y, Evaluation& found) {
  for (std::size_t i = 0; i < best.size(); ++i) {
    ++found.confusion[static_cast<std::size_t>(y[i])][static_cast<std::size_t>(best[i])];
    found.right += best[i] == y[i];
  }
}

/// Predicted numbers. If the net was trained on a table, they are converted to the units of the table's columns.
Tensor<double> in_units(const std::optional<TablePreparation>& table, const Tensor<double>& numbers) {
  Tensor<double> converted = numbers;
  if (table)
    for (Index i = 0; i < numbers.size(); ++i) converted[i] = table->in_unit(numbers[i], i % numbers.dim(1));
  return converted;
}

/// The targets and predictions (n, K) of a split go behind the `first` ones, and into the sums of each of the K.
void add_targets(const Tensor<double>& predicted, const Tensor<double>& targets, Index first, Evaluation& found) {
  const Index K = targets.dim(1);
  std::copy(predicted.begin(), predicted.end(), found.predicted.begin() + first * K);
  std::copy(targets.begin(), targets.end(), found.targets.begin() + first * K);
  const auto add_to = [&](auto& sums) {
    sums.resize(static_cast<std::size_t>(K));
    for (Index i = 0; i < targets.dim(0); ++i)
      for (Index k = 0; k < K; ++k) sums[static_cast<std::size_t>(k)].add(1, predicted(i, k), targets(i, k));
  };
  found.measured == Score::f1 ? add_to(found.labels) : add_to(found.numbers);
}

/// The settings of the run that wrote the model file; none where no run wrote it.
std::optional<RunConfig> kept_config(const ModelInfo& info) {
  const auto kept = info.metadata.find("run_config");
  if (kept == info.metadata.end()) return {};
  return run_config_from_json(kept->second);
}

/// The net of a model file. Where that of a run is damaged, the error says how to get it back.
TrainedNet load_trained_net(const fs::path& file) {
  try {
    return TrainedNet(file);
  } catch (const std::runtime_error& error) {
    const fs::path run = file.has_parent_path() ? file.parent_path() : ".";
    const bool can_be_read = std::ifstream(file).good();
    if (!can_be_read || file.filename() != model_path(run).filename() || !fs::exists(checkpoint_path(run))) throw;
    throw std::runtime_error(std::string(error.what()) + "; 'lamina train --resume " + run.string() +
                             "' writes it again from the run's checkpoint");
  }
}

}  // namespace

double precision(const LabelCounts& label) { return label.predicted > 0 ? label.right / label.predicted : 0; }
double recall(const LabelCounts& label) { return label.truly > 0 ? label.right / label.truly : 0; }

double Evaluation::score() const {
  if (measured == Score::f1) return mean_f1(labels);
  return measured == Score::r2 ? mean_r2(numbers) : accuracy();
}

TrainedNet open_trained_net(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? model_path(path) : path;
  if (!fs::exists(file) && fs::exists(model_path(path / "best")))
    fail_file("load_model", path, "expected a run directory, found that of a search, whose best run is ",
              (path / "best").string());
  if (!fs::exists(file))
    fail_file("load_model", path,
              fs::is_directory(path) ? "expected a run directory with model.safetensors, found none in it"
                                     : "expected a run directory or a model file, found nothing");
  if (file.filename() == checkpoint_path({}).filename())
    fail_file("load_model", file,
              "expected a run directory or its model.safetensors, found the run's checkpoint; give ",
              file.has_parent_path() ? file.parent_path().string() : ".", " or its model.safetensors");
  TrainedNet net = load_trained_net(file);
  try {
    const std::optional<RunConfig> config = kept_config(net.info());
    if (!net.info().mirror_averaging) net.mirror_averaging = config && config->solver.mirror_averaging;
  } catch (const std::invalid_argument& cause) {
    fail_file("load_model", file,
              "expected the settings of the run that trained the net, found a damaged text: ", cause.what());
  }
  return net;
}

Evaluation evaluate(const TrainedNet& net, const Dataset& data, const std::string& split_name) {
  check_fits(net.info(), data);
  const std::vector<const Split*> splits = splits_of(data, split_name);
  const std::size_t classes = net.class_names().size();
  Evaluation found;
  found.measured = score_of(net.info().config.loss.loss);
  found.data_name = data.name;
  found.split = split_name;
  found.example = data.example_shape();
  found.class_names = net.class_names();
  found.confusion.assign(classes, std::vector<Index>(classes));
  found.target_names = net.target_names();
  const std::optional<TablePreparation> table = preparation_of(net.info());
  for (const Split* split : splits) found.count += split->size();
  if (found.count == 0)
    throw std::runtime_error(
        detail::message("evaluate", "expected examples in the ", split_name, " split of ", data.name, ", found none"));
  if (!found.target_names.empty()) {
    found.predicted.resize({found.count, data.num_outputs()});
    found.targets.resize(found.predicted.shape());
  }
  Index first = 0;
  for (const Split* split : splits) {
    if (split->size() == 0) continue;
    const Predictions predictions = net.predict(split->X);
    if (split->targets)
      add_targets(in_units(table, predictions.scores), in_units(table, *split->targets), first, found);
    else
      add_classes(predictions.classes, split->y, found);
    first += split->size();
  }
  return found;
}

std::vector<Guess> guesses_of(const TrainedNet& net, const Predictions& found, Index row, Index count,
                              const std::optional<TablePreparation>& table) {
  const bool numbers = found.probabilities.empty();
  const Tensor<double>& all = numbers ? found.scores : found.probabilities;
  const std::span<const double> values(all.data() + row * all.dim(1), static_cast<std::size_t>(all.dim(1)));
  const std::vector<std::string>& names = net.target_names().empty() ? net.class_names() : net.target_names();
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!numbers) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
    order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  }
  std::vector<Guess> guesses;
  for (const std::size_t i : order)
    guesses.push_back({names[i], numbers && table ? table->in_unit(values[i], static_cast<Index>(i)) : values[i]});
  return guesses;
}

std::vector<Guess> guess(const TrainedNet& net, const TensorView<std::uint8_t>& image, Index count) {
  return guesses_of(net, net.predict(fit_image(image, net.input_shape())), 0, count);
}

Dataset load_data_of(const ModelInfo& info, const std::string& data, const fs::path& data_dir,
                     const std::function<void(std::string_view)>& say, const Lenience& lenience) {
  const std::optional<TablePreparation> table = preparation_of(info);
  if (table && !data.empty()) return load_whole_table(data, *table, {.allowed = lenience.allow_unknown, .say = say});
  RunConfig config = kept_config(info).value_or(RunConfig{});
  const std::string digest = config.data_digest;
  config.data_digest.clear();
  const bool own_data = data.empty() && kept_config(info).has_value();
  if (!data.empty()) config.data = data;
  config.skip_broken = config.skip_broken || lenience.skip_broken;
  if (!data_dir.empty()) config.data_dir = data_dir;
  if (own_data) check_still_there(config, "--data NEW says where they are now");
  config.image_size = {.height = info.config.input_dim[1], .width = info.config.input_dim[2]};
  LoadOptions options;
  options.say = say;
  options.table.known = table;
  if (const Index channels = info.config.input_dim[0]; channels == 1 || channels == 3)
    options.images.channels = channels;
  Dataset dataset = load_run_data(config, options);
  check_fits(info, dataset);
  if (!digest.empty() && digest != config.data_digest && say)
    say("these data (" + dataset.name + ") are not those that the net was trained on");
  return dataset;
}

}  // namespace lamina
