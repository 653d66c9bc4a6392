// What a forward pass hands to its backward pass. Python sees it as an opaque object.
#pragma once

#include <any>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lamina/check.h"
#include "python/bindings/arrays.h"
#include "python/bindings/converted.h"
#include "python/bindings/interrupt.h"

namespace lamina::python {

/// The layer, and the arrays that it was given: references, as in NumPy's caches, so that a change of their elements is
/// seen by the backward pass.
class Cache {
 public:
  explicit Cache(std::string_view layer) : layer_(layer) {}
  virtual ~Cache() = default;
  Cache& operator=(const Cache&) = delete;

  std::string_view layer() const { return layer_; }
  void keep(std::string_view name, const py::array& array) { kept_.push_back({name, array, lengths(array)}); }
  /// The array kept under that name. ValueError where its shape was changed since.
  const py::array& kept(std::string_view where, std::string_view name) const;
  /// An equal one, over the arrays' deep copies (`memo` is that of Python's copy.deepcopy).
  std::unique_ptr<Cache> deep_copy(py::handle memo) const;
  std::any settings;  ///< what the layer was told besides
  /// The shape of what the layer returned.
  std::vector<py::ssize_t> out_shape;

 protected:
  Cache(const Cache&) = default;

 private:
  /// Over the same arrays.
  virtual std::unique_ptr<Cache> copied() const { return std::unique_ptr<Cache>(new Cache(*this)); }

  struct Kept {
    std::string_view name;
    py::array array;
    std::vector<py::ssize_t> shape;
  };
  std::string layer_;
  std::vector<Kept> kept_;
};

/// The Cache that `object` is. TypeError unless it is one of a forward pass of `layer`.
Cache& find_cache(std::string_view where, std::string_view layer, py::handle object);

/// The layer's own cache, State<float> or State<double>, whose views are set anew for each backward pass. Where a
/// backward pass computes in the other type, it takes converted<U>(state).
template <template <class> class State>
class LayerCache : public Cache {
 public:
  template <class T>
  LayerCache(std::string_view layer, State<T>&& state) : Cache(layer), state_(std::move(state)) {}
  LayerCache(const LayerCache& other) : Cache(other), state_(other.state_without_views()) {}

  /// Calls use(state) as interruptible() does, and for one thread at a time.
  template <class T, class Use>
  void with_state(Use&& use) {
    interruptible([&] {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (auto* state = std::get_if<State<T>>(&state_)) return use(*state);
      using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
      State<T> state = converted<T>(std::get<State<Other>>(state_));
      use(state);
    });
  }

 private:
  std::unique_ptr<Cache> copied() const override { return std::make_unique<LayerCache>(*this); }
  std::variant<State<float>, State<double>> state_without_views() const {
    const Unlocked unlocked;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (auto* state = std::get_if<State<float>>(&state_)) return converted<float>(*state);
    return converted<double>(std::get<State<double>>(state_));
  }

  std::variant<State<float>, State<double>> state_;
  mutable std::mutex mutex_;
};

template <template <class> class State, class T>
std::unique_ptr<LayerCache<State>> make_cache(std::string_view layer, State<T>&& state) {
  return std::make_unique<LayerCache<State>>(layer, std::move(state));
}

template <template <class> class State>
LayerCache<State>& cache_of(std::string_view where, std::string_view layer, py::handle object) {
  return dynamic_cast<LayerCache<State>&>(find_cache(where, layer, object));
}

/// As Python gets it.
inline py::object handed_over(std::unique_ptr<Cache> cache) { return py::cast(std::move(cache)); }

}  // namespace lamina::python
