// Python's nets and the library's: model.params, reg, bn_params and dropout_param into a Net<T>, and back.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lamina/layers/batchnorm.h"
#include "lamina/layers/dropout.h"
#include "lamina/nets/net.h"
#include "lamina/nets/net_config.h"
#include "lamina/random.h"
#include "python/bindings/arrays.h"
#include "python/bindings/targets.h"

namespace lamina::python {

/// What a Python model says besides its parameters' elements, read with the GIL held. Python code may run meanwhile.
struct ModelState {
  /// A normalization layer's dictionary, its running averages None where there are none yet.
  struct Norm {
    py::dict param;
    std::optional<py::array> mean, var;
    std::optional<double> eps, momentum;  ///< none: as the net's text says
  };
  std::vector<py::array> params;  ///< in the net's order, of the right shapes
  double reg = 0, label_smoothing = 0;
  std::vector<Norm> norms;  ///< one a normalization layer
  std::optional<py::dict> dropout_param;
  double keep = 1;                    ///< dropout's p
  std::optional<std::uint32_t> seed;  ///< of dropout
};

/// A net in T with what a model's state asks of it beyond Net<T>.
template <class T>
struct MadeNet {
  /// Weights are zero. Dropout draws from `random`, which must outlive it.
  MadeNet(NetConfig config, RandomState& random);
  /// Sets all but the parameters.
  void set(const ModelState& state, const std::vector<std::array<Tensor<T>, 2>>& averages);

  std::unique_ptr<Net<T>> net;
  std::vector<BatchNormParam<T>*> bn_params;
  std::vector<std::array<double, 2>> own_norms;  ///< eps and momentum of each, as the net was made
  std::vector<DropoutParam*> dropouts;
  bool own_dropout;  ///< the net's text says what is dropped, not the Python object
};

/// What a Python net keeps in C++: its configuration, and nets to compute in, made when first used, whose parameters
/// are set anew from the Python object at each call.
class PyNet {
 public:
  /// ValueError where the configuration is not one of a net.
  explicit PyNet(const NetConfig& config);

  const NetConfig& config() const { return config_; }
  const ParameterLayout& layout() const { return layout_; }
  /// Lengths of the normalization layers, none where there is no normalization.
  const std::vector<Index>& norms() const { return norms_; }
  bool has_batchnorm() const { return batchnorm_; }
  const std::string& name() const { return name_; }

  /// KeyError for a missing parameter, ValueError for wrong shapes, TypeError for wrong kinds.
  ModelState read(py::handle model) const;
  /// Initial parameters by name, float32 or float64 (`wide`), drawn from the stream whose state np.random.get_state()
  /// gives; and the stream's state after that.
  py::tuple draw(bool wide, const py::array_t<std::uint32_t>& key, int position, bool has_gauss, double gauss) const;
  /// The course's loss: scores, or (loss, gradients). X is cast to `dtype` first unless that is None.
  py::object loss(py::handle model, py::handle X, py::handle y, py::handle dtype, py::handle weights);

 private:
  template <class T>
  MadeNet<T>& made();
  template <class T>
  py::object loss_in(ModelState& state, const py::array& X, const PyTargets* y, Type type);

  NetConfig config_;
  std::string name_;
  ParameterLayout layout_;
  std::vector<py::str> keys_;             // the parameters' names
  std::vector<std::string> in_messages_;  // "params['W1']"
  std::vector<Index> norms_;
  bool batchnorm_ = false, dropout_ = false, images_ = false;  // whether it has such blocks
  RandomState random_;
  std::unique_ptr<MadeNet<float>> float_;
  std::unique_ptr<MadeNet<double>> double_;
  std::mutex mutex_;  // never waited for with the GIL, and nothing of Python's is called under it
};

/// The PyNet of a Python net: TypeError unless it is one.
PyNet& find_net(py::handle model);

/// The type that a Python net's parameters promote to.
Type parameter_type(py::handle model);

/// A net of its own with a Python net's parameters, for many steps without Python: copied in, and with store() or
/// finish() out. Made, stored and finished with the GIL held.
template <class T>
class NetCopy {
 public:
  explicit NetCopy(py::handle model);
  Net<T>& net() { return *made_.net; }
  /// Dropout's stream: give it NumPy's state before training steps, and give the state back after.
  RandomState& random() { return random_; }
  /// Whether training passes draw from the stream.
  bool draws() const {
    return std::any_of(made_.dropouts.begin(), made_.dropouts.end(), [](const DropoutParam* d) { return d->p != 1; });
  }
  /// The course calls np.random.seed with it in test passes too.
  std::optional<std::uint32_t> dropout_seed() const { return seed_; }
  /// A training pass is to begin; where it does not end well, discard() undoes what it did to the running averages.
  void begin();
  void discard();
  /// A pass has ended: the last one before store.
  void end(Mode mode);
  /// The parameters as fresh arrays by name.
  py::dict params() const;
  /// Puts those into model.params, and does store_passes.
  void store(py::handle model);
  /// The same without copies, the last thing to do; the parameters only where they are wanted.
  void finish(py::handle model, bool with_params);
  /// Leaves model.bn_params and model.dropout_param as the passes would have.
  void store_passes(py::handle model);

 private:
  RandomState random_;
  MadeNet<T> made_;
  std::vector<Tensor<T>> params_;                   // the memory of the net's parameters
  std::vector<std::array<Tensor<T>, 2>> averages_;  // before the pass
  std::optional<Mode> last_;
  bool trained_ = false;
  std::optional<std::uint32_t> seed_;
};

}  // namespace lamina::python
