#include "lamina/nets/blocks/concat.h"

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/layout.h"
#include "lamina/nets/sequential.h"

namespace lamina {
namespace {

// Images are channels last, so that the channels of a pixel, like the values of a vector, are a row of a matrix, and
// each branch gives some of its columns.
template <class T>
class ConcatBlock : public Block<T> {
 public:
  explicit ConcatBlock(const Concat& options) {
    for (const Blocks& blocks : options.branches) branches_.push_back(std::make_unique<Branch>(blocks));
  }

  Example declare(const Example& input, Declaration& declaration) override {
    Index channels = 0;
    Shape first;
    for (auto& branch : branches_) {
      const Example output = branch->blocks.declare(input, declaration);
      if (output.is_image()) branch->blocks.end_in(Layout::nhwc);
      if (branch == branches_.front()) first = output.shape;
      const bool fits = output.is_image()
                            ? first.rank() == 3 && output.shape[1] == first[1] && output.shape[2] == first[2]
                            : output.shape.rank() == first.rank();
      if (!fits)
        fail(declaration.where(), "expected images of one height and width, or vectors, from all lists of a concat ",
             "block, got ", first, " and ", output.shape);
      branch->columns = output.is_image() ? output.shape[0] : output.shape.size();
      channels += branch->columns;
    }
    columns_ = channels;
    output_ = first.rank() == 3 ? Example{{channels, first[1], first[2]}, Layout::nhwc} : Example{Shape{channels}};
    return output_;
  }

  void draw(Parameters<T>& params, RandomState& random) const override {
    for (const auto& branch : branches_) branch->blocks.draw(params, random);
  }
  void draw_slots(std::span<const Index> starts, RandomState& random) override {
    for (const auto& branch : branches_) branch->blocks.draw_slots(starts, random);
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override {
    const Index N = x.dim(0);
    out_.resize(output_.is_image() ? Shape{N, output_.shape[1], output_.shape[2], columns_} : Shape{N, columns_});
    T* to = out_.data();
    for (auto& branch : branches_) {
      const TensorView<T> part = branch->blocks.forward(x, pass);
      branch->output = part.shape();
      kernels::copy_columns(rows(N), branch->columns, part.data(), branch->columns, to, columns_);
      to += branch->columns;
    }
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override {
    const T* from = dout.data();
    for (auto& branch : branches_) {
      branch->dout.resize(branch->output);
      kernels::copy_columns(rows(dout.dim(0)), branch->columns, from, columns_, branch->dout.data(), branch->columns);
      from += branch->columns;
      const TensorView<T> part = branch->blocks.backward(branch->dout, pass, dx ? &branch->dx : nullptr);
      if (!dx) continue;
      if (branch == branches_.front())
        dx->assign(part);
      else
        kernels::add(dx->size(), std::as_const(*dx).data(), part.data(), dx->data());
    }
    return dx ? *dx : TensorView<T>();
  }

  bool learns() const override {
    for (const auto& branch : branches_)
      if (branch->blocks.learns()) return true;
    return false;
  }

  void describe(SummaryWriter& summary) const override {
    for (std::size_t i = 0; i < branches_.size(); ++i) {
      const std::size_t first = summary.size();
      branches_[i]->blocks.describe(summary);
      summary.mark(first, "branch " + std::to_string(i + 1) + ": ");
    }
    summary.line("concat", output_.shape, output_.shape.size());
  }

  void view(std::vector<LayerView<T>>& views, bool) const override {
    for (const auto& branch : branches_) branch->blocks.view(views, false);
  }
  void buffers(std::vector<NamedTensor<T>>& buffers) override {
    for (auto& branch : branches_) branch->blocks.buffers(buffers);
  }
  void normalizations(std::vector<BatchNormParam<T>*>& params) override {
    for (auto& branch : branches_) branch->blocks.normalizations(params);
  }
  void dropouts(std::vector<DropoutParam*>& params) override {
    for (auto& branch : branches_) branch->blocks.dropouts(params);
  }

 private:
  struct Branch {
    explicit Branch(const Blocks& list) : blocks(list) {}
    Sequential<T> blocks;
    Index columns = 0;  // channels, or the length of a vector
    Shape output;       // of the last forward pass
    Tensor<T> dout, dx;
  };

  // Of the matrix whose columns are put side by side.
  Index rows(Index N) const { return output_.is_image() ? N * output_.shape[1] * output_.shape[2] : N; }

  std::vector<std::unique_ptr<Branch>> branches_;
  Index columns_ = 0;
  Example output_;
  Tensor<T> out_;
};

}  // namespace

template <class T>
std::unique_ptr<Block<T>> Concat::make() const {
  return std::make_unique<ConcatBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> Concat::make() const;
template std::unique_ptr<Block<double>> Concat::make() const;

}  // namespace lamina
