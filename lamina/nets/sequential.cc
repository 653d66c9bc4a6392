#include "lamina/nets/sequential.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "lamina/layers/layout.h"
#include "lamina/nets/blocks/repeat.h"
#include "lamina/nets/fused.h"

namespace lamina {
namespace {

template <class T>
class LayoutChange : public Step<T> {
 public:
  LayoutChange(const Shape& images, Layout to) : images_(images), to_(to) {}

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    change(x, to_, out_);
    return out_;
  }
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    change(dout, to_ == Layout::nhwc ? Layout::nchw : Layout::nhwc, *dx);
    return *dx;
  }
  void describe(SummaryWriter& summary) const override { summary.keep(images_.size()); }

 private:
  static void change(const TensorView<T>& x, Layout to, Tensor<T>& out) {
    if (to == Layout::nhwc)
      to_nhwc(x, out);
    else
      to_nchw(x, out);
  }

  Shape images_;
  Layout to_;
  Tensor<T> out_;
};

// An error of a block that names the block's place in the net's text.
class PlacedError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// block.declare(), whose errors end with the place of the innermost block in which they arose.
template <class T>
Example declare_at(std::optional<std::size_t> place, Block<T>& block, const Example& input, Declaration& declaration) {
  try {
    return block.declare(input, declaration);
  } catch (const PlacedError&) {
    throw;
  } catch (const std::invalid_argument& error) {
    if (!place) throw;
    throw PlacedError(error.what() + (" (the block at " + std::to_string(*place) + ")"));
  }
}

}  // namespace

template <class T>
Sequential<T>::Sequential(const Blocks& blocks) {
  add(blocks);
}

template <class T>
void Sequential<T>::add(const Blocks& list) {
  for (const AnyBlock& block : list) {
    const Repeat* repeat = block.as<Repeat>();
    for (Index i = 0; repeat && i < repeat->times; ++i) add(repeat->blocks);
    if (repeat) continue;
    blocks_.push_back(block.make<T>());
    places_.push_back(block.place());
  }
}

template <class T>
void Sequential<T>::add_layout_change(const Shape& images, Layout to) {
  between_.push_back(std::make_unique<LayoutChange<T>>(images, to));
  steps_.push_back(between_.back().get());
}

template <class T>
Example Sequential<T>::declare(const Example& input, Declaration& declaration) {
  output_ = input;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto& block = blocks_[i];
    const Layout wanted = block->wants(output_.layout);
    if (output_.is_image() && wanted != output_.layout) add_layout_change(output_.shape, wanted);
    output_.layout = wanted;
    output_ = declare_at(places_[i], *block, output_, declaration);
    steps_.push_back(block.get());
  }
  fuse_neighbours(steps_, between_);
  const auto learning = std::find_if(steps_.begin(), steps_.end(), [](const Step<T>* step) { return step->learns(); });
  first_learning_ = static_cast<std::size_t>(learning - steps_.begin());
  return output_;
}

template <class T>
void Sequential<T>::end_in(Layout layout) {
  if (output_.is_image() && output_.layout != layout) add_layout_change(output_.shape, layout);
  output_.layout = layout;
}

template <class T>
TensorView<T> Sequential<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  TensorView<T> out = x;
  for (Step<T>* step : steps_) out = step->forward(out, pass);
  return out;
}

template <class T>
TensorView<T> Sequential<T>::backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) {
  // A step needs the gradient of its input only if a step before it has parameters.
  const std::size_t end = dx ? 0 : first_learning_;
  TensorView<T> gradient = dout;
  for (std::size_t i = steps_.size(); i-- > end;) {
    Tensor<T>* const free = &gradients_[std::as_const(gradient).data() == std::as_const(gradients_[0]).data() ? 1 : 0];
    gradient = steps_[i]->backward(gradient, pass, i > end ? free : dx);
  }
  return gradient;
}

template <class T>
void Sequential<T>::draw(Parameters<T>& params, RandomState& random) const {
  for (const auto& block : blocks_) block->draw(params, random);
}

template <class T>
void Sequential<T>::draw_slots(std::span<const Index> starts, RandomState& random) {
  for (const auto& block : blocks_) block->draw_slots(starts, random);
}

template <class T>
bool Sequential<T>::learns() const {
  return first_learning_ < steps_.size();
}

template <class T>
void Sequential<T>::describe(SummaryWriter& summary) const {
  for (const Step<T>* step : steps_) step->describe(summary);
}

template <class T>
void Sequential<T>::view(std::vector<LayerView<T>>& views, bool) const {
  bool follows = false;
  for (const Step<T>* step : steps_) {
    const std::size_t before = views.size();
    step->view(views, follows);
    follows = views.size() == before + 1 && !views.back().relu;  // a normalization may follow, but not after a ReLU
  }
}

template <class T>
void Sequential<T>::buffers(std::vector<NamedTensor<T>>& buffers) {
  for (const auto& block : blocks_) block->buffers(buffers);
}

template <class T>
void Sequential<T>::normalizations(std::vector<BatchNormParam<T>*>& params) {
  for (const auto& block : blocks_) block->normalizations(params);
}

template <class T>
void Sequential<T>::dropouts(std::vector<DropoutParam*>& params) {
  for (const auto& block : blocks_) block->dropouts(params);
}

template class Sequential<float>;
template class Sequential<double>;

}  // namespace lamina
