#include "lamina/solver/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "lamina/io/atomic_file.h"
#include "lamina/io/safetensors.h"
#include "tests/io/io_checks.h"

namespace lamina {
namespace {

using testing_io::error_of;
using testing_io::expect_clear;

class ModelFiles : public testing_io::InDirectory {};

NetConfig small_config(const std::string& model = "convnet") {
  NetConfig config;
  config.model = model;
  config.input_dim = {3, 8, 8};
  config.num_classes = 4;
  config.two_layer.hidden_dim = config.three_layer_convnet.hidden_dim = 7;
  config.fc.hidden_dims = {7};
  config.fc.normalization = Normalization::batchnorm;
  config.convnet.num_filters = {5, 6};
  config.convnet.filter_sizes = {3, 3};
  config.three_layer_convnet.num_filters = 5;
  config.three_layer_convnet.filter_size = 3;
  config.weight_scale = 0.1;
  return config;
}

ModelInfo info_of(const NetConfig& config) {
  ModelInfo info;
  info.config = config;
  info.class_names = {"cat", "dog \"x\"", "fr\xc3\xb6g", ""};
  info.mean = Tensor<double>(config.input_dim, 120.7);
  info.mean[5] = 1.0 / 3;
  info.metadata = {{"data", "CIFAR-10"}};
  info.mirror_averaging = true;
  return info;
}

template <class T>
void expect_round_trip(const std::filesystem::path& path, const NetConfig& config, const std::string& dtype) {
  SCOPED_TRACE(config.model + dtype);
  RandomState random(1), other_random(2);
  const auto net = make_net<T>(config, random);
  Tensor<T> X(Shape{6, 3, 8, 8});
  for (Index i = 0; i < X.size(); ++i) X[i] = static_cast<T>(random.randn());
  const std::vector<Label> y = {0, 1, 2, 3, 0, 1};
  (void)net->loss(X, y);  // moves the running averages
  const Tensor<T> scores = net->loss(X);
  save_model(path, *net, info_of(config));

  const ModelFile file = load_model(path);
  EXPECT_EQ(file.dtype, dtype);
  EXPECT_FALSE(file.lamina_version.empty());
  EXPECT_EQ(to_json(file.info.config), to_json(config));
  EXPECT_EQ(file.info.class_names, info_of(config).class_names);
  EXPECT_EQ(file.info.metadata, (std::map<std::string, std::string>{{"data", "CIFAR-10"}}));
  ASSERT_EQ(file.info.mean.shape(), config.input_dim);
  EXPECT_EQ(file.info.mean[5], 1.0 / 3);
  EXPECT_EQ(file.info.mirror_averaging, true);

  const auto loaded = make_net<T>(file.info.config, other_random);
  file.copy_to(*loaded);
  const Tensor<T>& again = loaded->loss(X);
  ASSERT_EQ(again.shape(), scores.shape());
  for (Index i = 0; i < scores.size(); ++i) ASSERT_EQ(again[i], scores[i]);
}

TEST_F(ModelFiles, GiveTheSameScoresByTheBit) {
  for (const char* model : {"two-layer", "fc", "convnet", "three-layer-convnet"}) {
    expect_round_trip<float>(dir_ / "a", small_config(model), "float32");
    expect_round_trip<double>(dir_ / "a", small_config(model), "float64");
    NetConfig rounded = small_config(model);
    rounded.precision = Precision::bf16;
    expect_round_trip<float>(dir_ / "a", rounded, "float32");
  }
}

TEST_F(ModelFiles, HoldNoMeanWhereNoneWasSubtracted) {
  RandomState random(1);
  const auto net = make_net<float>(small_config(), random);
  ModelInfo info = info_of(small_config());
  info.mean = {};
  save_model(dir_ / "a", *net, info);
  EXPECT_TRUE(load_model(dir_ / "a").info.mean.empty());
}

TEST_F(ModelFiles, RefuseToBeWrittenWhereThePartsDoNotFit) {
  RandomState random(1);
  const auto net = make_net<float>(small_config(), random);
  ModelInfo info = info_of(small_config());
  info.class_names.pop_back();
  EXPECT_THROW(save_model(dir_ / "a", *net, info), std::invalid_argument);
  info = info_of(small_config());
  info.mean = Tensor<double>(Shape{3, 8, 9});
  EXPECT_THROW(save_model(dir_ / "a", *net, info), std::invalid_argument);
  info = info_of(small_config());
  info.config.convnet.num_filters = {5, 7};
  EXPECT_THROW(save_model(dir_ / "a", *net, info), std::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "a"));
}

/// The file's content after a change, written back as a safetensors file.
std::string error_after(const std::filesystem::path& path, const Safetensors& whole,
                        const std::function<void(Safetensors&)>& change) {
  Safetensors content = whole;
  change(content);
  std::vector<NamedStoredView> views;
  for (const NamedStoredTensor& t : content.tensors)
    std::visit([&](const auto& value) { views.push_back({t.name, value}); }, t.value);
  write_safetensors(path, views, content.metadata);
  return error_of([&] {
    const ModelFile file = load_model(path);
    RandomState random(1);
    const auto net = make_net<float>(file.info.config, random);
    file.copy_to(*net);
  });
}

TEST_F(ModelFiles, AnyDamageIsSeen) {
  RandomState random(1);
  const auto net = make_net<float>(small_config(), random);
  save_model(dir_ / "whole", *net, info_of(small_config()));
  const std::string whole = read_file(dir_ / "whole");
  for (std::size_t at = 8; at < whole.size(); at += 97) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    write_file_atomically(dir_ / "damaged", damaged);
    std::string error = error_of([&] { load_model(dir_ / "damaged"); });
    EXPECT_NE(error, "") << at;
    EXPECT_NE(error.find((dir_ / "damaged").string()), std::string::npos) << error;
  }
  Safetensors older = read_safetensors(dir_ / "whole");  // which had no checksum
  EXPECT_EQ(error_after(dir_ / "older", older,
                        [](Safetensors& file) {
                          file.metadata.erase("lamina.crc32");
                          file.metadata["lamina.format"] = "lamina model 2";
                        }),
            "");
}

TEST_F(ModelFiles, WeightsThatAreNotFiniteAreNamed) {
  RandomState random(1);
  const auto net = make_net<float>(small_config(), random);
  net->params()["W_2"][3] = std::numeric_limits<float>::infinity();
  save_model(dir_ / "a", *net, info_of(small_config()));
  EXPECT_THAT(error_of([&] { load_model(dir_ / "a"); }),
              ::testing::HasSubstr("expected finite numbers in W_2, got inf"));
}

TEST_F(ModelFiles, NameWhatIsWrong) {
  RandomState random(1);
  const auto net = make_net<float>(small_config(), random);
  save_model(dir_ / "whole", *net, info_of(small_config()));
  const Safetensors whole = read_safetensors(dir_ / "whole");
  EXPECT_EQ(error_after(dir_ / "b", whole, [](Safetensors&) {}), "");
  const auto unclear = [](Safetensors& file) {
    file.metadata["lamina.format"] = "lamina model 2";  // which has no checksum
    file.metadata["lamina.mirror_averaging"] = "yes";
  };
  EXPECT_EQ(error_after(dir_ / "b", whole, unclear),
            "[load_model] " + (dir_ / "b").string() + ": expected lamina.mirror_averaging of true or false, got 'yes'");

  std::vector<std::function<void(Safetensors&)>> changes;
  for (const auto& [key, value] : whole.metadata) {
    if (key.rfind("lamina.", 0) != 0) continue;
    changes.push_back([key = key](Safetensors& file) { file.metadata.erase(key); });
    if (key != "lamina.version") changes.push_back([key = key](Safetensors& file) { file.metadata[key] = "[1]"; });
  }
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    changes.push_back([i](Safetensors& file) { file.tensors.erase(file.tensors.begin() + static_cast<long>(i)); });
    changes.push_back([i](Safetensors& file) { file.tensors[i].value = Tensor<float>(Shape{1, 2}); });
    changes.push_back([i](Safetensors& file) { file.tensors[i].name += "x"; });
  }
  changes.push_back([](Safetensors& file) { file.tensors.push_back({"more", Tensor<float>(Shape{1})}); });
  changes.push_back([](Safetensors& file) { file.metadata["lamina.classes"] = "[1,2,3,4]"; });
  changes.push_back([](Safetensors& file) { file.metadata["lamina.classes"] = R"(["a","b","c"])"; });
  changes.push_back([](Safetensors& file) {
    std::string& net_text = file.metadata["lamina.net"];
    net_text.replace(net_text.find("[5,6]"), 5, "[5000000000,6000000000]");
  });
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string error = error_after(dir_ / "b", whole, changes[i]);
    EXPECT_EQ(error.rfind("[load_model] " + (dir_ / "b").string() + ": ", 0), 0u) << error;
    expect_clear(error);
  }
}

// Files of the first format have the course's options alone.
TEST_F(ModelFiles, WithoutBlocksAreRead) {
  RandomState random(1);
  const auto net = make_net<float>(small_config(), random);
  save_model(dir_ / "new", *net, info_of(small_config()));
  const ModelFile written = load_model(dir_ / "new");
  const Safetensors whole = read_safetensors(dir_ / "new");
  EXPECT_EQ(error_after(dir_ / "old", whole,
                        [](Safetensors& file) {
                          file.metadata["lamina.format"] = "lamina model 1";
                          file.metadata.erase("lamina.blocks");
                          file.metadata.erase("lamina.mirror_averaging");
                        }),
            "");
  const ModelFile old = load_model(dir_ / "old");
  EXPECT_EQ(old.info.mirror_averaging, std::nullopt);
  EXPECT_EQ(old.blocks, written.blocks);
  EXPECT_EQ(to_json(old.info.config), to_json(written.info.config));
}

TEST_F(ModelFiles, HoldNetsOfAnyBlocks) {
  RandomState random(1), other(2);
  Net<float> net({3, 8, 8}, parse_net("conv 4 3x3 | residual ( batchnorm | relu ) | global_average_pool | affine 4"),
                 random);
  Tensor<float> X(Shape{6, 3, 8, 8});
  for (float& x : X) x = static_cast<float>(random.randn());
  (void)net.loss(X, std::vector<Label>{0, 1, 2, 3, 0, 1});
  const Tensor<float> scores = net.loss(X);
  save_model(dir_ / "a", net, info_of(config_of(net)));
  const ModelFile file = load_model(dir_ / "a");
  EXPECT_EQ(file.blocks, to_text(net.blocks()));
  const auto loaded = make_net<float>(file.info.config, other);
  file.copy_to(*loaded);
  const Tensor<float>& again = loaded->loss(X);
  EXPECT_TRUE(std::equal(scores.begin(), scores.end(), again.begin()));
}

TEST_F(ModelFiles, DamagedOnesAreReadOrRefused) {
  RandomState random(1);
  const auto net = make_net<float>(small_config("two-layer"), random);
  save_model(dir_ / "whole", *net, info_of(small_config("two-layer")));
  const std::string whole = read_file(dir_ / "whole");
  std::mt19937 draws(9);
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    const auto path = dir_ / std::to_string(i);
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k) bytes[draws() % 1800] = static_cast<char>(32 + draws() % 95);  // mostly in the header
    std::ofstream(path, std::ios::binary) << bytes;
    const std::string error = error_of([&] { (void)load_model(path); });
    std::filesystem::remove(path);
    if (error.empty()) continue;
    ++refused;
    expect_clear(error);
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace lamina
