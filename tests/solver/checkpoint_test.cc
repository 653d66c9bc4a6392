#include "lamina/solver/checkpoint.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

#include "lamina/kernels/machine/target.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write(const fs::path& path, std::string_view bytes) {
  fs::remove(path);  // a file that is written over goes to the disk at once
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// As docs/file-formats.md describes it: polynomial 0xedb88320.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}
std::uint32_t word_at(std::string_view bytes, std::size_t at) {
  std::uint32_t word;
  std::memcpy(&word, bytes.data() + at, 4);
  return word;
}
void set_word(std::string& bytes, std::size_t at, std::uint32_t word) { std::memcpy(bytes.data() + at, &word, 4); }

// Writes both checksums anew, where the lengths let them be found.
void repair(std::string& bytes) {
  if (bytes.size() < 32) return;
  const std::size_t header_end = 24 + std::size_t{word_at(bytes, 12)};
  if (header_end + 8 > bytes.size()) return;
  const std::string_view all = bytes;
  set_word(bytes, header_end, crc32(all.substr(0, header_end)));
  set_word(bytes, bytes.size() - 4, crc32(all.substr(header_end + 4, bytes.size() - header_end - 8)));
}

class CheckpointFile : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_);
    path_ = directory_ / "checkpoint";
  }
  void TearDown() override { fs::remove_all(directory_); }

  template <class Call>
  static std::string message_of(Call call) {
    try {
      call();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no exception";
  }

  fs::path directory_ = fs::path(LAMINA_BINARY_DIR) / "checkpoint_test";
  fs::path path_;
};

// A state with every kind of value: NaN, -0, denormals, tensors without axes or elements.
template <class T>
SolverState<T> example() {
  using Limits = std::numeric_limits<T>;
  SolverState<T> state;
  state.epoch = 3;
  state.iteration = 17;
  state.num_iterations = 40;
  state.learning_rate = 0.1 * 0.95 * 0.95;
  state.seconds = 1.25;
  state.images = 1700;
  state.history.loss_history = {2.3, 1.0 / 3, 5e-324};
  state.history.train_acc_history = {0.1};
  state.history.best_val_acc = 0.544;
  state.params = Parameters<T>({{"W1", {2, 3}}, {"b1", {3}}, {"empty", {0, 4}}, {"Größe \"x\"\n", {1, 1, 1, 1, 1, 2}}});
  state.best_params = Parameters<T>({{"W1", {2, 3}}, {"b1", {3}}});
  T value = 1;
  for (auto* params : {&state.params, &state.best_params})
    for (auto& entry : *params)
      for (T& x : entry.value) x = (value += T(0.7)) / 3;
  state.params["W1"][0] = Limits::quiet_NaN();
  state.params["W1"][1] = -T(0);
  state.params["W1"][2] = Limits::denorm_min();
  state.params["W1"][3] = -Limits::infinity();
  state.buffers = {Tensor<T>(Shape{3}, T(0.1)), Tensor<T>(Shape{2, 2}, Limits::max())};
  state.best_buffers = {Tensor<T>(Shape{3}, T(0.3)), Tensor<T>()};
  state.last_params = Parameters<T>({{"W1", {2, 3}}, {"b1", {3}}});
  state.last_params["b1"].fill(T(0.6));
  state.last_buffers = {Tensor<T>(Shape{3}, T(0.2)), Tensor<T>()};
  state.optim.resize(2);
  state.optim[0].tensors.emplace("m", Tensor<T>(Shape{2, 3}, T(-0.01)));
  state.optim[0].tensors.emplace("v", Tensor<T>(Shape{2, 3}, T(1e-20)));
  state.optim[0].tensors.emplace("a third", Tensor<T>());
  state.optim[0].t = 17;
  RandomState random(231);
  random.randn();
  state.random = random.state();
  return state;
}

template <class T>
bool same_bits(const TensorView<T>& a, const TensorView<T>& b) {
  return a.shape() == b.shape() &&
         (a.empty() || std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0);
}
template <class T>
void expect_same(const Parameters<T>& a, const Parameters<T>& b) {
  ASSERT_TRUE(a.layout() == b.layout());
  for (const auto& [name, value] : a) EXPECT_TRUE(same_bits(value, b[name])) << name;
}

template <class T>
void round_trip(const fs::path& path, const std::string& dtype) {
  const SolverState<T> state = example<T>();
  save_checkpoint(path, state, "{\"epochs\": 3}");
  const CheckpointInfo info = read_checkpoint_info(path);
  EXPECT_EQ(info.dtype, dtype);
  EXPECT_EQ(info.instruction_set, kernels::target_name());
  EXPECT_TRUE(info.same_instruction_set());
  EXPECT_EQ(info.config, "{\"epochs\": 3}");
  EXPECT_EQ(info.epoch, 3);
  EXPECT_EQ(info.iteration, 17);
  EXPECT_EQ(info.num_iterations, 40);

  const Checkpoint<T> read = load_checkpoint<T>(path);
  EXPECT_EQ(read.info.config, info.config);
  const SolverState<T>& got = read.state;
  EXPECT_EQ(got.epoch, state.epoch);
  EXPECT_EQ(got.iteration, state.iteration);
  EXPECT_EQ(got.num_iterations, state.num_iterations);
  EXPECT_EQ(got.learning_rate, state.learning_rate);
  EXPECT_EQ(got.seconds, state.seconds);
  EXPECT_EQ(got.images, state.images);
  EXPECT_EQ(got.history.loss_history, state.history.loss_history);
  EXPECT_EQ(got.history.train_acc_history, state.history.train_acc_history);
  EXPECT_EQ(got.history.val_acc_history, state.history.val_acc_history);
  EXPECT_EQ(got.history.best_val_acc, state.history.best_val_acc);
  expect_same(got.params, state.params);
  expect_same(got.best_params, state.best_params);
  expect_same(got.last_params, state.last_params);
  ASSERT_EQ(got.buffers.size(), 2u);
  ASSERT_EQ(got.best_buffers.size(), 2u);
  ASSERT_EQ(got.last_buffers.size(), 2u);
  ASSERT_EQ(got.optim.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(same_bits<T>(got.buffers[i], state.buffers[i]));
    EXPECT_TRUE(same_bits<T>(got.best_buffers[i], state.best_buffers[i]));
    EXPECT_TRUE(same_bits<T>(got.last_buffers[i], state.last_buffers[i]));
    EXPECT_EQ(got.optim[i].t, state.optim[i].t);
    ASSERT_EQ(got.optim[i].tensors.size(), state.optim[i].tensors.size());
    for (const auto& [name, tensor] : state.optim[i].tensors)
      EXPECT_TRUE(same_bits<T>(got.optim[i].tensors.at(name), tensor)) << name;
  }
  EXPECT_EQ(got.random, state.random);
}

TEST_F(CheckpointFile, KeepsEveryBit) {
  round_trip<float>(path_, "float32");
  round_trip<double>(path_, "float64");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1);  // no temporary file is left
}

TEST_F(CheckpointFile, ParametersLargerThanAllThatFollows) {
  SolverState<float> state;
  state.params = Parameters<float>({{"W1", {100, 100}}, {"b1", {100}}});
  state.params["W1"].fill(2.5f);
  save_checkpoint(path_, state, "{}");
  const Checkpoint<float> got = load_checkpoint<float>(path_);
  expect_same(got.state.params, state.params);
}

TEST_F(CheckpointFile, ChecksumsAreWhereTheFormatSays) {
  save_checkpoint(path_, example<double>(), "{}");
  const std::string bytes = read(path_);
  std::string repaired = bytes;
  repair(repaired);
  EXPECT_EQ(repaired, bytes);
}

// A file of version 2 ends before the last parameters, which are none here: two numbers of 4 bytes.
TEST_F(CheckpointFile, Version2IsRead) {
  SolverState<double> state = example<double>();
  state.last_params = {};
  state.last_buffers.clear();
  save_checkpoint(path_, state, "{}");
  std::string bytes = read(path_);
  bytes.erase(bytes.size() - 12, 8);
  set_word(bytes, 8, 2);
  set_word(bytes, 16, word_at(bytes, 16) - 8);
  repair(bytes);
  write(path_, bytes);
  SolverState<double> got = load_checkpoint<double>(path_).state;
  expect_same(got.params, state.params);
  EXPECT_EQ(got.last_params.size(), 0u);
  got.iteration = got.num_iterations;
  EXPECT_FALSE(extend(got, 50)) << "what the model ended with is not known";
  EXPECT_EQ(got.num_iterations, 50);
}

TEST_F(CheckpointFile, CutOffAnywhere) {
  save_checkpoint(path_, example<float>(), "{\"a\": 1}");
  const std::string bytes = read(path_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write(path_, std::string_view(bytes).substr(0, size));
    for (const std::string& message :
         {message_of([&] { load_checkpoint<float>(path_); }), message_of([&] { read_checkpoint_info(path_); })}) {
      ASSERT_EQ(message.find("[load_checkpoint] " + path_.string() + ": expected "), 0u) << size << ": " << message;
      ASSERT_EQ(message.find('\n'), std::string::npos);
    }
  }
  write(path_, bytes + "x");
  EXPECT_NE(message_of([&] { load_checkpoint<float>(path_); }).find("is cut off or damaged"), std::string::npos);
}

TEST_F(CheckpointFile, AnyChangedByteIsFound) {
  save_checkpoint(path_, example<float>(), "{\"a\": 1}");
  const std::string bytes = read(path_);
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    if (i % 3 == 0) damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    if (damaged == bytes) continue;
    write(path_, damaged);
    const std::string message = message_of([&] { load_checkpoint<float>(path_); });
    ASSERT_EQ(message.find("[load_checkpoint] " + path_.string() + ": expected "), 0u) << message;
    ASSERT_EQ(message.find('\n'), std::string::npos);
  }
}

// Behind the checksums: whatever the values say, one line or a state, never a crash or much memory.
TEST_F(CheckpointFile, ForgedValuesDoNoHarm) {
  save_checkpoint(path_, example<float>(), "{\"a\": 1}");
  const std::string bytes = read(path_);
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string forged = bytes;
    for (int change = 0; change < 1 + i % 3; ++change) {
      // Lengths are among the values before the keys of the two random streams, which lie at the end.
      const std::size_t at = random() % (forged.size() - 5200);
      const std::uint32_t words[] = {0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff, static_cast<std::uint32_t>(random())};
      if (i % 2 == 0)
        set_word(forged, at, words[random() % 7]);
      else
        forged[at] = static_cast<char>(random());
    }
    repair(forged);
    write(path_, forged);
    try {
      load_checkpoint<float>(path_);
    } catch (const std::runtime_error& error) {
      ++refused;
      ASSERT_EQ(std::string(error.what()).find("[load_checkpoint] "), 0u) << error.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(CheckpointFile, OtherFiles) {
  const std::string start = "[load_checkpoint] " + path_.string() + ": ";
  write(path_, "");
  EXPECT_EQ(message_of([&] { load_checkpoint<float>(path_); }),
            start + "expected a checkpoint, which starts with LAMINACK, got an empty file");
  write(path_, "{\"loss_history\": []}");
  EXPECT_EQ(message_of([&] { load_checkpoint<float>(path_); }),
            start + "expected a checkpoint, which starts with LAMINACK, got another kind of file");
  save_checkpoint(path_, example<float>(), "");
  EXPECT_EQ(message_of([&] { load_checkpoint<double>(path_); }), start + "expected values of float64, got float32");
  std::string later = read(path_);
  later[8] = 4;
  write(path_, later);
  EXPECT_EQ(message_of([&] { read_checkpoint_info(path_); }),
            start + "expected a version of 1 to 3 of the format, got 4");
  fs::remove(path_);
  EXPECT_NE(message_of([&] { load_checkpoint<float>(path_); }).find(path_.string()), std::string::npos);
  EXPECT_NE(message_of([&] { load_checkpoint<float>(directory_); }).find(directory_.string()), std::string::npos);
  EXPECT_NE(message_of([&] { save_checkpoint(directory_ / "none" / "checkpoint", example<float>(), ""); }).find("none"),
            std::string::npos);
}

TEST_F(CheckpointFile, AnotherInstructionSetIsReported) {
  const std::string chosen = kernels::target_name();
  const auto targets = kernels::available_targets();
  kernels::set_target(targets.back());
  save_checkpoint(path_, example<float>(), "");
  EXPECT_TRUE(read_checkpoint_info(path_).same_instruction_set());
  kernels::set_target(targets.front());
  EXPECT_EQ(load_checkpoint<float>(path_).info.instruction_set, targets.back());
  EXPECT_EQ(read_checkpoint_info(path_).same_instruction_set(), targets.size() == 1);
  kernels::set_target(chosen);
}

TEST(InstructionSets, DifferByBf16Alone) {
  EXPECT_TRUE(kernels::same_bits_without_bf16("AVX-512", "AVX-512-BF16"));
  EXPECT_TRUE(kernels::same_bits_without_bf16("AVX2", "AVX2"));
  EXPECT_TRUE(kernels::same_bits_without_bf16("AMX", "AMX"));
  EXPECT_TRUE(kernels::same_bits_without_bf16("AMX", "AVX-512", true));
  EXPECT_FALSE(kernels::same_bits_without_bf16("AMX", "AVX-512-BF16"));
  EXPECT_FALSE(kernels::same_bits_without_bf16("AVX-512", "AMX"));
  EXPECT_FALSE(kernels::same_bits_without_bf16("AVX2", "AVX-512"));
  EXPECT_FALSE(kernels::same_bits_without_bf16("AVX2", "one of the future"));
}

}  // namespace
}  // namespace lamina
