// What a model file keeps of its run: damaged, it is an error, and no reason to look for other data.
#include "workbench/runs/evaluation.h"

#include <gtest/gtest.h>

#include "lamina/io/safetensors.h"
#include "lamina/nets/net.h"
#include "lamina/solver/model_file.h"
#include "workbench/runs/run_config.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

class KeptSettings : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  // A model file of an earlier version, with that text as its run's settings; or one that says `mirror_averaging`.
  void write(const std::string& run_config, std::optional<bool> mirror_averaging = {}) {
    ModelInfo info;
    info.config.model = "two-layer";
    info.config.input_dim = Shape{3, 2, 2};
    info.config.num_classes = 2;
    info.class_names = {"a", "b"};
    if (!run_config.empty()) info.metadata = {{"run_config", run_config}};
    RandomState random(1);
    info.mirror_averaging = mirror_averaging;
    const fs::path path = directory_ / "model.safetensors";
    save_model(path, *make_net<float>(info.config, random), info);
    if (mirror_averaging) return;
    Safetensors file = read_safetensors(path);
    file.metadata["lamina.format"] = "lamina model 2";
    file.metadata.erase("lamina.crc32");
    file.metadata.erase("lamina.mirror_averaging");
    std::vector<NamedStoredView> tensors;
    for (const NamedStoredTensor& tensor : file.tensors)
      std::visit([&](const auto& value) { tensors.push_back({tensor.name, value}); }, tensor.value);
    write_safetensors(path, tensors, file.metadata);
  }
  std::string said() const {
    try {
      open_trained_net(directory_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "nothing thrown";
  }

  fs::path directory_ = fs::path(LAMINA_BINARY_DIR) / "evaluation_test";
};

TEST_F(KeptSettings, AreReadOrNamed) {
  RunConfig config;
  config.solver.mirror_averaging = true;
  write(to_json(config));
  EXPECT_TRUE(open_trained_net(directory_).mirror_averaging);
  write(to_json(config), false);
  EXPECT_FALSE(open_trained_net(directory_).mirror_averaging) << "the file says so";
  write("", true);
  EXPECT_TRUE(open_trained_net(directory_).mirror_averaging) << "the file says so";
  write("");
  EXPECT_FALSE(open_trained_net(directory_).mirror_averaging) << "no run wrote it";

  const std::string line = "[load_model] " + (directory_ / "model.safetensors").string() +
                           ": expected the settings of the run that trained the net, found a damaged text: ";
  std::string other = to_json(config);
  other.replace(other.find("\"batch_size\""), 12, "\"batch_sizf\"");
  for (const std::string& damaged : {std::string("{"), std::string("{}"), to_json(config).substr(0, 200), other}) {
    write(damaged);
    EXPECT_TRUE(said().starts_with(line)) << said();
  }
}

}  // namespace
}  // namespace lamina
