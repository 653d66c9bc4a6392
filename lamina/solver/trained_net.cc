#include "lamina/solver/trained_net.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "lamina/check.h"
#include "lamina/layers/sigmoid.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/solver/score.h"

namespace lamina {
namespace {

constexpr const char* kWhere = "TrainedNet::predict";

// X as examples (N, C, H, W), whatever allowed shape it came in.
template <class From>
TensorView<From> as_batch(const TensorView<From>& X, const Shape& input) {
  const auto is_input = [&](const Index* begin) { return std::equal(input.begin(), input.end(), begin); };
  const int rank = X.rank();
  const bool one = (rank == 3 && is_input(X.shape().begin())) || (rank == 1 && X.dim(0) == input.size());
  const bool many = (rank == 4 && is_input(X.shape().begin() + 1)) || (rank == 2 && X.dim(1) == input.size());
  if (!one && !many)
    fail(kWhere, "expected X of shape (N, ", input[0], ", ", input[1], ", ", input[2], ") or (N, ", input.size(),
         "), the N left out for one example, got ", X.shape());
  return X.reshaped({one ? 1 : X.dim(0), input[0], input[1], input[2]});
}

}  // namespace

// Nets of one type behind one call.
struct TrainedNet::Pool {
  virtual ~Pool() = default;
  // `mean`, unless null, is subtracted from each example.
  virtual Predictions predict(const Examples& examples, const Tensor<double>* mean, bool mirror) = 0;
};

template <class T>
struct TrainedNet::PoolOf : TrainedNet::Pool {
  // A net with the memory of its batches: what one call uses.
  struct Worker {
    std::unique_ptr<Net<T>> net;
    Tensor<T> batch, scores, probabilities;
    SigmoidCache<T> sigmoids;
    std::vector<Index> rows;
  };

  explicit PoolOf(const ModelFile& file) {
    std::unique_ptr<Net<T>> net = make_net<T>(file.info.config, random, Weights::zero);
    file.copy_to(*net);
    idle.push_back(&add(std::move(net)));
  }

  Worker& add(std::unique_ptr<Net<T>> net) {
    idle.reserve(workers.size() + 1);  // give_back() must not throw
    workers.push_back(std::make_unique<Worker>());
    workers.back()->net = std::move(net);
    return *workers.back();
  }
  // A worker that nobody else has. Where all are busy it is a new one: a pass changes nothing of a net that a copy
  // takes.
  Worker& take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return add(std::make_unique<Net<T>>(*workers.front()->net));
    Worker& worker = *idle.back();
    idle.pop_back();
    return worker;
  }
  void give_back(Worker& worker) {
    const std::lock_guard lock(mutex);
    idle.push_back(&worker);
  }

  Predictions predict(const Examples& examples, const Tensor<double>* mean, bool mirror) override {
    const auto back = [this](Worker* worker) { give_back(*worker); };
    const std::unique_ptr<Worker, decltype(back)> worker(&take(), back);
    const Index N = examples.size(), C = worker->net->num_classes(), step = worker->net->check_batch();
    const Score kind = score_of(worker->net->net_options().loss.loss);
    Predictions found;
    found.scores.resize({N, C});
    if (kind != Score::r2) found.probabilities.resize({N, C});
    for (Index first = 0; first < N; first += step) {
      score(*worker, examples, first, std::min(step, N - first), mean);
      if (mirror) add_mirrored(*worker, examples, first, std::min(step, N - first), mean);
      std::copy(worker->scores.begin(), worker->scores.end(), found.scores.begin() + first * C);
      if (kind == Score::r2) continue;
      if (kind == Score::accuracy)
        softmax<T>(worker->scores, worker->probabilities);
      else
        sigmoid_forward<T>(worker->scores, worker->probabilities, worker->sigmoids);
      std::copy(worker->probabilities.begin(), worker->probabilities.end(), found.probabilities.begin() + first * C);
      if (kind == Score::accuracy) add_classes(worker->scores, found.classes);
    }
    return found;
  }

  static void add_classes(const Tensor<T>& scores, std::vector<Label>& classes) {
    const std::size_t C = static_cast<std::size_t>(scores.dim(1));
    for (std::size_t i = 0; i < scores.flat().size(); i += C)
      classes.push_back(static_cast<Label>(detail::argmax(std::span<const T>(scores.flat().subspan(i, C)))));
  }

  // Writes the scores of `count` examples to worker.scores.
  static void score(Worker& worker, const Examples& examples, Index first, Index count, const Tensor<double>* mean) {
    if (mean == nullptr) {
      worker.scores.assign(worker.net->loss(examples.range(first, count, worker.batch)));
      return;
    }
    examples.slice(first, count, worker.batch);
    subtract(*mean, worker.batch);
    worker.scores.assign(worker.net->loss(worker.batch));
  }
  // Makes worker.scores the mean of those and the mirror images'.
  static void add_mirrored(Worker& worker, const Examples& examples, Index first, Index count,
                           const Tensor<double>* mean) {
    worker.rows.resize(static_cast<std::size_t>(count));
    std::iota(worker.rows.begin(), worker.rows.end(), first);
    const std::vector<kernels::Move> moves(worker.rows.size(), kernels::Move{.mirror = true});
    examples.gather(worker.rows, moves, worker.batch);
    if (mean != nullptr) subtract(*mean, worker.batch);
    const Tensor<T>& other = worker.net->loss(worker.batch);
    for (Index i = 0; i < other.size(); ++i) worker.scores[i] = (worker.scores[i] + other[i]) / 2;
  }
  static void subtract(const Tensor<double>& mean, Tensor<T>& batch) {
    for (Index i = 0; i < batch.size(); ++i)
      batch[i] = static_cast<T>(static_cast<double>(batch[i]) - mean[i % mean.size()]);
  }

  RandomState random{0};  // of dropout, which draws nothing here
  std::mutex mutex;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Worker*> idle;
};

TrainedNet::TrainedNet(const std::filesystem::path& path) : TrainedNet(load_model(path)) {}

TrainedNet::TrainedNet(const ModelFile& file)
    : mirror_averaging(file.info.mirror_averaging.value_or(false)), info_(file.info) {
  if (!info_.mean.empty()) mean_ = std::make_shared<const Tensor<double>>(info_.mean);
  if (file.dtype == "float64")
    pool_ = std::make_unique<PoolOf<double>>(file);
  else
    pool_ = std::make_unique<PoolOf<float>>(file);
}
TrainedNet::TrainedNet(TrainedNet&&) noexcept = default;
TrainedNet& TrainedNet::operator=(TrainedNet&&) noexcept = default;
TrainedNet::~TrainedNet() = default;

Predictions TrainedNet::predict(const Examples& X) const {
  check_shape(kWhere, "each example", X.example_shape(), input_shape(), "the net's input");
  return pool_->predict(X.with_mean(mean_), nullptr, mirror_averaging);
}

template <class From>
Predictions TrainedNet::predict_view(const TensorView<From>& X) const {
  return pool_->predict(Examples::view(as_batch(X, input_shape())), mean_.get(), mirror_averaging);
}

Predictions TrainedNet::predict(const TensorView<std::uint8_t>& X) const { return predict_view(X); }
Predictions TrainedNet::predict(const TensorView<float>& X) const { return predict_view(X); }
Predictions TrainedNet::predict(const TensorView<double>& X) const { return predict_view(X); }

}  // namespace lamina
