#include "workbench/runs/evaluation.h"

#include <algorithm>
#include <numeric>

#include "datasets/images.h"
#include "datasets/load.h"
#include "lamina/check.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/solver/solver.h"
#include "workbench/runs/run_config.h"
#include "workbench/runs/run_data.h"
#include "workbench/runs/run_output.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

ModelFile open_model(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? model_path(path) : path;
  if (!fs::exists(file))
    fail_file("load_model", path,
              fs::is_directory(path) ? "expected a run directory with model.safetensors, found none in it"
                                     : "expected a run directory or a model file, found nothing");
  return load_model(file);
}

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

const Split& split_of(const Dataset& data, const std::string& name) {
  if (name == "train") return data.train;
  if (name == "val") return data.val;
  if (name == "test") return data.test;
  fail("evaluate", "expected one of the splits train, val, test, got '", name, "'");
}

}  // namespace

struct TrainedNet::Inside {
  virtual ~Inside() = default;
  virtual Index check_batch() const = 0;
  /// Computes scores (N, C) in the net's type, and writes the index of the highest in each row to `best`.
  virtual void classify(const Examples& examples, Index first, Index count, std::vector<Index>& best) = 0;
  virtual std::vector<double> probabilities(const Tensor<std::uint8_t>& image, const Tensor<double>& mean) = 0;
  ModelInfo info;
  bool mirror = false;
};

namespace {

/// Whether the run that trained the net used mirror_averaging.
bool trained_with_mirror(const ModelInfo& info) {
  const auto kept = info.metadata.find("run_config");
  if (kept == info.metadata.end()) return false;
  try {
    return run_config_from_json(kept->second).mirror_averaging;
  } catch (const std::invalid_argument&) {
    return false;  // a model file that no run wrote
  }
}

}  // namespace

template <class T>
struct TrainedNet::InsideOf : TrainedNet::Inside {
  explicit InsideOf(const ModelFile& file) : random(0), net(make_net<T>(file.info.config, random, Weights::zero)) {
    file.copy_to(*net);
    info = file.info;
  }
  Index check_batch() const override { return net->check_batch(); }
  void classify(const Examples& examples, Index first, Index count, std::vector<Index>& best) override {
    examples.slice(first, count, batch);
    scores.assign(net->loss(batch));
    if (mirror) {
      rows.resize(static_cast<std::size_t>(count));
      std::iota(rows.begin(), rows.end(), first);
      const std::vector<kernels::Move> moves(rows.size(), kernels::Move{.mirror = true});
      examples.gather(rows, moves, batch);
      add_mirrored();
    }
    const auto classes = static_cast<std::size_t>(scores.dim(1));
    best.clear();
    for (Index i = 0; i < count; ++i)
      best.push_back(
          detail::argmax(std::span<const T>(scores.flat()).subspan(static_cast<std::size_t>(i) * classes, classes)));
  }
  std::vector<double> probabilities(const Tensor<std::uint8_t>& image, const Tensor<double>& mean) override {
    batch.resize(Shape{1, image.dim(0), image.dim(1), image.dim(2)});
    for (Index i = 0; i < image.size(); ++i)
      batch[i] = static_cast<T>(static_cast<double>(image[i]) - (mean.empty() ? 0 : mean[i]));
    scores.assign(net->loss(batch));
    if (mirror) {
      const Index W = image.dim(2);
      for (Index i = 0; i < image.size(); ++i) {
        const Index other = i - i % W + W - 1 - i % W;
        batch[i] = static_cast<T>(static_cast<double>(image[other]) - (mean.empty() ? 0 : mean[i]));
      }
      add_mirrored();
    }
    Tensor<T> result;
    softmax<T>(scores, result);
    return std::vector<double>(result.begin(), result.end());
  }
  /// Averages `scores` with those of the batch.
  void add_mirrored() {
    const TensorView<T>& other = net->loss(batch);
    for (Index i = 0; i < scores.size(); ++i) scores[i] = (scores[i] + other[i]) / 2;
  }
  RandomState random;
  std::unique_ptr<Net<T>> net;
  Tensor<T> batch, scores;
  std::vector<Index> rows;
};

TrainedNet::TrainedNet(const fs::path& path) {
  const ModelFile file = open_model(path);
  if (file.dtype == "float64")
    inside_ = std::make_unique<InsideOf<double>>(file);
  else
    inside_ = std::make_unique<InsideOf<float>>(file);
  inside_->mirror = trained_with_mirror(inside_->info);
}
TrainedNet::TrainedNet(TrainedNet&&) noexcept = default;
TrainedNet& TrainedNet::operator=(TrainedNet&&) noexcept = default;
TrainedNet::~TrainedNet() = default;

const ModelInfo& TrainedNet::info() const { return inside_->info; }

void TrainedNet::set_mirror_averaging(bool on) { inside_->mirror = on; }

Evaluation TrainedNet::evaluate(const Dataset& data, const std::string& split_name) {
  const ModelInfo& info = inside_->info;
  check_fits(info, data);
  const Split& split = split_of(data, split_name);
  if (split.size() == 0)
    throw std::runtime_error(
        detail::message("evaluate", "expected images in the ", split_name, " split of ", data.name, ", found none"));
  const Examples examples =
      split.X.with_mean(info.mean.empty() ? nullptr : std::make_shared<const Tensor<double>>(info.mean));
  const std::size_t classes = info.class_names.size();
  Evaluation found;
  found.data_name = data.name;
  found.split = split_name;
  found.class_names = info.class_names;
  found.count = split.size();
  found.confusion.assign(classes, std::vector<Index>(classes));
  std::vector<Index> best;
  const Index batch = inside_->check_batch();
  for (Index first = 0; first < found.count; first += batch) {
    inside_->classify(examples, first, std::min(batch, found.count - first), best);
    for (std::size_t i = 0; i < best.size(); ++i) {
      const Label label = split.y[static_cast<std::size_t>(first) + i];
      ++found.confusion[static_cast<std::size_t>(label)][static_cast<std::size_t>(best[i])];
      found.right += best[i] == label;
    }
  }
  return found;
}

std::vector<Guess> TrainedNet::predict(const TensorView<std::uint8_t>& image, Index count) {
  const ModelInfo& info = inside_->info;
  const std::vector<double> p = inside_->probabilities(fit_image(image, info.config.input_dim), info.mean);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
  std::vector<Guess> guesses;
  for (const std::size_t i : order)
    if (static_cast<Index>(guesses.size()) < count) guesses.push_back({info.class_names[i], p[i]});
  return guesses;
}

Dataset load_data_of(const ModelInfo& info, const std::string& data, const fs::path& data_dir,
                     const std::function<void(std::string_view)>& say) {
  RunConfig config;
  const auto kept = info.metadata.find("run_config");
  if (kept != info.metadata.end()) {
    try {
      config = run_config_from_json(kept->second);
    } catch (const std::invalid_argument&) {
      // No run wrote this model file: the caller names the data, or they are "auto".
    }
  }
  const std::string digest = config.data_digest;
  config.data_digest.clear();
  if (!data.empty()) config.data = data;
  if (!data_dir.empty()) config.data_dir = data_dir;
  config.image_height = info.config.input_dim[1];
  config.image_width = info.config.input_dim[2];
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
