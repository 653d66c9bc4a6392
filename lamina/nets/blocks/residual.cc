#include "lamina/nets/blocks/residual.h"

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/nets/sequential.h"

namespace lamina {
namespace {

template <class T>
class ResidualBlock : public Block<T> {
 public:
  explicit ResidualBlock(const Residual& options)
      : main_(options.blocks), shortcut_(options.shortcut.value_or(Blocks{})) {}

  Example declare(const Example& input, Declaration& declaration) override {
    output_ = main_.declare(input, declaration);
    const Example other = shortcut_.declare(input, declaration);
    if (!(other.shape == output_.shape))
      fail(declaration.where(), "expected both sides of a residual block to give one shape, got ", output_.shape,
           " from its blocks and ", other.shape, " from its shortcut");
    shortcut_.end_in(output_.layout);
    return output_;
  }

  void draw(Parameters<T>& params, RandomState& random) const override {
    main_.draw(params, random);
    shortcut_.draw(params, random);
  }
  void draw_slots(std::span<const Index> starts, RandomState& random) override {
    main_.draw_slots(starts, random);
    shortcut_.draw_slots(starts, random);
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override {
    const TensorView<T> a = main_.forward(x, pass), b = shortcut_.forward(x, pass);
    out_.resize(a.shape());
    kernels::add(out_.size(), a.data(), b.data(), out_.data());
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override {
    const TensorView<T> a = main_.backward(dout, pass, dx ? &da_ : nullptr);
    const TensorView<T> b = shortcut_.backward(dout, pass, dx ? &db_ : nullptr);
    if (!dx) return {};
    dx->resize(a.shape());
    kernels::add(dx->size(), a.data(), b.data(), dx->data());
    return *dx;
  }

  bool learns() const override { return main_.learns() || shortcut_.learns(); }

  void describe(SummaryWriter& summary) const override {
    main_.describe(summary);
    const std::size_t first = summary.size();
    shortcut_.describe(summary);
    summary.mark(first, "shortcut: ");
    summary.line("residual sum", output_.shape, output_.shape.size());
  }

  void view(std::vector<LayerView<T>>& views, bool) const override {
    main_.view(views, false);
    shortcut_.view(views, false);
  }
  void buffers(std::vector<NamedTensor<T>>& buffers) override {
    main_.buffers(buffers);
    shortcut_.buffers(buffers);
  }
  void normalizations(std::vector<BatchNormParam<T>*>& params) override {
    main_.normalizations(params);
    shortcut_.normalizations(params);
  }
  void dropouts(std::vector<DropoutParam*>& params) override {
    main_.dropouts(params);
    shortcut_.dropouts(params);
  }

 private:
  Sequential<T> main_, shortcut_;
  Example output_;
  Tensor<T> out_, da_, db_;
};

}  // namespace

template <class T>
std::unique_ptr<Block<T>> Residual::make() const {
  return std::make_unique<ResidualBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> Residual::make() const;
template std::unique_ptr<Block<double>> Residual::make() const;

}  // namespace lamina
