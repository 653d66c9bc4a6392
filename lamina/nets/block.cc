#include "lamina/nets/block.h"

#include "lamina/check.h"

namespace lamina {

void Declaration::add(std::string name, const Shape& shape, const UpdateFactors& factors) {
  constexpr Index kMost = Index{1} << 33;
  if (shape.size() > kMost - total_)
    fail(where_, "expected at most ", kMost, " parameters, got ", name, " of shape ", shape);
  total_ += shape.size();
  layout_.emplace_back(std::move(name), shape);
  factors_.push_back(factors);
}

std::pair<std::string, std::string> Declaration::add_weights(const Shape& weights, Index outputs,
                                                             const UpdateFactors& factors, bool bias) {
  const std::string number = separator_ + std::to_string(++weights_);
  add("W" + number, weights, factors);
  if (!bias) return {"W" + number, ""};
  add("b" + number, Shape{outputs}, factors);
  return {"W" + number, "b" + number};
}

std::string Declaration::add_normalization(const Shape& shape, const UpdateFactors& factors, bool scale) {
  normalizations_.push_back(shape.size());
  std::string number = std::to_string(normalizations_.size());
  if (!scale) return number;
  add("gamma" + number, shape, factors);
  add("beta" + number, shape, factors);
  return number;
}

template <class T>
void Step<T>::view(std::vector<LayerView<T>>&, bool) const {}

template <class T>
void Block<T>::draw(Parameters<T>&, RandomState&) const {}
template <class T>
void Block<T>::draw_slots(std::span<const Index>, RandomState&) {}
template <class T>
void Block<T>::buffers(std::vector<NamedTensor<T>>&) {}
template <class T>
void Block<T>::normalizations(std::vector<BatchNormParam<T>*>&) {}
template <class T>
void Block<T>::dropouts(std::vector<DropoutParam*>&) {}

template class Step<float>;
template class Step<double>;
template class Block<float>;
template class Block<double>;

}  // namespace lamina
