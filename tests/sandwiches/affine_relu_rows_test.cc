// Affine layers with ReLU between them, some rows at a time: the bits of one layer after the other.
#include "lamina/sandwiches/affine_relu_rows.h"

#include <vector>

#include "lamina/kernels/machine/threads.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/sandwiches/affine_relu.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;

template <class T>
class AffineReluRows : public ::testing::Test {
 protected:
  ~AffineReluRows() override { kernels::set_num_threads(0); }
};
TYPED_TEST_SUITE(AffineReluRows, testing::Scalars);

// Layers of random widths, with room for what both passes write.
template <class T>
struct Layers {
  std::vector<Tensor<T>> w, b, out, da, dw, db;
  std::vector<AffineLink<T>> links;

  Layers(Index N, const std::vector<Index>& widths, RandomState& random) {
    for (std::size_t i = 1; i < widths.size(); ++i) {
      const Index D = widths[i - 1], M = widths[i];
      w.push_back(random_tensor<T>({D, M}, random));
      b.push_back(random_tensor<T>({M}, random));
      out.push_back(poisoned<T>({N, M}));
      da.push_back(poisoned<T>({N, M}));
      dw.push_back(poisoned<T>({D, M}));
      db.push_back(poisoned<T>({M}));
    }
    da.back() = random_tensor<T>({N, widths.back()}, random);
    for (std::size_t i = 0; i < w.size(); ++i) links.push_back({w[i], b[i], out[i], da[i], dw[i], db[i]});
  }
};

// One layer after the other on one thread, and by blocks of rows on several.
template <class T>
void expect_equal(Index N, const std::vector<Index>& widths, int threads, RandomState& random) {
  SCOPED_TRACE(std::to_string(N) + " rows, " + std::to_string(threads) + " threads");
  Layers<T> layers(N, widths, random);
  const auto x = random_tensor<T>({N, widths[0]}, random);

  // One after the other, on one thread.
  kernels::set_num_threads(1);
  const std::size_t last = layers.links.size() - 1;
  std::vector<Tensor<T>> out(last + 1);
  std::vector<AffineReluCache<T>> caches(last + 1);
  TensorView<T> in = x;
  for (std::size_t j = 0; j <= last; ++j) {
    if (j < last)
      affine_relu_forward(in, layers.w[j], layers.b[j], out[j], caches[j]);
    else
      affine_forward(in, layers.w[j], layers.b[j], out[j], caches[j].affine);
    in = out[j];
  }
  std::vector<Tensor<T>> dw(last + 1), db(last + 1);
  Tensor<T> gradient = layers.da.back(), next;
  for (std::size_t j = last + 1; j-- > 0;) {
    dw[j].resize(layers.w[j].shape());
    db[j].resize(layers.b[j].shape());
    if (j < last)
      affine_relu_backward<T>(gradient, caches[j], &next, dw[j], db[j]);
    else
      affine_backward<T>(gradient, caches[j].affine, &next, dw[j], db[j]);
    gradient = next;
  }

  kernels::set_num_threads(threads);
  affine_relu_rows_forward<T>(x, layers.links);
  auto dx = poisoned<T>(x.shape());
  affine_relu_rows_backward<T>(x, layers.links, dx);
  EXPECT_TRUE(close(dx, gradient, 0));
  for (std::size_t j = 0; j <= last; ++j) {
    EXPECT_TRUE(close(layers.out[j], out[j], 0)) << j;
    EXPECT_TRUE(close(layers.dw[j], dw[j], 0)) << j;
    EXPECT_TRUE(close(layers.db[j], db[j], 0)) << j;
  }
}

TYPED_TEST(AffineReluRows, EqualsItsLayers) {
  using T = TypeParam;
  RandomState random(51);
  testing::over_targets(200, [&](int i) {
    kernels::set_num_threads(2 + i % 4);
    Index N = 0;
    std::vector<Index> widths;
    const auto worth = [&] { return N > 0 && worth_rows<T>(N, Layers<T>(N, widths, random).links); };
    while (!worth()) {
      N = testing::random_length(random, i % 5 == 0 ? 250 : 60);
      widths.clear();
      for (Index count = 3 + random.randint(4); count > 0; --count)
        widths.push_back(testing::random_length(random, i % 7 == 0 ? 300 : 110));
    }
    expect_equal<T>(N, widths, 2 + i % 4, random);
  });
}

// Sizes where products are made in another way begin just beyond.
TYPED_TEST(AffineReluRows, EqualsItsLayersAtTheLimits) {
  RandomState random(54);
  for (const int threads : {2, 3, 4}) {
    expect_equal<TypeParam>(127, {128, 128, 10}, threads, random);
    expect_equal<TypeParam>(100, {2047, 10, 2047, 3}, threads, random);
    expect_equal<TypeParam>(37, {256, 20, 259, 67, 10}, threads, random);  // sums by vectors along k, a few columns
  }
}

TYPED_TEST(AffineReluRows, AreWorthItForSmallLayersOnSeveralThreads) {
  using T = TypeParam;
  RandomState random(52);
  const auto worth = [&](Index N, const std::vector<Index>& widths) {
    return worth_rows<T>(N, Layers<T>(N, widths, random).links);
  };
  kernels::set_num_threads(2);
  EXPECT_TRUE(worth(100, {100, 100, 100, 10}));
  EXPECT_FALSE(worth(100, {100, 100}));  // nothing to wait for between
  EXPECT_TRUE(worth(16, {200, 200, 10}));
  EXPECT_FALSE(worth(15, {200, 200, 10}));  // too few rows for two
  EXPECT_FALSE(worth(20, {10, 10, 10}));    // too small for more than one thread
  EXPECT_TRUE(worth(127, {128, 128, 10}));
  EXPECT_FALSE(worth(128, {128, 128, 10}));  // large enough to share out a product
  EXPECT_TRUE(worth(100, {2047, 10, 2047, 3}));
  EXPECT_FALSE(worth(100, {2048, 10, 2047, 3}));  // sums made in halves
  EXPECT_TRUE(worth(100, {100, 10, 2047}));
  EXPECT_FALSE(worth(100, {100, 10, 2048}));
  {
    const kernels::Alone alone;
    EXPECT_FALSE(worth(100, {100, 100, 100, 10}));
  }
  kernels::set_num_threads(64);
  EXPECT_TRUE(worth(100, {100, 100, 100, 10}));
  kernels::set_num_threads(1);
  EXPECT_FALSE(worth(100, {100, 100, 100, 10}));
}

// A net takes this way with several threads, and gives what it gives with one.
TYPED_TEST(AffineReluRows, ANetsResultsAreTheSame) {
  using T = TypeParam;
  FullyConnectedNetOptions options;
  options.input_dim = 60;
  options.hidden_dims = {90, 100, 80};
  options.weight_scale = 0.1;
  std::vector<Tensor<T>> of_one;
  for (const int threads : {1, 2, 3, 4}) {
    kernels::set_num_threads(threads);
    RandomState random(53);
    FullyConnectedNet<T> net(options, random);
    const auto X = random_tensor<T>({100, 60}, random);
    std::vector<Label> y;
    for (int i = 0; i < 100; ++i) y.push_back(random.randint(10));
    const LossAndGradients<T> result = net.loss(X, y);
    std::vector<Tensor<T>> all{Tensor<T>(Shape{1}, static_cast<T>(result.loss))};
    for (const auto& [name, value] : result.grads) all.emplace_back(value);
    for (const LayerView<T>& layer : net.layers()) all.emplace_back(layer.output);
    all.push_back(net.loss(random_tensor<T>({70, 60}, random)));
    if (threads == 1) of_one = all;
    ASSERT_EQ(all.size(), of_one.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_TRUE(close(all[i], of_one[i], 0)) << i;
  }
}

TEST(AffineReluRowsErrors, NameTheShapes) {
  Tensor<double> x({4, 3}), w({3, 5}), b({5}), out({4, 5}), da({4, 5}), dw({3, 5}), db({5}), wrong({2, 2});
  const AffineLink<double> right{w, b, out, da, dw, db};
  const auto forward = [&](AffineLink<double> link) { affine_relu_rows_forward<double>(x, {{link}}); };
  const auto backward = [&](AffineLink<double> link) { affine_relu_rows_backward<double>(x, {{link}}, x); };
  const auto with = [&](TensorView<double> AffineLink<double>::*member) {
    AffineLink<double> link = right;
    link.*member = wrong;
    return link;
  };
  forward(right);
  const std::string of_forward = "[affine_relu_rows_forward] expected ", got = ", got (2, 2)";
  const std::string of_backward = "[affine_relu_rows_backward] expected ";
  expect_error([&] { affine_relu_rows_forward<double>(x, {}); }, of_forward + "one link or more, got none");
  expect_error([&] { affine_relu_rows_forward<double>(b, {{right}}); }, of_forward + "x of shape (N, D), got (5,)");
  expect_error([&] { forward(with(&AffineLink<double>::w)); },
               of_forward + "w of shape (3, M) to match what comes before" + got);
  expect_error([&] { forward(with(&AffineLink<double>::b)); }, of_forward + "b of shape (5,) to match w" + got);
  expect_error([&] { forward(with(&AffineLink<double>::out)); },
               of_forward + "out of shape (4, 5) to match x and w" + got);
  expect_error([&] { backward(with(&AffineLink<double>::da)); }, of_backward + "da of shape (4, 5) to match out" + got);
  expect_error([&] { backward(with(&AffineLink<double>::dw)); }, of_backward + "dw of shape (3, 5) to match w" + got);
  expect_error([&] { backward(with(&AffineLink<double>::db)); }, of_backward + "db of shape (5,) to match b" + got);
  expect_error([&] { affine_relu_rows_backward<double>(x, {{right}}, wrong); },
               of_backward + "dx of shape (4, 3) to match x" + got);
}

// As the layers alone: no examples, no products.
TEST(AffineReluRowsErrors, NoRowsAreNone) {
  Tensor<double> x({0, 3}), w({3, 5}), b({5}), out({0, 5}), da({0, 5}), dw({3, 5}, 1), db({5}, 1), dx({0, 3});
  const AffineLink<double> link{w, b, out, da, dw, db};
  affine_relu_rows_forward<double>(x, {{link}});
  affine_relu_rows_backward<double>(x, {{link}}, dx);
  for (const double value : dw) EXPECT_EQ(value, 0);
  for (const double value : db) EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace lamina
