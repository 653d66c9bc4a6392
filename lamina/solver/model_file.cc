#include "lamina/solver/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "lamina/check.h"
#include "lamina/io/crc32.h"
#include "lamina/io/safetensors.h"
#include "lamina/version.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSave = "save_model";
constexpr const char* kLoad = "load_model";
constexpr const char *kFormat = "lamina model 3", *kFormatWithoutChecksum = "lamina model 2",
                     *kFormatWithoutBlocks = "lamina model 1";
constexpr const char* kChecksum = "lamina.crc32";
constexpr const char* kMean = "preprocessing.mean";
constexpr const char* kBlocks = "lamina.blocks";
constexpr const char *kClasses = "lamina.classes", *kTargets = "lamina.targets";
constexpr const char* kMirrorAveraging = "lamina.mirror_averaging";

template <class T>
constexpr const char* kDtype = std::is_same_v<T, float> ? "float32" : "float64";

const std::string& value_of(const Safetensors& file, const fs::path& path, const char* key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end())
    fail_file(kLoad, path, "expected a model file with the metadata entry ", key, ", got none");
  return found->second;
}

// The checksum of all that a model file says, in hexadecimal digits: of the metadata without the checksum itself, and
// of the tensors' names, shapes and bytes, whatever order they have in the file.
std::string checksum_of(const std::map<std::string, std::string>& metadata, std::vector<NamedStoredView> tensors) {
  std::string text;
  for (const auto& [key, value] : metadata)
    if (key != kChecksum) text += key + '\0' + value + '\0';
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const auto& [name, value] : tensors)
    text += fmt::format("{}{}{:08x}", name, shape_of(value).to_string(), crc32(bytes_of(value)));
  return fmt::format("{:08x}", crc32(text));
}

void check_checksum(const Safetensors& file, const fs::path& path) {
  std::vector<NamedStoredView> tensors;
  for (const NamedStoredTensor& tensor : file.tensors)
    std::visit([&](const auto& value) { tensors.push_back({tensor.name, value}); }, tensor.value);
  const std::string& written = value_of(file, path, kChecksum);
  const std::string found = checksum_of(file.metadata, std::move(tensors));
  if (written != found)
    fail_file(kLoad, path, "damaged (changed after it was written): expected the checksum ", quoted_name(written),
              ", got '", found, "'");
}

// A net with such weights answers every question with NaN.
void check_finite(const NamedStoredTensor& tensor, const fs::path& path) {
  const auto check = [&](const auto& values) {
    for (const auto value : values)
      if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(value)>>)
        if (!std::isfinite(value)) fail_file(kLoad, path, "expected finite numbers in ", tensor.name, ", got ", value);
  };
  std::visit(check, tensor.value);
}

// A list of integers or of strings in the metadata.
template <class Value>
std::vector<Value> list_of(const Safetensors& file, const fs::path& path, const char* key) {
  const json list = json::parse(value_of(file, path, key), nullptr, false);
  bool good = list.is_array();
  for (const json& value : list)
    good = good && (std::is_same_v<Value, std::string> ? value.is_string() : value.is_number_integer());
  if (!good) fail_file(kLoad, path, "expected ", key, " to be a list, got something else");
  return list.get<std::vector<Value>>();
}

std::string list_text(const std::vector<std::string>& names) {
  return json(names).dump(-1, ' ', false, json::error_handler_t::replace);
}

// "" if the names are what a net of this configuration has: those of its classes, or of the numbers that it predicts.
std::string wrong_names(const ModelInfo& info) {
  const bool labels = takes_labels(info.config.loss.loss);
  const auto check = [&](std::size_t found, bool wanted, const char* what) {
    const auto expected = static_cast<std::size_t>(wanted ? info.config.num_classes : 0);
    return found == expected ? std::string() : fmt::format("expected {} {} names, got {}", expected, what, found);
  };
  const std::string classes = check(info.class_names.size(), labels, "class");
  return classes.empty() ? check(info.target_names.size(), !labels, "target") : classes;
}

}  // namespace

template <class T>
void save_model(const fs::path& path, const Parameters<T>& params, const std::vector<NamedTensor<T>>& buffers,
                const ModelInfo& info) {
  const NetConfig& config = info.config;
  const auto layout = parameter_layout(config);
  if (params.layout() != layout)
    fail(kSave, "expected the names and shapes of the configuration's parameters, got others");
  if (const std::string wrong = wrong_names(info); !wrong.empty()) fail(kSave, wrong);
  if (!info.mean.empty() && !(info.mean.shape() == config.input_dim))
    fail(kSave, "expected a mean of shape ", config.input_dim, ", got ", info.mean.shape());

  std::map<std::string, std::string> metadata = info.metadata;
  metadata["lamina.format"] = kFormat;
  metadata["lamina.version"] = LAMINA_VERSION;
  metadata["lamina.net"] = to_json(config);
  metadata[kBlocks] = to_text(blocks_of(config));
  metadata["lamina.dtype"] = kDtype<T>;
  metadata["lamina.input_shape"] = json(std::vector<Index>(config.input_dim.begin(), config.input_dim.end())).dump();
  metadata[kClasses] = list_text(info.class_names);
  if (!info.target_names.empty()) metadata[kTargets] = list_text(info.target_names);
  metadata["lamina.pixel_range"] = "[0,255]";
  metadata["lamina.subtract_mean"] = info.mean.empty() ? "false" : "true";
  metadata[kMirrorAveraging] = info.mirror_averaging.value_or(false) ? "true" : "false";

  std::vector<NamedStoredView> tensors;
  for (const auto& [name, value] : params) tensors.push_back({name, value});
  for (const auto& [name, value] : buffers) tensors.push_back({name, value});
  if (!info.mean.empty()) tensors.push_back({kMean, info.mean});
  metadata[kChecksum] = checksum_of(metadata, tensors);
  write_safetensors(path, tensors, metadata);
}

template <class T>
void save_model(const fs::path& path, Net<T>& net, const ModelInfo& info) {
  save_model(path, std::as_const(net).params(), net.buffers(), info);
}

ModelFile load_model(const fs::path& path) {
  Safetensors file = read_safetensors(path);
  const std::string& format = value_of(file, path, "lamina.format");
  if (format != kFormat && format != kFormatWithoutChecksum && format != kFormatWithoutBlocks)
    fail_file(kLoad, path, "expected the format '", kFormat, "', got ", quoted_name(file.metadata["lamina.format"]));
  ModelFile model;
  model.path = path;
  model.info.has_checksum = format == kFormat;
  if (model.info.has_checksum) check_checksum(file, path);  // before what it says is looked at
  model.lamina_version = value_of(file, path, "lamina.version");
  model.dtype = value_of(file, path, "lamina.dtype");
  if (model.dtype != "float32" && model.dtype != "float64")
    fail_file(kLoad, path, "expected a dtype of float32 or float64, got ", quoted_name(model.dtype));

  std::vector<std::pair<std::string, Shape>> layout;
  NetConfig& config = model.info.config;
  try {
    config = net_config_from_json(value_of(file, path, "lamina.net"));
    layout = parameter_layout(config);
    model.blocks = to_text(blocks_of(config));
  } catch (const std::invalid_argument& e) {
    fail_file(kLoad, path, "expected the configuration of a net, got an invalid one: ", e.what());
  }
  if (format != kFormatWithoutBlocks && value_of(file, path, kBlocks) != model.blocks)
    fail_file(kLoad, path, "expected the blocks of its configuration, ", quoted_name(model.blocks), ", got ",
              quoted_name(value_of(file, path, kBlocks)));
  model.info.class_names = list_of<std::string>(file, path, kClasses);
  if (file.metadata.contains(kTargets)) model.info.target_names = list_of<std::string>(file, path, kTargets);
  if (const std::string wrong = wrong_names(model.info); !wrong.empty()) fail_file(kLoad, path, wrong);
  const auto input = list_of<Index>(file, path, "lamina.input_shape");
  if (!std::equal(input.begin(), input.end(), config.input_dim.begin(), config.input_dim.end()))
    fail_file(kLoad, path, "expected the input shape of the net, ", config.input_dim, ", got another");
  if (value_of(file, path, "lamina.pixel_range") != "[0,255]")
    fail_file(kLoad, path, "expected pixels in [0,255], got ", quoted_name(file.metadata["lamina.pixel_range"]));

  if (const auto averaging = file.metadata.find(kMirrorAveraging); averaging != file.metadata.end()) {
    if (averaging->second != "true" && averaging->second != "false")
      fail_file(kLoad, path, "expected ", kMirrorAveraging, " of true or false, got ", quoted_name(averaging->second));
    model.info.mirror_averaging = averaging->second == "true";
  }

  const bool subtract = value_of(file, path, "lamina.subtract_mean") == "true";
  const StoredTensor* mean = file.find(kMean);
  if (subtract != (mean != nullptr))
    fail_file(kLoad, path, "expected a tensor ", kMean, " exactly where subtract_mean is true, got ",
              subtract ? "none" : "one");
  if (mean != nullptr) {
    if (!(shape_of(*mean) == config.input_dim))
      fail_file(kLoad, path, "expected ", kMean, " of shape ", config.input_dim, ", got ", shape_of(*mean));
    model.info.mean = to_tensor<double>(*mean);
  }
  for (const auto& [name, shape] : layout) {
    const StoredTensor* tensor = file.find(name);
    if (tensor == nullptr) fail_file(kLoad, path, "expected a parameter ", name, " of shape ", shape, ", got none");
    if (!(shape_of(*tensor) == shape))
      fail_file(kLoad, path, "expected parameter ", name, " of shape ", shape, ", got ", shape_of(*tensor));
  }
  for (const NamedStoredTensor& tensor : file.tensors) check_finite(tensor, path);
  for (NamedStoredTensor& tensor : file.tensors)
    if (tensor.name != kMean) model.tensors.push_back(std::move(tensor));
  for (auto& [key, value] : file.metadata)
    if (key.rfind("lamina.", 0) != 0) model.info.metadata[key] = value;
  return model;
}

template <class T>
void ModelFile::copy_to(Net<T>& net) const {
  std::vector<std::pair<std::string, TensorView<T>>> targets;
  for (auto& [name, value] : net.params()) targets.emplace_back(name, value);
  for (const auto& [name, value] : net.buffers()) targets.emplace_back(name, value);
  if (targets.size() != tensors.size())
    fail_file(kLoad, path, "expected ", targets.size(), " parameters and buffers, got ", tensors.size());
  for (const auto& [name, target] : targets) {
    const StoredTensor* tensor = find_tensor(tensors, name);
    if (tensor == nullptr) fail_file(kLoad, path, "expected a tensor ", name, ", got none");
    if (!(shape_of(*tensor) == target.shape()))
      fail_file(kLoad, path, "expected tensor ", name, " of shape ", target.shape(), ", got ", shape_of(*tensor));
  }
  for (auto& [name, target] : targets) {
    const Tensor<T> values = to_tensor<T>(*find_tensor(tensors, name));
    std::copy(values.begin(), values.end(), target.begin());
  }
}

template <class T>
std::unique_ptr<Net<T>> load_net(const fs::path& path, RandomState& random) {
  ModelFile file = load_model(path);
  if (std::is_same_v<T, double>) file.info.config.precision = Precision::full;
  std::unique_ptr<Net<T>> net = make_net<T>(file.info.config, random, Weights::zero);
  file.copy_to(*net);
  return net;
}

template std::unique_ptr<Net<float>> load_net(const fs::path&, RandomState&);
template std::unique_ptr<Net<double>> load_net(const fs::path&, RandomState&);
template void save_model(const fs::path&, const Parameters<float>&, const std::vector<NamedTensor<float>>&,
                         const ModelInfo&);
template void save_model(const fs::path&, const Parameters<double>&, const std::vector<NamedTensor<double>>&,
                         const ModelInfo&);
template void save_model(const fs::path&, Net<float>&, const ModelInfo&);
template void save_model(const fs::path&, Net<double>&, const ModelInfo&);
template void ModelFile::copy_to(Net<float>&) const;
template void ModelFile::copy_to(Net<double>&) const;

}  // namespace lamina
