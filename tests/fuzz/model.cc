// Model files: the net of a model that is read, saved and read again is the same.
#include "lamina/io/safetensors.h"
#include "lamina/solver/model_file.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

// Metadata and tensors, in one order.
std::string content_of(const std::filesystem::path& path) {
  std::string text;
  const Safetensors file = read_safetensors(path);
  std::map<std::string, const StoredTensor*> sorted;
  for (const NamedStoredTensor& tensor : file.tensors) sorted[tensor.name] = &tensor.value;
  for (const auto& [key, value] : file.metadata) text += key + '=' + value + '\n';
  for (const auto& [name, value] : sorted)
    text += name + shape_of(*value).to_string() +
            std::visit([](const auto& x) { return std::string(bytes_of(StoredView(x))); }, *value) + '\n';
  return text;
}

template <class T>
void check(const std::filesystem::path& path, const ModelInfo& info) {
  RandomState random(1);
  const std::unique_ptr<Net<T>> net = load_net<T>(path, random);
  const std::filesystem::path first = directory() / "first", second = directory() / "second";
  save_model(first, *net, info);
  const std::unique_ptr<Net<T>> again = load_net<T>(first, random);
  save_model(second, *again, load_model(first).info);
  require(content_of(first) == content_of(second), "another model after saving it");
}

// A model file in the format without a checksum, which would stop every change.
std::string unsealed(const std::filesystem::path& path) {
  Safetensors file = read_safetensors(path);
  file.metadata["lamina.format"] = "lamina model 2";
  file.metadata.erase("lamina.crc32");
  std::vector<NamedStoredView> views;
  for (const NamedStoredTensor& tensor : file.tensors)
    std::visit([&](const auto& value) { views.push_back({tensor.name, value}); }, tensor.value);
  write_safetensors(path, views, file.metadata);
  return bytes_of(path);
}

}  // namespace

void read_input(std::string_view bytes) {
  const std::filesystem::path path = file("input", bytes);
  const ModelFile model = load_model(path);
  model.dtype == "float32" ? check<float>(path, model.info) : check<double>(path, model.info);
}

std::vector<std::string> seeds() {
  NetConfig fc, convnet, blocks;
  fc.model = "fc";
  fc.fc.hidden_dims = {2};
  fc.fc.normalization = Normalization::batchnorm;
  convnet.convnet.num_filters = {2};
  convnet.convnet.filter_sizes = {3};
  blocks.model = kNetOfBlocks;
  blocks.net = "residual ( conv 1 3x3 | groupnorm 1 ) | relu | max_pool 2 | dropout 0.5 | affine 2";
  std::vector<std::string> files;
  for (NetConfig& config : std::vector<NetConfig>{fc, convnet, blocks}) {
    config.input_dim = {1, 4, 4};
    config.num_classes = 2;
    RandomState random(1);
    const auto net = make_net<float>(config, random);
    const ModelInfo info{config, {"cat", "dog"}, Tensor<double>(config.input_dim, 120.5), {{"data", "x"}}};
    const std::filesystem::path path = directory() / "seed";
    save_model(path, *net, info);
    if (files.empty()) files.push_back(bytes_of(path));
    files.push_back(unsealed(path));
  }
  return files;
}

}  // namespace lamina::fuzz
