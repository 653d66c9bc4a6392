#include "lamina/nets/net_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/three_layer_conv_net.h"
#include "lamina/nets/two_layer_net.h"
#include "tests/message_of.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

using ::testing::HasSubstr;

/// A net of each model, with no option at its default. (No net has label smoothing with this loss.)
std::vector<NetConfig> unusual() {
  NetConfig config;
  config.input_dim = {1, 28, 27};
  config.num_classes = 7;
  config.weight_scale = 0.1 + 0.2;
  config.reg = 1e-300;
  config.precision = Precision::bf16;
  config.init = FirstWeights::he;
  config.label_smoothing = 0.1;
  config.loss = {Loss::huber, 0.3};
  config.two_layer.hidden_dim = 31;
  config.fc.hidden_dims = {30, 20, 10};
  config.fc.normalization = Normalization::layernorm;
  config.fc.dropout = 0.1;
  config.convnet.num_filters = {8};
  config.convnet.filter_sizes = {5};
  config.convnet.conv_strides = {3};
  config.convnet.pools = {1};
  config.convnet.global_average = true;
  config.convnet.use_batch_norm = false;
  config.three_layer_convnet.num_filters = 9;
  config.three_layer_convnet.filter_size = 3;
  config.three_layer_convnet.hidden_dim = 11;
  std::vector<NetConfig> all(4, config);
  all[0].model = "two-layer";
  all[1].model = "fc";
  all[2].model = "convnet";
  all[3].model = "three-layer-convnet";
  all.push_back(all[2]);
  all.back().model = kNetOfBlocks;
  all.back().net = "conv 3 3x3 | affine 7";
  return all;
}

std::map<std::string, std::string> options_of(NetConfig config) {
  std::map<std::string, std::string> texts;
  visit_options(config,
                [&](const Option& option, const OptionValue& value) { texts.emplace(option.name, text_of(value)); });
  return texts;
}

TEST(NetConfig, GoesThroughJson) {
  std::vector<NetConfig> all = unusual();
  all.emplace_back();
  for (const NetConfig& config : all) {
    const std::string text = to_json(config);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const NetConfig back = net_config_from_json(text);
    EXPECT_EQ(options_of(back), options_of(config));
    if (config.model != kNetOfBlocks) {
      EXPECT_EQ(back.weight_scale, config.weight_scale);
    }
    EXPECT_EQ(back.reg, config.reg);
    EXPECT_EQ(to_json(back), text);
  }
}

// A test that compares options by visiting them would not see one that is not visited.
TEST(NetConfig, VisitsEachOption) {
  const auto names = [](NetConfig config) {
    std::string all;
    for (const auto& [name, text] : options_of(std::move(config))) all += name + " ";
    return all;
  };
  const std::vector<NetConfig> all = unusual();
  EXPECT_EQ(names(all[0]),
            "hidden huber_delta init input_dim label_smoothing loss model net num_classes precision reg weight_scale ");
  EXPECT_EQ(names(all[1]),
            "dropout hidden huber_delta init input_dim label_smoothing loss model net normalization num_classes "
            "precision reg "
            "weight_scale ");
  EXPECT_EQ(names(all[2]),
            "conv_strides filter_sizes global_average huber_delta init input_dim label_smoothing loss model net "
            "num_classes num_filters "
            "pools precision reg use_batch_norm weight_scale ");
  EXPECT_EQ(names(all[3]),
            "filter_sizes hidden huber_delta init input_dim label_smoothing loss model net num_classes num_filters "
            "precision reg "
            "weight_scale ");
  EXPECT_EQ(names(all[4]), "huber_delta input_dim label_smoothing loss model net num_classes precision reg ");
  for (const NetConfig& config : all) {
    const auto usual = options_of([&] {
      NetConfig plain;
      plain.model = config.model;
      plain.net = config.net;
      return plain;
    }());
    for (const auto& [name, text] : options_of(config))
      if (name != "model" && name != "net") {
        EXPECT_NE(text, usual.at(name)) << config.model << ' ' << name;
      }
  }
}

TEST(NetConfig, ReadsFilesOfEarlierVersions) {
  const std::string before =
      R"({"conv_stride":2,"conv_strides":[],"dropout":1.0,"filter_sizes":[7,3],"global_average":false,"he_init":true,)"
      R"("hidden":[100],"input_dim":[3,32,32],"label_smoothing":0.0,"model":"convnet","net":"","normalization":"none",)"
      R"("num_classes":10,"num_filters":[32,32],"pools":[],"precision":"full","reg":0.0,"use_batch_norm":true,)"
      R"("weight_scale":0.0})";
  NetConfig config = net_config_from_json(before);
  EXPECT_EQ(config.convnet.conv_strides, std::vector<Index>{2});
  EXPECT_EQ(config.init, FirstWeights::he);
  EXPECT_FALSE(config.weight_scale.has_value());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = before;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_EQ(net_config_from_json(with("\"conv_strides\":[]", "\"conv_strides\":[1,4]")).convnet.conv_strides,
            (std::vector<Index>{1, 4}));
  config = net_config_from_json(with("\"convnet\"", "\"three-layer-convnet\""));  // whose defaults were convnet's
  EXPECT_EQ(config.three_layer_convnet.num_filters, 32);
  EXPECT_EQ(config.three_layer_convnet.filter_size, 7);
  EXPECT_EQ(config.three_layer_convnet.hidden_dim, 100);
  EXPECT_EQ(net_config_from_json(with("\"convnet\"", "\"two-layer\"")).two_layer.hidden_dim, 100);
}

/// The default's JSON with one piece of text replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = to_json(NetConfig{});
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(NetConfig, WrongJsonIsOneLine) {
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_THAT(message_of([&] { net_config_from_json(text); }), HasSubstr("[net_config_from_json] expected " + part));
  };
  expect("", "JSON, got text that is none at byte 1");
  expect("{\"model\":", "JSON");
  expect("\xff\xfe{}", "JSON");
  expect(to_json({}) + "x", "JSON");
  expect("[1, 2]", "the configuration to be an object, got [1,2]");
  expect("{}", "the option model, got none of that name");
  expect(changed("\"reg\":0.0,", ""), "the option reg, got none of that name");
  expect(changed("\"reg\":", "\"rag\":"), "the options of a net, got an unknown one: \"rag\"");
  expect(changed("\"convnet\"", "\"resnet\""),
         "model to be one of two-layer, fc, convnet, three-layer-convnet, got \"resnet\"");
  expect(changed("\"full\"", "\"half\""), "precision to be one of full, bf16, got \"half\"");
  EXPECT_EQ(net_config_from_json(changed("\"precision\":\"full\",", "")).precision, Precision::full);  // older files
  expect(changed("\"convnet\"", "3"), "model to be one of two-layer, fc, convnet, three-layer-convnet, got 3");
  expect(changed("\"convnet\"", "\"net\""),
         "model to be one of two-layer, fc, convnet, three-layer-convnet, got \"net\"");  // it has no text
  expect(changed("\"init\":\"normal\"", "\"init\":\"group\""), "init to be one of normal, he, xavier, got \"group\"");
  expect(changed("\"use_batch_norm\":true", "\"use_batch_norm\":1"), "use_batch_norm to be true or false, got 1");
  expect(changed("[3,32,32]", "[3,32]"), "input_dim to be (C, H, W), got [3,32]");
  expect(changed("[32,32]", "[32,32.5]"), "num_filters to be made of whole numbers, got 32.5");
  expect(changed("[32,32]", "[32,99999999999999999999]"), "num_filters to be made of whole numbers");
  expect(changed("[32,32]", "[32,18446744073709551615]"), "num_filters to be made of whole numbers");
  expect(changed("[32,32]", "\"32\""), "num_filters to be a list of whole numbers, got \"32\"");
  expect(changed("\"reg\":0.0", "\"reg\":1e999"), "JSON");
  expect(changed("\"reg\":0.0", "\"reg\":null"), "reg to be a number, got null");
  EXPECT_NE(message_of([] { net_config_from_json(changed("[3,32,32]", "[3,-1,32]")); }), "no error");
  EXPECT_NE(message_of([] { net_config_from_json(changed("[3,32,32]", "[4611686018427387904,4,32]")); }), "no error");
  expect(std::string(100000, '['), "JSON");
}

TEST(NetConfig, MakesEachNetWithItsOptions) {
  RandomState random(3);
  NetConfig config;
  config.input_dim = {1, 8, 6};
  config.num_classes = 4;
  config.reg = 0.25;
  config.two_layer.hidden_dim = 9;
  config.model = "two-layer";
  auto net = make_net<float>(config, random);
  ASSERT_NE(dynamic_cast<TwoLayerNet<float>*>(net.get()), nullptr);
  EXPECT_EQ(net->params()["W1"].shape(), (Shape{48, 9}));
  EXPECT_EQ(net->params()["W2"].shape(), (Shape{9, 4}));
  EXPECT_EQ(net->reg, 0.25);
  EXPECT_EQ(dynamic_cast<TwoLayerNet<float>&>(*net).options().weight_scale, 1e-3);

  config.model = "fc";
  config.fc.hidden_dims = {9, 8};
  config.fc.normalization = Normalization::batchnorm;
  config.fc.dropout = 0.5;
  net = make_net<float>(config, random);
  const auto& fc = dynamic_cast<FullyConnectedNet<float>&>(*net).options();
  EXPECT_EQ(fc.dropout, 0.5);
  EXPECT_EQ(fc.weight_scale, 1e-2);
  EXPECT_FALSE(fc.seed.has_value());
  std::string names;
  for (const auto& [name, value] : net->params()) names += name + value.shape().to_string() + " ";
  EXPECT_EQ(names, "W1(48, 9) b1(9,) gamma1(9,) beta1(9,) W2(9, 8) b2(8,) gamma2(8,) beta2(8,) W3(8, 4) b3(4,) ");

  config.model = "convnet";
  config.convnet.num_filters = {5, 6};
  config.weight_scale = 0.125;
  auto wide = make_net<double>(config, random);
  const auto& conv = dynamic_cast<ConvNet<double>&>(*wide).options();
  EXPECT_EQ(conv.weight_scale, 0.125);
  EXPECT_EQ(conv.reg, 0.25);
  names.clear();
  for (const auto& [name, value] : wide->params()) names += name + value.shape().to_string() + " ";
  EXPECT_EQ(names,
            "W_1(5, 1, 7, 7) b_1(5,) gamma1(5,) beta1(5,) W_2(6, 5, 3, 3) b_2(6,) gamma2(6,) beta2(6,) W_3(72, 4) "
            "b_3(4,) ");
  config.convnet.conv_strides = {2};
  config.convnet.use_batch_norm = false;
  wide = make_net<double>(config, random);
  EXPECT_EQ(wide->params()["W_3"].shape(), (Shape{6 * 1 * 1, 4}));
  EXPECT_FALSE(wide->params().contains("gamma1"));

  config = NetConfig{};
  config.model = "three-layer-convnet";
  net = make_net<float>(config, random);
  EXPECT_EQ(net->params()["W1"].shape(), (Shape{32, 3, 7, 7}));
  EXPECT_EQ(net->params()["W2"].shape(), (Shape{32 * 16 * 16, 100}));
  config.three_layer_convnet.num_filters = 4;
  config.three_layer_convnet.filter_size = 5;
  net = make_net<float>(config, random);
  EXPECT_EQ(net->params()["W1"].shape(), (Shape{4, 3, 5, 5}));
}

TEST(NetConfig, LayoutIsTheNets) {
  RandomState random(3);
  for (const char* model : {"two-layer", "fc", "convnet", "three-layer-convnet"}) {
    NetConfig config;
    config.model = model;
    EXPECT_EQ(parameter_layout(config), make_net<float>(config, random)->params().layout()) << model;
  }
}

TEST(NetConfig, WeightsOfZeroTakeNothingFromTheStream) {
  RandomState random(3), same(3);
  for (const char* model : {"two-layer", "fc", "convnet", "three-layer-convnet"}) {
    NetConfig config;
    config.model = model;
    const auto net = make_net<float>(config, random, Weights::zero), drawn = make_net<float>(config, same);
    EXPECT_EQ(net->params().layout(), drawn->params().layout()) << model;
    for (const auto& [name, value] : net->params())
      for (const float w : value) ASSERT_EQ(w, name.starts_with("gamma") ? 1 : 0) << model << ' ' << name;
  }
  EXPECT_EQ(random.state(), RandomState(3).state());
}

TEST(NetConfig, WrongOptionsAreOneLine) {
  const auto expect = [](const char* model, auto change, const std::string& part) {
    NetConfig config;
    config.model = model;
    change(config);
    RandomState random(3);
    EXPECT_THAT(message_of([&] { make_net<double>(config, random); }), HasSubstr(part)) << model;
    EXPECT_THAT(message_of([&] { parameter_layout(config); }), HasSubstr(part)) << model;
    EXPECT_EQ(random.state(), RandomState(3).state());
  };
  using C = NetConfig;
  expect(
      "resnet", [](C&) {},
      "[make_net] expected a model of two-layer, fc, convnet or three-layer-convnet, got 'resnet'");
  for (const char* model : {"two-layer", "fc", "convnet", "three-layer-convnet"}) {
    expect(
        model,
        [](C& c) {
          c.input_dim = {32, 32};
        },
        "expected input_dim (C, H, W), each at least 1, got (32, 32)");
    expect(
        model,
        [](C& c) {
          c.input_dim = {3, 0, 32};
        },
        "expected input_dim (C, H, W), each at least 1");
    expect(
        model, [](C& c) { c.num_classes = 0; }, "expected num_classes of at least 1, got 0");
    expect(
        model, [](C& c) { c.weight_scale = -1; }, "expected a finite weight_scale of at least 0, got -1");
    expect(
        model, [](C& c) { c.weight_scale = std::nan(""); }, "expected a finite weight_scale");
    expect(
        model, [](C& c) { c.reg = HUGE_VAL; }, "expected a finite reg of at least 0, got inf");
  }
  const auto expect_hidden = [&](Index hidden_dim, const std::string& part) {
    for (const char* model : {"two-layer", "three-layer-convnet"})
      expect(
          model, [=](C& c) { c.two_layer.hidden_dim = c.three_layer_convnet.hidden_dim = hidden_dim; }, part);
  };
  expect_hidden(0, "expected hidden_dim of at least 1, got 0");
  expect_hidden(Index{1} << 40, "expected at most 8589934592 parameters, got W");
  expect_hidden(Index{1} << 62, "expected");
  expect(
      "fc",
      [](C& c) {
        c.fc.hidden_dims = {10, -1};
      },
      "[FullyConnectedNet] expected hidden_dims[1] of at least 1, got -1");
  for (const double keep : {0.0, -0.5, 1.5})
    expect(
        "fc", [=](C& c) { c.fc.dropout = keep; },
        "[FullyConnectedNet] expected dropout, the probability of keeping, above 0 and at most 1");
  expect(
      "convnet",
      [](C& c) {
        c.convnet.num_filters = {8, 0};
      },
      "[ConvNet] expected num_filters[1] of at least 1, got 0");
  expect(
      "convnet", [](C& c) { c.convnet.num_filters = {8}; },
      "[ConvNet] expected as many filter_sizes as num_filters, at least one, got 2 and 1");
  expect(
      "convnet", [](C& c) { c.convnet.num_filters = {}, c.convnet.filter_sizes = {}; }, "at least one, got 0 and 0");
  expect(
      "convnet",
      [](C& c) {
        c.convnet.filter_sizes = {7, 4};
      },
      "[ConvNet] expected filter_sizes[1] to be odd and at least 1, got 4");
  expect(
      "convnet",
      [](C& c) {
        c.convnet.filter_sizes = {-1, 3};
      },
      "expected filter_sizes[0] to be odd and at least 1, got -1");
  expect(
      "convnet",
      [](C& c) {
        c.convnet.filter_sizes = {(Index{1} << 62) + 1, 3};
      },
      "expected");
  expect(
      "convnet", [](C& c) { c.convnet.conv_strides = {0}; }, "[ConvNet] expected conv_strides[0] of at least 1, got 0");
  expect(
      "convnet", [](C& c) { c.convnet.conv_strides = {6}; },
      "[ConvNet] expected images of at least 2 x 2 before the 2x2 max pool, got 1 x 1 after convolution 2 (3x3, stride "
      "6) on input_dim (3, 32, 32)");
  expect(
      "convnet",
      [](C& c) {
        c.input_dim = {3, 1, 9};
      },
      "got 1 x 9 after convolution 2");
  expect(
      "three-layer-convnet", [](C& c) { c.three_layer_convnet.filter_size = 8; },
      "[ThreeLayerConvNet] expected filter_size to be odd and at least 1, got 8");
  expect(
      "three-layer-convnet",
      [](C& c) {
        c.input_dim = {3, 9, 1};
      },
      "got 9 x 1 after the convolution");
}

TEST(NetConfig, HesWeightsAreScaledByTheirInputs) {
  NetConfig config;
  config.input_dim = {3, 8, 8};
  config.convnet.num_filters = {4, 6};
  config.convnet.filter_sizes = {5, 3};
  config.init = FirstWeights::he;
  RandomState random(7), draws(7);
  const auto net = make_net<double>(config, random);
  for (const auto& [name, inputs] : {std::pair("W_1", 3 * 25), {"W_2", 4 * 9}, {"W_3", 6 * 16}})
    for (const double w : net->params()[name]) ASSERT_NEAR(w, std::sqrt(2.0 / inputs) * draws.randn(), 1e-15) << name;
  for (const double gamma : net->params()["gamma1"]) EXPECT_EQ(gamma, 1);
  EXPECT_EQ(random.state(), draws.state());
  config.init = FirstWeights::xavier;
  RandomState others(7), same_draws(7);
  const auto xavier = make_net<double>(config, others);
  for (const auto& [name, sum] : {std::pair("W_1", 7 * 25), {"W_2", 10 * 9}, {"W_3", 6 * 16 + 10}})
    for (const double w : xavier->params()[name])
      ASSERT_NEAR(w, std::sqrt(2.0 / sum) * same_draws.randn(), 1e-15) << name;
}

TEST(NetConfig, StridesAndPoolsOfEachConvolution) {
  NetConfig config;
  config.input_dim = {2, 16, 16};
  config.convnet.num_filters = {3, 4};
  config.convnet.filter_sizes = {3, 5};
  config.num_classes = 5;
  config.convnet.conv_strides = {2};
  NetConfig listed = config;
  listed.convnet.conv_strides = {2, 2};
  listed.convnet.pools = {1, 2};
  RandomState one(1), other(1), data(2);
  const auto net = make_net<float>(config, one), same = make_net<float>(listed, other);
  Tensor<float> X(Shape{6, 2, 16, 16});
  for (float& x : X) x = static_cast<float>(data.randn());
  const std::vector<Label> y = {0, 1, 2, 3, 4, 0};
  EXPECT_EQ(net->loss(X, y).loss, same->loss(X, y).loss);
  EXPECT_EQ(testing::elements(net->grads()), testing::elements(same->grads()));
  EXPECT_EQ(net->summary().to_string(3), same->summary().to_string(3));

  listed.convnet.pools = {2, 3};  // 16 -> 8 -> 4 -> 2 -> pooled by 3: too small
  EXPECT_THROW(parameter_layout(listed), std::invalid_argument);
  listed.convnet.pools = {2, 1};  // 16 -> 8 -> 4 -> 2
  const ParameterLayout layout = parameter_layout(listed);
  EXPECT_EQ(layout[layout.size() - 2].second, (Shape{4 * 2 * 2, 5}));
  listed.convnet.global_average = true;
  EXPECT_EQ(parameter_layout(listed)[layout.size() - 2].second, (Shape{4, 5}));
  listed.convnet.pools = {2};
  EXPECT_THROW(parameter_layout(listed), std::invalid_argument);
  listed.convnet.pools = {};
  listed.convnet.conv_strides = {2, 0};
  EXPECT_THROW(parameter_layout(listed), std::invalid_argument);
}

}  // namespace
}  // namespace lamina
