#include "lamina/solver/trained_net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "lamina/layers/softmax_loss.h"
#include "tests/io/io_checks.h"

namespace lamina {
namespace {

using testing_io::error_of;
using testing_io::expect_clear;

constexpr Index kImages = 230;  // more than two batches

NetConfig config_of_blocks() {
  NetConfig config;
  config.model = kNetOfBlocks;
  config.net = "conv 6 3x3 | batchnorm | relu | max_pool 2 | dropout 0.5 | affine 4";
  config.input_dim = {3, 8, 6};
  config.num_classes = 4;
  return config;
}

// A model file of a net whose running averages have moved, and images for it.
template <class T>
class TrainedNets : public testing_io::InDirectory {
 protected:
  void SetUp() override {
    InDirectory::SetUp();
    save({});
  }

  void save(const Tensor<double>& mean, NetConfig config = config_of_blocks(), bool mirror_averaging = false) {
    RandomState random(3);
    net_ = make_net<T>(config, random_);
    bytes_ = Tensor<std::uint8_t>(Shape{kImages, 3, 8, 6});
    for (std::uint8_t& pixel : bytes_) pixel = static_cast<std::uint8_t>(random.randint(256));
    std::vector<Label> y;
    for (Index i = 0; i < kImages; ++i) y.push_back(static_cast<Label>(i % 4));
    mean_ = mean;
    (void)net_->loss(input(bytes_), y);
    ModelInfo info{config, {"cat", "dog", "frog", "ship"}, mean, {{"by", "a test"}}};
    info.mirror_averaging = mirror_averaging;
    save_model(file(), *net_, info);
  }

  // What the net itself is given for these bytes: T(byte - mean).
  Tensor<T> input(const TensorView<std::uint8_t>& bytes) const {
    Tensor<T> X(bytes.shape());
    for (Index i = 0; i < X.size(); ++i) X[i] = static_cast<T>(bytes[i] - (mean_.empty() ? 0.0 : mean_[i % 144]));
    return X;
  }

  // Checks against the net's own scores of the same batches.
  void expect_scores(const Predictions& found, const TensorView<T>& X) {
    ASSERT_EQ(found.scores.shape(), (Shape{X.dim(0), 4}));
    ASSERT_EQ(found.probabilities.shape(), found.scores.shape());
    ASSERT_EQ(found.classes.size(), static_cast<std::size_t>(X.dim(0)));
    for (Index first = 0; first < X.dim(0); first += 100) {
      const Tensor<T>& scores = net_->loss(X.rows(first, std::min<Index>(100, X.dim(0) - first)));
      Tensor<T> probabilities;
      softmax<T>(scores, probabilities);
      for (Index i = 0; i < scores.size(); ++i) {
        ASSERT_EQ(found.scores[first * 4 + i], scores[i]);
        ASSERT_EQ(found.probabilities[first * 4 + i], probabilities[i]);
      }
      for (Index i = 0; i < scores.dim(0); ++i) {
        const auto best = std::max_element(scores.data() + i * 4, scores.data() + i * 4 + 4) - scores.data() - i * 4;
        ASSERT_EQ(found.classes[static_cast<std::size_t>(first + i)], best);
      }
    }
  }

  std::filesystem::path file() const { return this->dir_ / "model.safetensors"; }

  RandomState random_{1};
  std::unique_ptr<Net<T>> net_;
  Tensor<std::uint8_t> bytes_;
  Tensor<double> mean_;
};

void expect_same(const Predictions& a, const Predictions& b) {
  ASSERT_EQ(a.scores.shape(), b.scores.shape());
  EXPECT_TRUE(std::ranges::equal(a.scores.flat(), b.scores.flat()));
  EXPECT_TRUE(std::ranges::equal(a.probabilities.flat(), b.probabilities.flat()));
  EXPECT_EQ(a.classes, b.classes);
}

Tensor<double> a_mean() {
  Tensor<double> mean(Shape{3, 8, 6});
  for (Index i = 0; i < mean.size(); ++i) mean[i] = 100 + static_cast<double>(i) / 7;
  return mean;
}

using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(TrainedNets, Types);

TYPED_TEST(TrainedNets, SaysWhatTheFileHolds) {
  const TrainedNet net(this->file());
  EXPECT_EQ(net.input_shape(), (Shape{3, 8, 6}));
  EXPECT_THAT(net.class_names(), testing::ElementsAre("cat", "dog", "frog", "ship"));
  EXPECT_EQ(net.info().metadata.at("by"), "a test");
  EXPECT_FALSE(net.mirror_averaging);
}

TYPED_TEST(TrainedNets, GivesTheNetsScoresByTheBit) {
  this->expect_scores(TrainedNet(this->file()).predict(this->bytes_), this->input(this->bytes_));
  this->save(a_mean());
  const Tensor<TypeParam> less = this->input(this->bytes_);
  ASSERT_NE(less[0], this->bytes_[0]);
  this->expect_scores(TrainedNet(this->file()).predict(this->bytes_), less);
}

TYPED_TEST(TrainedNets, BytesAreNumbers) {
  for (const Tensor<double>& mean : {Tensor<double>(), a_mean()}) {
    this->save(mean);
    const TrainedNet net(this->file());
    const Predictions of_bytes = net.predict(this->bytes_);
    Tensor<float> floats(this->bytes_.shape());
    std::copy(this->bytes_.begin(), this->bytes_.end(), floats.begin());
    Tensor<double> doubles(this->bytes_.shape());
    std::copy(this->bytes_.begin(), this->bytes_.end(), doubles.begin());
    expect_same(net.predict(floats), of_bytes);
    expect_same(net.predict(doubles), of_bytes);
    // Examples of numbers are what the net takes, as those of a Split.
    expect_same(net.predict(Examples::view(this->input(this->bytes_))), of_bytes);
    expect_same(net.predict(Examples::view(this->bytes_)), of_bytes);
  }
}

TYPED_TEST(TrainedNets, TakesOneImageAndRows) {
  const TrainedNet net(this->file());
  const Predictions all = net.predict(this->bytes_);
  expect_same(net.predict(this->bytes_.reshaped({kImages, 144})), all);
  const TensorView<std::uint8_t> seventh = this->bytes_.rows(7, 1);
  this->expect_scores(net.predict(seventh), this->input(seventh));
  expect_same(net.predict(seventh.reshaped({3, 8, 6})), net.predict(seventh));
  expect_same(net.predict(seventh.reshaped({144})), net.predict(seventh));
  EXPECT_EQ(net.predict(this->bytes_.rows(0, 0)).scores.shape(), (Shape{0, 4}));
}

TYPED_TEST(TrainedNets, TakesVectors) {
  NetConfig config = config_of_blocks();
  config.net = "affine 5 | relu | affine 4";
  config.input_dim = {144, 1, 1};
  RandomState random(5);
  this->net_ = make_net<TypeParam>(config, random);
  save_model(this->file(), *this->net_, {config, {"a", "b", "c", "d"}, {}, {}});
  const TrainedNet net(this->file());
  const TensorView<std::uint8_t> rows = this->bytes_.rows(0, 90).reshaped({90, 144});
  this->expect_scores(net.predict(rows), this->input(rows).reshaped({90, 144, 1, 1}));
  expect_same(net.predict(rows.rows(3, 1).reshaped({144})), net.predict(rows.rows(3, 1)));
}

TYPED_TEST(TrainedNets, NumbersAndLabelsAsTheLossHasThem) {
  for (const Loss loss : {Loss::huber, Loss::sigmoid}) {
    NetConfig config = config_of_blocks();
    config.loss.loss = loss;
    RandomState random(5);
    this->net_ = make_net<TypeParam>(config, random);
    ModelInfo info{config, {}, {}, {}};
    info.target_names = {"a", "b", "c", "d"};
    save_model(this->file(), *this->net_, info);
    const TrainedNet net(this->file());
    EXPECT_EQ(net.target_names(), info.target_names);
    EXPECT_TRUE(net.class_names().empty());
    EXPECT_EQ(net.info().config.loss.loss, loss);
    const TensorView<std::uint8_t> images = this->bytes_.rows(0, 30);
    const Predictions found = net.predict(images);
    const Tensor<TypeParam>& scores = this->net_->loss(this->input(images));
    EXPECT_TRUE(std::equal(scores.begin(), scores.end(), found.scores.begin()));
    EXPECT_TRUE(found.classes.empty());
    ASSERT_EQ(found.probabilities.size(), loss == Loss::sigmoid ? scores.size() : 0);
    for (Index i = 0; i < found.probabilities.size(); ++i)
      EXPECT_NEAR(found.probabilities[i], 1 / (1 + std::exp(-found.scores[i])), 1e-6);
    info.target_names.pop_back();
    EXPECT_THROW(save_model(this->file(), *this->net_, info), std::invalid_argument) << "a name too few";
    info.target_names.clear();
    info.class_names = {"a", "b", "c", "d"};
    EXPECT_THROW(save_model(this->file(), *this->net_, info), std::invalid_argument) << "it has no classes";
  }
}

TYPED_TEST(TrainedNets, AveragesMirrorImages) {
  this->save(a_mean());
  TrainedNet net(this->file());
  const Predictions plain = net.predict(this->bytes_);
  // The pixels change their places, the mean image does not.
  Tensor<std::uint8_t> mirrored(this->bytes_.shape());
  for (Index i = 0; i < mirrored.size(); ++i) mirrored[i] = this->bytes_[i - i % 6 + 5 - i % 6];
  const Predictions other = net.predict(mirrored);
  net.mirror_averaging = true;
  const Predictions both = net.predict(this->bytes_);
  for (Index i = 0; i < both.scores.size(); ++i) {
    const auto a = static_cast<TypeParam>(plain.scores[i]), b = static_cast<TypeParam>(other.scores[i]);
    ASSERT_EQ(both.scores[i], (a + b) / 2);
  }
  Tensor<float> floats(this->bytes_.shape());
  std::copy(this->bytes_.begin(), this->bytes_.end(), floats.begin());
  expect_same(net.predict(floats), both);

  this->save(a_mean(), config_of_blocks(), true);
  TrainedNet told(this->file());
  EXPECT_TRUE(told.mirror_averaging);
  const Predictions as_told = told.predict(this->bytes_);
  told.mirror_averaging = false;
  EXPECT_FALSE(std::ranges::equal(as_told.scores.flat(), told.predict(this->bytes_).scores.flat()));
  told.mirror_averaging = true;
  expect_same(told.predict(this->bytes_), as_told);
}

TYPED_TEST(TrainedNets, ThreadsAtOnceGetTheSameBits) {
  const TrainedNet net(this->file());
  const Predictions alone = net.predict(this->bytes_);
  std::vector<Predictions> found(4);
  std::vector<std::thread> threads;
  for (Predictions& own : found)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) own = net.predict(this->bytes_);
    });
  for (std::thread& thread : threads) thread.join();
  for (const Predictions& own : found) expect_same(own, alone);
}

TYPED_TEST(TrainedNets, CanBeMoved) {
  TrainedNet net(this->file());
  const Predictions before = net.predict(this->bytes_);
  TrainedNet other = std::move(net);
  expect_same(other.predict(this->bytes_), before);
}

TYPED_TEST(TrainedNets, RefusesOtherShapes) {
  const TrainedNet net(this->file());
  const auto message = [&](const Shape& shape) {
    try {
      (void)net.predict(Tensor<float>(shape));
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string expected =
      "[TrainedNet::predict] expected X of shape (N, 3, 8, 6) or (N, 144), the N left out for one example, got ";
  for (const Shape& shape :
       {Shape{}, Shape{143}, Shape{2, 143}, Shape{8, 6, 3}, Shape{2, 8, 6, 3}, Shape{1, 1, 3, 8, 6}})
    EXPECT_EQ(message(shape), expected + shape.to_string());
  try {
    (void)net.predict(Examples::view(Tensor<float>(Shape{2, 3, 8, 7})));
    ADD_FAILURE() << "expected an error";
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(
        e.what(),
        "[TrainedNet::predict] expected each example of shape (3, 8, 6) to match the net's input, got (3, 8, 7)");
  }
}

TYPED_TEST(TrainedNets, RefusesBrokenFiles) {
  expect_clear(error_of([&] { TrainedNet(this->dir_ / "none"); }));
  std::ifstream in(this->file(), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  for (const std::size_t length : {std::size_t{0}, std::size_t{9}, good.size() / 2, good.size() - 1}) {
    write_file_atomically(this->dir_ / "cut", good.substr(0, length));
    expect_clear(error_of([&] { TrainedNet(this->dir_ / "cut"); }));
  }
}

}  // namespace
}  // namespace lamina
