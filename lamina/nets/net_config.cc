#include "lamina/nets/net_config.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "lamina/check.h"
#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/three_layer_conv_net.h"
#include "lamina/nets/two_layer_net.h"

namespace lamina {

namespace {

using nlohmann::json;

constexpr const char* kModels = "two-layer, fc, convnet or three-layer-convnet";

// What a model of the course is called: by the command, in summaries and errors; and its parameters' names.
struct CourseNet {
  std::string_view model, title, separator;
};
constexpr CourseNet kCourseNets[] = {{"two-layer", "TwoLayerNet", ""},
                                     {"fc", "FullyConnectedNet", ""},
                                     {"convnet", "ConvNet", "_"},
                                     {"three-layer-convnet", "ThreeLayerConvNet", ""}};

const CourseNet* course_net(std::string_view model) {
  for (const CourseNet& net : kCourseNets)
    if (net.model == model) return &net;
  return nullptr;
}

// A net of any blocks, its parameters named as the model's.
NetOptions net_options(const NetConfig& config) {
  NetOptions options{.reg = config.reg, .label_smoothing = config.label_smoothing, .precision = config.precision};
  if (const CourseNet* net = course_net(config.model)) options.separator = net->separator;
  options.name = title_of(config);
  return options;
}

Index only(const NetConfig& config, const char* name, const std::vector<Index>& values) {
  if (values.size() != 1)
    fail("make_net", "expected one value of ", name, " for ", config.model, ", got ", values.size());
  return values[0];
}

// Sets what the options of all models of the course have.
template <class Options>
Options common(const NetConfig& config) {
  Options options;
  options.num_classes = config.num_classes;
  if (config.weight_scale != 0) options.weight_scale = config.weight_scale;
  options.reg = config.reg;
  options.precision = config.precision;
  options.he_init = config.he_init;
  return options;
}

/// Calls `use` with the options of the course's model that `config` names.
template <class Use>
auto with_options(const NetConfig& config, Use use) {
  if (config.model == "two-layer") {
    auto options = common<TwoLayerNetOptions>(config);
    options.input_dim = config.input_dim.size();
    options.hidden_dim = only(config, "hidden", config.hidden);
    return use(options);
  }
  if (config.model == "fc") {
    auto options = common<FullyConnectedNetOptions>(config);
    options.hidden_dims = config.hidden;
    options.input_dim = config.input_dim.size();
    options.dropout = config.dropout;
    options.normalization = config.normalization;
    return use(options);
  }
  if (config.model == "convnet") {
    auto options = common<ConvNetOptions>(config);
    options.input_dim = config.input_dim;
    options.num_filters = config.num_filters;
    options.filter_sizes = config.filter_sizes;
    options.use_batch_norm = config.use_batch_norm;
    options.conv_stride = config.conv_stride;
    options.conv_strides = config.conv_strides;
    options.pools = config.pools;
    options.global_average = config.global_average;
    return use(options);
  }
  if (config.model == "three-layer-convnet") {
    auto options = common<ThreeLayerConvNetOptions>(config);
    options.input_dim = config.input_dim;
    if (config.num_filters != NetConfig{}.num_filters)
      options.num_filters = only(config, "num_filters", config.num_filters);
    if (config.filter_sizes != NetConfig{}.filter_sizes)
      options.filter_size = only(config, "filter_sizes", config.filter_sizes);
    options.hidden_dim = only(config, "hidden", config.hidden);
    return use(options);
  }
  fail("make_net", "expected a model of ", kModels, ", got '", config.model, "'");
}

void check_input(const NetConfig& config) {
  if (config.input_dim.rank() != 3 || config.input_dim.size() == 0)
    fail("make_net", "expected input_dim (C, H, W), each at least 1, got ", config.input_dim);
}

// Examples that are no images but vectors come as (D, 1, 1).
Shape input_of(const NetConfig& config) {
  const Shape& images = config.input_dim;
  return images[1] == 1 && images[2] == 1 ? Shape{images[0]} : images;
}

void check_classes(const NetConfig& config, Index scores) {
  if (scores != config.num_classes)
    fail("make_net", "expected a net with a score for each of the ", config.num_classes, " classes, got one with ",
         scores, " scores");
}

template <class T>
std::unique_ptr<Net<T>> make(const TwoLayerNetOptions& options, RandomState& random, Weights weights) {
  return std::make_unique<TwoLayerNet<T>>(options, random, weights);
}
template <class T>
std::unique_ptr<Net<T>> make(const FullyConnectedNetOptions& options, RandomState& random, Weights weights) {
  return std::make_unique<FullyConnectedNet<T>>(options, random, weights);
}
template <class T>
std::unique_ptr<Net<T>> make(const ConvNetOptions& options, RandomState& random, Weights weights) {
  return std::make_unique<ConvNet<T>>(options, random, weights);
}
template <class T>
std::unique_ptr<Net<T>> make(const ThreeLayerConvNetOptions& options, RandomState& random, Weights weights) {
  return std::make_unique<ThreeLayerConvNet<T>>(options, random, weights);
}

constexpr const char* kNormalizations[] = {"none", "batchnorm", "layernorm"};
constexpr const char* kPrecisions[] = {"full", "bf16"};
constexpr const char* kFrom = "net_config_from_json";

/// Reads one option from JSON, or says what it should have been.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  std::string text(const char* key) const {
    const json& value = at(key);
    if (!value.is_string()) wrong(key, "text", value);
    return value.get<std::string>();
  }
  double number(const char* key) const {
    const json& value = at(key);
    if (!value.is_number()) wrong(key, "a number", value);
    return value.get<double>();
  }
  Index integer(const char* key) const { return integer(key, at(key)); }
  std::vector<Index> integers(const char* key) const {
    const json& value = at(key);
    if (!value.is_array()) wrong(key, "a list of whole numbers", value);
    std::vector<Index> result;
    for (const json& element : value) result.push_back(integer(key, element));
    return result;
  }
  bool boolean(const char* key) const {
    const json& value = at(key);
    if (!value.is_boolean()) wrong(key, "true or false", value);
    return value.get<bool>();
  }
  [[noreturn]] static void wrong(const char* key, const char* expected, const json& got) {
    std::string found = got.dump(-1, ' ', true, json::error_handler_t::replace);
    if (found.size() > 60) found = found.substr(0, 57) + "...";
    fail(kFrom, "expected ", key, " to be ", expected, ", got ", found);
  }

 private:
  const json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) fail(kFrom, "expected the option ", key, ", got none of that name");
    return *found;
  }
  static Index integer(const char* key, const json& value) {
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() &&
         value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())))
      wrong(key, "made of whole numbers", value);
    return value.get<Index>();
  }

  const json& object_;
};

json as_json(const NetConfig& config) {
  return {{"model", config.model},
          {"net", config.net},
          {"input_dim", std::vector<Index>(config.input_dim.begin(), config.input_dim.end())},
          {"num_classes", config.num_classes},
          {"hidden", config.hidden},
          {"normalization", kNormalizations[static_cast<std::size_t>(config.normalization)]},
          {"dropout", config.dropout},
          {"num_filters", config.num_filters},
          {"filter_sizes", config.filter_sizes},
          {"conv_stride", config.conv_stride},
          {"use_batch_norm", config.use_batch_norm},
          {"weight_scale", config.weight_scale},
          {"reg", config.reg},
          {"he_init", config.he_init},
          {"label_smoothing", config.label_smoothing},
          {"conv_strides", config.conv_strides},
          {"pools", config.pools},
          {"global_average", config.global_average},
          {"precision", kPrecisions[static_cast<std::size_t>(config.precision)]}};
}

}  // namespace

template <class T>
std::unique_ptr<Net<T>> make_net(const NetConfig& config, RandomState& random, Weights weights) {
  if (!(config.label_smoothing >= 0 && config.label_smoothing < 1))
    fail("make_net", "expected label_smoothing of 0 to below 1, got ", config.label_smoothing);
  check_input(config);
  if (!config.net.empty()) {
    check_classes(config, score_count(input_of(config), parse_net(config.net)));
    return std::make_unique<Net<T>>(input_of(config), parse_net(config.net), random, net_options(config), weights);
  }
  std::unique_ptr<Net<T>> net = with_options(
      config, [&](const auto& options) -> std::unique_ptr<Net<T>> { return make<T>(options, random, weights); });
  net->label_smoothing = config.label_smoothing;
  return net;
}
template std::unique_ptr<Net<float>> make_net(const NetConfig&, RandomState&, Weights);
template std::unique_ptr<Net<double>> make_net(const NetConfig&, RandomState&, Weights);

ParameterLayout parameter_layout(const NetConfig& config) {
  check_input(config);
  if (config.net.empty()) return with_options(config, [](const auto& options) { return parameter_layout(options); });
  const Blocks blocks = parse_net(config.net);
  check_classes(config, score_count(input_of(config), blocks));
  return parameter_layout(input_of(config), blocks, net_options(config));
}

Blocks blocks_of(const NetConfig& config) {
  check_input(config);
  if (!config.net.empty()) return parse_net(config.net);
  return with_options(config, [](const auto& options) { return blocks_of(options); });
}

template <class T>
NetConfig config_of(const Net<T>& net) {
  NetConfig config;
  config.model = kNetOfBlocks;
  for (const CourseNet& course : kCourseNets)
    if (course.title == net.net_options().name) config.model = course.model;
  config.net = to_text(net.blocks());
  config.input_dim = net.input().rank() == 3 ? net.input() : Shape{net.input().size(), 1, 1};
  config.num_classes = net.num_classes();
  config.reg = net.reg;
  config.label_smoothing = net.label_smoothing;
  config.precision = net.net_options().precision;
  return config;
}
template NetConfig config_of(const Net<float>&);
template NetConfig config_of(const Net<double>&);

std::string title_of(const NetConfig& config) {
  const CourseNet* net = course_net(config.model);
  return std::string(net ? net->title : "Net");
}

std::string to_json(const NetConfig& config) {
  return as_json(config).dump(-1, ' ', true, json::error_handler_t::replace);
}

NetConfig net_config_from_json(const std::string& text) {
  json object;
  try {
    object = json::parse(text);
  } catch (const json::parse_error& error) {
    fail(kFrom, "expected JSON, got text that is none at byte ", error.byte);
  } catch (const json::exception&) {
    fail(kFrom, "expected JSON, got a number out of range");
  }
  if (!object.is_object()) Reader::wrong("the configuration", "an object", object);
  const json known = as_json({});
  for (const auto& [key, value] : object.items())
    if (!known.contains(key)) fail(kFrom, "expected the options of a net, got an unknown one: ", json(key).dump());

  const Reader reader(object);
  NetConfig config;
  config.model = reader.text("model");
  if (object.contains("net")) config.net = reader.text("net");  // files of before it have none
  if (!course_net(config.model) && !(config.model == kNetOfBlocks && !config.net.empty()))
    Reader::wrong("model", kModels, object["model"]);
  const std::vector<Index> input_dim = reader.integers("input_dim");
  if (input_dim.size() != 3) Reader::wrong("input_dim", "(C, H, W)", object["input_dim"]);
  config.input_dim = Shape(std::span<const Index>(input_dim));
  config.num_classes = reader.integer("num_classes");
  config.hidden = reader.integers("hidden");
  const std::string normalization = reader.text("normalization");
  const auto* found = std::find(std::begin(kNormalizations), std::end(kNormalizations), normalization);
  if (found == std::end(kNormalizations))
    Reader::wrong("normalization", "none, batchnorm or layernorm", object["normalization"]);
  config.normalization = static_cast<Normalization>(found - std::begin(kNormalizations));
  config.dropout = reader.number("dropout");
  config.num_filters = reader.integers("num_filters");
  config.filter_sizes = reader.integers("filter_sizes");
  config.conv_stride = reader.integer("conv_stride");
  config.use_batch_norm = reader.boolean("use_batch_norm");
  config.weight_scale = reader.number("weight_scale");
  config.reg = reader.number("reg");
  if (object.contains("he_init")) {  // files of before it have none of these
    config.he_init = reader.boolean("he_init");
    config.label_smoothing = reader.number("label_smoothing");
    config.conv_strides = reader.integers("conv_strides");
    config.pools = reader.integers("pools");
    config.global_average = reader.boolean("global_average");
  }
  if (object.contains("precision")) {  // files of before it have none
    const std::string precision = reader.text("precision");
    if (precision != "full" && precision != "bf16") Reader::wrong("precision", "full or bf16", object["precision"]);
    config.precision = precision == "bf16" ? Precision::bf16 : Precision::full;
  }
  return config;
}

}  // namespace lamina
