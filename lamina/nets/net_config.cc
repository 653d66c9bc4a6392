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

double weight_scale(const NetConfig& config, double model_default) {
  if (config.he_init) return 1;
  return config.weight_scale == 0 ? model_default : config.weight_scale;
}

Index only(const NetConfig& config, const char* name, const std::vector<Index>& values) {
  if (values.size() != 1)
    fail("make_net", "expected one value of ", name, " for ", config.model, ", got ", values.size());
  return values[0];
}

/// Calls `use` with the options of the model that `config` names.
template <class Use>
auto with_options(const NetConfig& config, Use use) {
  if (config.input_dim.rank() != 3 || config.input_dim.size() == 0)
    fail("make_net", "expected input_dim (C, H, W), each at least 1, got ", config.input_dim);
  if (config.model == "two-layer")
    return use(TwoLayerNetOptions{config.input_dim.size(), only(config, "hidden", config.hidden), config.num_classes,
                                  weight_scale(config, TwoLayerNetOptions{}.weight_scale), config.reg,
                                  config.precision});
  if (config.model == "fc")
    return use(FullyConnectedNetOptions{
        config.hidden, config.input_dim.size(), config.num_classes, config.dropout, config.normalization, config.reg,
        weight_scale(config, FullyConnectedNetOptions{}.weight_scale), std::nullopt, config.precision});
  if (config.model == "convnet")
    return use(ConvNetOptions{config.input_dim, config.num_filters, config.filter_sizes, config.num_classes,
                              weight_scale(config, ConvNetOptions{}.weight_scale), config.reg, config.use_batch_norm,
                              config.conv_stride, config.precision, config.conv_strides, config.pools,
                              config.global_average});
  if (config.model == "three-layer-convnet") {
    ThreeLayerConvNetOptions options;
    options.input_dim = config.input_dim;
    if (config.num_filters != NetConfig{}.num_filters)
      options.num_filters = only(config, "num_filters", config.num_filters);
    if (config.filter_sizes != NetConfig{}.filter_sizes)
      options.filter_size = only(config, "filter_sizes", config.filter_sizes);
    options.hidden_dim = only(config, "hidden", config.hidden);
    options.num_classes = config.num_classes;
    options.weight_scale = weight_scale(config, options.weight_scale);
    options.reg = config.reg;
    options.precision = config.precision;
    return use(options);
  }
  fail("make_net", "expected a model of two-layer, fc, convnet or three-layer-convnet, got '", config.model, "'");
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
  std::unique_ptr<Net<T>> net = with_options(
      config, [&](const auto& options) -> std::unique_ptr<Net<T>> { return make<T>(options, random, weights); });
  net->label_smoothing = config.label_smoothing;
  if (config.he_init) scale_as_he(net->params());
  return net;
}
template <class T>
void scale_as_he(Parameters<T>& params) {
  for (auto& [name, W] : params) {
    if (!name.starts_with('W')) continue;
    const Index inputs = W.rank() == 4 ? W.size() / W.dim(0) : W.dim(0);
    const double scale = std::sqrt(2 / static_cast<double>(inputs));
    for (T& w : W) w = static_cast<T>(scale * static_cast<double>(w));
  }
}
template void scale_as_he(Parameters<float>&);
template void scale_as_he(Parameters<double>&);
template std::unique_ptr<Net<float>> make_net(const NetConfig&, RandomState&, Weights);
template std::unique_ptr<Net<double>> make_net(const NetConfig&, RandomState&, Weights);

ParameterLayout parameter_layout(const NetConfig& config) {
  return with_options(config, [](const auto& options) { return parameter_layout(options); });
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
  if (config.model != "two-layer" && config.model != "fc" && config.model != "convnet" &&
      config.model != "three-layer-convnet")
    Reader::wrong("model", "two-layer, fc, convnet or three-layer-convnet", object["model"]);
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
