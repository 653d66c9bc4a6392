#include "lamina/nets/blocks/relu.h"

namespace lamina {

template <class T>
std::unique_ptr<Block<T>> Relu::make() const {
  return std::make_unique<ReluBlock<T>>();
}
template std::unique_ptr<Block<float>> Relu::make() const;
template std::unique_ptr<Block<double>> Relu::make() const;

template <class T>
Example ReluBlock<T>::declare(const Example& input, Declaration&) {
  shape_ = input.shape;
  return input;
}

template <class T>
TensorView<T> ReluBlock<T>::forward(const TensorView<T>& x, const Pass<T>&) {
  relu_forward(x, out_, cache_);
  return out_;
}

template <class T>
TensorView<T> ReluBlock<T>::backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) {
  if (!dx) return {};
  relu_backward(dout, cache_, *dx);
  return *dx;
}

template class ReluBlock<float>;
template class ReluBlock<double>;

}  // namespace lamina
