// Measurements inside a net while it trains: norms of weights, gradients and updates, and statistics of the
// activations, for each layer with weights. Measuring does not change the training by a bit. docs/diagnose.md explains
// them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/solver/history.h"

namespace lamina {

/// What is measured in each layer; name_of() returns these names. All norms are Euclidean.
enum class Quantity {
  weight_norm,          ///< |W|, of the weight matrix or the filters, before the update
  gradient_norm,        ///< |dW - reg W|: the gradient of the data loss, without regularization
  shift_gradient_norm,  ///< |db|, or |dbeta|: the gradient of the layer's output before its ReLU, added up over the
                        ///< batch
  update_ratio,         ///< |W after - W before| / |W before|; 0 / 0 is 0
  output_mean,          ///< the mean of the layer's outputs after its ReLU, over the batch
  output_std,           ///< their standard deviation
  zero_share,           ///< the fraction of the outputs that are 0; only for layers with a ReLU, like the next
  dead_share,           ///< the fraction of the units (a convolution's filters) whose outputs are all 0 in this batch
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

/// The properties of a layer that do not change.
struct LayerInfo {
  std::string name;
  bool relu = false;
};

/// The measurements of a run.
struct Diagnostics {
  Index every = 0;  ///< iterations between measurements; 0: there are none
  Index batch_size = 0;
  double reg = 0;        ///< the net's
  double even_loss = 0;  ///< the loss of equal scores, see even_loss() in nets/loss.h
  std::vector<LayerInfo> layers;
  std::vector<Measurement> measurements;
};

/// Whether an iteration is measured: the first ten, then each `every`-th.
inline bool is_measured(Index iteration, Index every) { return iteration <= 10 || iteration % every == 0; }
/// The number of iterations between measurements with which a run has about 200 of them.
Index default_measure_every(Index num_iterations);

/// Measures a net in the iterations of is_measured(), and whenever the loss is not finite. Call before_update() and
/// after_update() from Solver's hooks of the same names.
template <class T>
class Probe {
 public:
  /// The net must outlive it. Throws std::invalid_argument if every < 1.
  Probe(const Net<T>& net, Index every, Index batch_size);

  void before_update(const StepEvent& event);
  void after_update(const StepEvent& event);

  const Diagnostics& diagnostics() const { return diagnostics_; }
  /// Continues from the measurements of an earlier part of the run.
  void set_measurements(std::vector<Measurement> measurements) { diagnostics_.measurements = std::move(measurements); }

 private:
  const Net<T>& net_;
  Diagnostics diagnostics_;
  bool open_ = false;              // before_update() has measured this iteration
  std::vector<Tensor<T>> before_;  // weights before the update
  std::vector<double> sums_;
};

}  // namespace lamina
