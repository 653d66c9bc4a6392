#include "lamina/nets/net_config.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "lamina/check.h"
#include "lamina/option_json.h"

namespace lamina {

namespace {

using nlohmann::json;

constexpr const char* kFrom = "net_config_from_json";

// A model of the course: what it is called by the command, and in summaries and errors; what stands between a
// parameter's letter and its number; and its options.
struct CourseNet {
  std::string_view model, title, separator;
  void (*visit)(NetConfig& config, const VisitOption& visit);
};
constexpr CourseNet kCourseNets[] = {
    {"two-layer", "TwoLayerNet", "", [](NetConfig& c, const VisitOption& visit) { visit_options(c.two_layer, visit); }},
    {"fc", "FullyConnectedNet", "", [](NetConfig& c, const VisitOption& visit) { visit_options(c.fc, visit); }},
    {"convnet", "ConvNet", "_", [](NetConfig& c, const VisitOption& visit) { visit_options(c.convnet, visit); }},
    {"three-layer-convnet", "ThreeLayerConvNet", "",
     [](NetConfig& c, const VisitOption& visit) { visit_options(c.three_layer_convnet, visit); }}};
constexpr std::string_view kModels[] = {kCourseNets[0].model, kCourseNets[1].model, kCourseNets[2].model,
                                        kCourseNets[3].model, kNetOfBlocks};
constexpr std::string_view kPrecisions[] = {"full", "bf16"};  // in the order of Precision

const CourseNet* course_net(std::string_view model) {
  for (const CourseNet& net : kCourseNets)
    if (net.model == model) return &net;
  return nullptr;
}

[[noreturn]] void unknown_model(const NetConfig& config) {
  fail("make_net", "expected a model of two-layer, fc, convnet or three-layer-convnet, got '", config.model, "'");
}

// The options of all nets.
void visit_common(NetConfig& config, const VisitOption& visit) {
  visit({.name = "net",
         .help = "A net of any blocks, from the images on, in place of --model: 'conv 32 3x3 | batchnorm | relu | "
                 "max_pool 2 | affine 10'",
         .newer = true},
        &config.net);
  // The word for a net of blocks is one where there are blocks.
  const std::span<const std::string_view> models(kModels,
                                                 config.net.empty() ? std::size(kCourseNets) : std::size(kModels));
  const auto found = std::find(models.begin(), models.end(), config.model);
  if (found == models.end()) unknown_model(config);
  auto model = static_cast<std::size_t>(found - models.begin());
  visit({.name = "model",
         .help = "two-layer (affine - relu - affine), fc (any depth), convnet ([conv - batch norm - relu] x M - pool - "
                 "affine) or three-layer-convnet (conv - relu - pool - affine - relu - affine)"},
        Choice{models, &model});
  config.model = models[model];
  std::vector<Index> input_dim(config.input_dim.begin(), config.input_dim.end());
  visit({.name = "input_dim", .help = "Shape of an image, (C, H, W)", .flag = "-"}, &input_dim);
  if (input_dim.size() != 3) fail(kFrom, "expected input_dim to be (C, H, W), got ", json(input_dim).dump());
  config.input_dim = Shape(std::span<const Index>(input_dim));
  visit({.name = "num_classes", .help = "Classes of the data", .flag = "-"}, &config.num_classes);
}

void visit_initial_weights(NetConfig& config, const VisitOption& visit) {
  constexpr std::string_view kFirstWeights[] = {"normal", "he", "xavier"};  // as in FirstWeights
  visit_choice(visit,
               {.name = "init",
                .help = "First weights: normal (of deviation --weight-scale), he (of deviation sqrt(2 / inputs)) or "
                        "xavier (sqrt(2 / (inputs + outputs)))",
                .newer = true},
               config.init, kFirstWeights);
  visit({.name = "weight_scale",
         .help = "Standard deviation of the first weights [1e-3; fc: 1e-2]",
         .range = {.open_least = true},
         .needs = "init",
         .needs_value = "normal"},
        &config.weight_scale);
}

void visit_rest(NetConfig& config, const VisitOption& visit) {
  if (config.model != kNetOfBlocks) visit_initial_weights(config, visit);  // whose text says how they begin
  visit_options(config.loss, visit);
  visit({.name = "label_smoothing",
         .help = "Share of the loss's target that is spread over all classes",
         .range = {.most = 1, .open_most = true},
         .needs = "loss",
         .needs_value = "softmax",
         .newer = true},
        &config.label_smoothing);
  visit({.name = "reg", .help = "Strength of L2 regularization: the loss has 0.5 reg sum(W^2)"}, &config.reg);
  visit_choice(
      visit,
      {.name = "precision",
       .help =
           "Precision of the matrix products: full (that of --dtype) or bf16: operands rounded to bfloat16, sums in "
           "float32",
       .newer = true},
      config.precision, kPrecisions);
}

// A net of any blocks, its parameters named as the model's.
NetOptions net_options(const NetConfig& config) {
  NetOptions options{
      .reg = config.reg, .loss = config.loss, .label_smoothing = config.label_smoothing, .precision = config.precision};
  if (const CourseNet* net = course_net(config.model)) options.separator = net->separator;
  options.name = title_of(config);
  return options;
}

// The options of one of the course's models, completed by those that all nets have.
template <class Options>
Options completed(const NetConfig& config, Options options) {
  options.num_classes = config.num_classes;
  if (config.weight_scale) options.weight_scale = *config.weight_scale;
  options.reg = config.reg;
  options.precision = config.precision;
  options.init = config.init;
  if constexpr (std::is_same_v<decltype(options.input_dim), Shape>)
    options.input_dim = config.input_dim;
  else
    options.input_dim = config.input_dim.size();
  return options;
}

/// Calls `use` with the options of the course's model that `config` names.
template <class Use>
auto with_options(const NetConfig& config, Use use) {
  const CourseNet* net = course_net(config.model);
  if (!net) unknown_model(config);
  switch (net - kCourseNets) {
    case 0:
      return use(completed(config, config.two_layer));
    case 1:
      return use(completed(config, config.fc));
    case 2:
      return use(completed(config, config.convnet));
    default:
      return use(completed(config, config.three_layer_convnet));
  }
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

// What earlier versions called otherwise: a common weight_scale of 0 was the model's own, he_init was true or false,
// the strides of convolutions were one number and a list, and files had the options of all models.
void bring_up_to_date(json& object) {
  if (object.contains("weight_scale") && object["weight_scale"] == 0) object.erase("weight_scale");
  if (object.contains("he_init")) {
    if (object["he_init"].is_boolean()) object["init"] = object["he_init"] == true ? "he" : "normal";
    object.erase("he_init");
  }
  if (object.contains("conv_stride")) {
    if (!object.contains("conv_strides") || object["conv_strides"].empty())
      object["conv_strides"] = object["conv_stride"];
    object.erase("conv_stride");
  }
  if (object.contains("model") &&
      object["model"] == "three-layer-convnet") {  // the defaults of convnet stood for its own
    if (object.contains("num_filters") && object["num_filters"] == json({32, 32})) object["num_filters"] = 32;
    if (object.contains("filter_sizes") && object["filter_sizes"] == json({7, 3})) object["filter_sizes"] = 7;
  }
}

}  // namespace

template <class T>
std::unique_ptr<Net<T>> make_net(const NetConfig& config, RandomState& random, Weights weights) {
  check_input(config);
  if (!config.net.empty()) {
    check_classes(config, score_count(input_of(config), parse_net(config.net)));
    return std::make_unique<Net<T>>(input_of(config), parse_net(config.net), random, net_options(config), weights);
  }
  std::unique_ptr<Net<T>> net = with_options(
      config, [&](const auto& options) -> std::unique_ptr<Net<T>> { return make<T>(options, random, weights); });
  net->set_loss(config.loss, config.label_smoothing);
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

std::vector<Index> normalization_sizes(const NetConfig& config) {
  return normalization_sizes(input_of(config), blocks_of(config));
}

std::vector<UpdateFactors> update_factors(const NetConfig& config) {
  return update_factors(input_of(config), blocks_of(config));
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
  config.loss = net.net_options().loss;
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

void visit_options(NetConfig& config, const VisitOption& visit) {
  visit_common(config, visit);
  if (const CourseNet* net = course_net(config.model); net && config.net.empty()) net->visit(config, visit);
  visit_rest(config, visit);
}

void visit_all_options(NetConfig& config, const VisitOption& visit) {
  visit_common(config, visit);
  for (const CourseNet& net : kCourseNets)
    net.visit(config, [&](Option option, const OptionValue& value) {
      option.model = net.model;
      visit(option, value);
    });
  visit_rest(config, visit);
}

bool is_net_option(std::string_view name) {
  static const auto& known = *[] {
    auto* names = new std::set<std::string, std::less<>>{"he_init", "conv_stride"};  // of earlier versions
    NetConfig config;
    visit_all_options(config, [&](const Option& option, const OptionValue&) { names->emplace(option.name); });
    return names;
  }();
  return known.contains(name);
}

std::string to_json(const NetConfig& config) {
  NetConfig copy = config;
  return json_text(options_to_json([&](const VisitOption& visit) { visit_options(copy, visit); }));
}

NetConfig net_config_from_json(const std::string& text) {
  json object = parse_json_object(kFrom, text);
  for (const auto& [key, value] : object.items())
    if (!is_net_option(key)) fail(kFrom, "expected the options of a net, got an unknown one: ", json(key).dump());
  bring_up_to_date(object);
  NetConfig config;
  options_from_json(kFrom, object, [&](const VisitOption& visit) { visit_options(config, visit); });
  return config;
}

}  // namespace lamina
