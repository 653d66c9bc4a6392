#include "lamina/nets/blocks/dropout.h"

#include <charconv>
#include <string>

#include "lamina/check.h"

namespace lamina {
namespace {

// The fewest digits that read back as the probability, without an exponent down to 0.0001.
std::string digits_of(double p) {
  char text[32];
  const std::chars_format format = p >= 1e-4 ? std::chars_format::fixed : std::chars_format::scientific;
  return {text, std::to_chars(text, text + sizeof text, p, format).ptr};
}

}  // namespace

void Dropout::visit(BlockVisitor& v) {
  v.number("keep", keep, {.least = 0, .most = 1, .open_least = true});
  v.option("seed", seed, 0);
}

template <class T>
std::unique_ptr<Block<T>> Dropout::make() const {
  return std::make_unique<DropoutBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> Dropout::make() const;
template std::unique_ptr<Block<double>> Dropout::make() const;

template <class T>
DropoutBlock<T>::DropoutBlock(const Dropout& options) {
  param_.p = options.keep;
  if (options.seed) param_.seed = static_cast<std::uint32_t>(*options.seed);
}

template <class T>
Example DropoutBlock<T>::declare(const Example& input, Declaration&) {
  shape_ = input.shape;
  return input;
}

template <class T>
void DropoutBlock<T>::draw_slots(std::span<const Index> starts, RandomState& random) {
  if (param_.p == 1) return;
  if (param_.seed) random.seed(*param_.seed);
  slots_.clear();
  for (std::size_t slot = 0; slot + 1 < starts.size(); ++slot) {
    slots_.push_back(random);
    random.skip((starts[slot + 1] - starts[slot]) * shape_.size());
  }
}

template <class T>
DropoutParam DropoutBlock<T>::param(const Pass<T>& pass) const {
  DropoutParam param = param_;
  param.mode = pass.mode;
  if (pass.slot) param.seed.reset();  // draw_slots() has seeded the stream
  return param;
}

template <class T>
TensorView<T> DropoutBlock<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  dropped_ = pass.mode == Mode::train && param_.p != 1;
  if (!dropped_) return x;
  dropout_forward(x, param(pass), *stream(pass), out_, cache_);
  return out_;
}

template <class T>
TensorView<T> DropoutBlock<T>::backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) {
  if (!dx || !dropped_) return dout;
  dropout_backward(dout, cache_, *dx);
  return *dx;
}

template <class T>
void DropoutBlock<T>::describe(SummaryWriter& summary) const {
  summary.elementwise("dropout (keeps " + digits_of(param_.p) + ")", shape_, false);
}

template class DropoutBlock<float>;
template class DropoutBlock<double>;

}  // namespace lamina
