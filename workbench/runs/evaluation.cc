#include "workbench/runs/evaluation.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "datasets/images.h"
#include "datasets/load.h"
#include "lamina/check.h"
#include "workbench/runs/run_config.h"
#include "workbench/runs/run_data.h"
#include "workbench/runs/run_output.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

/// Throws std::runtime_error if the images or their classes do not fit the net.
void check_fits(const ModelInfo& info, const Dataset& data) {
  if (!(data.example_shape() == info.config.input_dim))
    throw std::runtime_error(detail::message("evaluate", "expected images of ", info.config.input_dim,
                                             ", as the net takes them, found ", data.example_shape(), " in ",
                                             data.name));
  if (data.class_names != info.class_names)
    throw std::runtime_error(detail::message("evaluate", "expected the net's ", info.class_names.size(),
                                             " classes, found other ones in ", data.name));
}

std::vector<const Split*> splits_of(const Dataset& data, const std::string& name) {
  if (name == "train") return {&data.train};
  if (name == "val") return {&data.val};
  if (name == "test") return {&data.test};
  if (name == "all") return {&data.train, &data.val, &data.test};
  fail("evaluate", "expected one of the splits train, val, test or all, got '", name, "'");
}

/// The settings of the run that wrote the model file; none where no run wrote it.
std::optional<RunConfig> kept_config(const ModelInfo& info) {
  const auto kept = info.metadata.find("run_config");
  if (kept == info.metadata.end()) return {};
  return run_config_from_json(kept->second);
}

}  // namespace

TrainedNet open_trained_net(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? model_path(path) : path;
  if (!fs::exists(file) && fs::exists(model_path(path / "best")))
    fail_file("load_model", path, "expected a run directory, found that of a search, whose best run is ",
              (path / "best").string());
  if (!fs::exists(file))
    fail_file("load_model", path,
              fs::is_directory(path) ? "expected a run directory with model.safetensors, found none in it"
                                     : "expected a run directory or a model file, found nothing");
  TrainedNet net(file);
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
  const std::size_t classes = net.class_names().size();
  Evaluation found;
  found.data_name = data.name;
  found.split = split_name;
  found.class_names = net.class_names();
  found.confusion.assign(classes, std::vector<Index>(classes));
  for (const Split* split : splits_of(data, split_name)) {
    if (split->size() == 0) continue;
    found.count += split->size();
    const std::vector<Label> best = net.predict(split->X).classes;
    for (std::size_t i = 0; i < best.size(); ++i) {
      ++found.confusion[static_cast<std::size_t>(split->y[i])][static_cast<std::size_t>(best[i])];
      found.right += best[i] == split->y[i];
    }
  }
  if (found.count == 0)
    throw std::runtime_error(
        detail::message("evaluate", "expected images in the ", split_name, " split of ", data.name, ", found none"));
  return found;
}

std::vector<Guess> guess_classes(const TrainedNet& net, const TensorView<std::uint8_t>& image, Index count) {
  const Tensor<double> p = net.predict(fit_image(image, net.input_shape())).probabilities;
  std::vector<Index> order(static_cast<std::size_t>(p.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return p[a] > p[b]; });
  std::vector<Guess> guesses;
  for (const Index i : order)
    if (static_cast<Index>(guesses.size()) < count)
      guesses.push_back({net.class_names()[static_cast<std::size_t>(i)], p[i]});
  return guesses;
}

Dataset load_data_of(const ModelInfo& info, const std::string& data, const fs::path& data_dir,
                     const std::function<void(std::string_view)>& say) {
  RunConfig config = kept_config(info).value_or(RunConfig{});
  const std::string digest = config.data_digest;
  config.data_digest.clear();
  const bool own_data = data.empty() && kept_config(info).has_value();
  if (!data.empty()) config.data = data;
  if (!data_dir.empty()) config.data_dir = data_dir;
  if (own_data) check_still_there(config, "--data NEW says where they are now");
  config.image_size = {.height = info.config.input_dim[1], .width = info.config.input_dim[2]};
  LoadOptions options;
  options.say = say;
  if (const Index channels = info.config.input_dim[0]; channels == 1 || channels == 3)
    options.images.channels = channels;
  Dataset dataset = load_run_data(config, options);
  check_fits(info, dataset);
  if (!digest.empty() && digest != config.data_digest && say)
    say("these data (" + dataset.name + ") are not those that the net was trained on");
  return dataset;
}

}  // namespace lamina
