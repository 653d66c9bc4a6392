// Seeing into a net while it trains: norms of weights, gradients and updates, and what the activations look like, for
// each layer that learns. Looking changes no bit of the training.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/solver/history.h"

namespace lamina {

/// What is measured of a layer; name_of() gives these names.
enum class Quantity {
  weight_norm,          ///< |W|, of the weight matrix or the filters, before the update (Euclidean norms all)
  gradient_norm,        ///< |dW - reg W|: of the data's loss, without regularization's part
  shift_gradient_norm,  ///< |db|, or |dbeta|: the gradient of the layer's output before its ReLU, added up over the
                        ///< batch
  update_ratio,         ///< |W after - W before| / |W before|; 0 / 0 is 0
  output_mean,          ///< of the layer's output after its ReLU, over the batch
  output_std,           ///< their standard deviation
  zero_share,           ///< share of the outputs that are 0; of layers with a ReLU alone, as is the next
  dead_share,           ///< share of the units (a convolution's filters) whose outputs are all 0 in this batch
};
constexpr std::size_t kQuantities = 8;
std::string_view name_of(Quantity quantity);

/// The values of one layer in one iteration, by Quantity.
struct LayerValues {
  std::array<double, kQuantities> values{};
  double& operator[](Quantity quantity) { return values[static_cast<std::size_t>(quantity)]; }
  double operator[](Quantity quantity) const { return values[static_cast<std::size_t>(quantity)]; }
};

struct Measurement {
  Index iteration = 0;
  double loss = 0;
  bool updated = false;  ///< false: the loss was not finite, and there is no update_ratio
  std::vector<LayerValues> layers;
};

/// What is known of a layer besides its measurements.
struct LayerInfo {
  std::string name;
  bool relu = false;
};

/// The measurements of a run.
struct Diagnostics {
  Index every = 0;  ///< iterations between measurements; 0: there are none
  Index batch_size = 0, num_classes = 0;
  double reg = 0;  ///< the net's
  std::vector<LayerInfo> layers;
  std::vector<Measurement> measurements;
};

/// Whether an iteration is measured: the first ten, then each `every`-th.
inline bool is_measured(Index iteration, Index every) { return iteration <= 10 || iteration % every == 0; }
/// Iterations between measurements that make about 200 of them in a run.
Index default_measure_every(Index num_iterations);

/// Looks into a net at the iterations of is_measured(), and where the loss is not finite. before_update() and
/// after_update() belong into Solver's hooks of these names.
template <class T>
class Probe {
 public:
  /// The net must outlive it. Throws std::invalid_argument where every < 1.
  Probe(const Net<T>& net, Index every, Index batch_size);

  void before_update(const StepEvent& event);
  void after_update(const StepEvent& event);

  const Diagnostics& diagnostics() const { return diagnostics_; }
  /// Goes on from measurements that an earlier part of the run has made.
  void set_measurements(std::vector<Measurement> measurements) { diagnostics_.measurements = std::move(measurements); }

 private:
  const Net<T>& net_;
  Diagnostics diagnostics_;
  bool open_ = false;              // before_update() has measured this iteration
  std::vector<Tensor<T>> before_;  // weights before the update
  std::vector<double> sums_;
};

}  // namespace lamina
