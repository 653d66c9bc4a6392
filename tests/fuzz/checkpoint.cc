// Checkpoints: the state that is read, saved and read again is the same, and a Solver that takes it has it. The bytes
// get the checksums that they should have, so that changes reach what is behind them.
#include "lamina/solver/checkpoint.h"

#include <cstring>

#include "lamina/io/crc32.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/solver/solver.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

void with_right_checksums(std::string& bytes) {
  constexpr std::size_t kPreamble = 24;
  if (bytes.size() < kPreamble + 8) return;
  std::uint32_t header = 0;
  std::memcpy(&header, bytes.data() + 12, 4);
  if (header > bytes.size() - kPreamble - 8) return;
  const std::size_t body = kPreamble + header + 4, end = bytes.size() - 4;
  const std::uint64_t length = end - body;
  std::memcpy(bytes.data() + 16, &length, 8);
  for (const auto& [from, to] : {std::pair(std::size_t{0}, body - 4), std::pair(body, end)}) {
    const std::uint32_t sum = crc32(std::string_view(bytes).substr(from, to - from));
    std::memcpy(bytes.data() + to, &sum, 4);
  }
}

template <class T>
struct Run {
  RandomState random{1};
  FullyConnectedNet<T> net;
  Solver<FullyConnectedNet<T>> solver;

  Run()
      : net({.hidden_dims = {2}, .input_dim = 3, .num_classes = 2, .normalization = Normalization::batchnorm}, random),
        solver(net, data(), options(), random) {}
  static SolverData data() {
    const Split split{Examples(Tensor<double>(Shape{4, 3}, 0.5)), {0, 1, 0, 1}};
    return {split, split};
  }
  static SolverOptions options() {
    SolverOptions options;
    options.update_rule = UpdateRule::adam;
    options.batch_size = 2;
    options.num_epochs = 1;
    options.shuffle = true;
    options.average_weights = 0.9;
    options.verbose = false;
    return options;
  }
};

template <class T>
void check(const std::filesystem::path& path) {
  const Checkpoint<T> read = load_checkpoint<T>(path);
  const std::filesystem::path first = directory() / "first", second = directory() / "second";
  save_checkpoint(first, read.state, read.info.config);
  const Checkpoint<T> again = load_checkpoint<T>(first);
  save_checkpoint(second, again.state, again.info.config);
  require(bytes_of(first) == bytes_of(second), "another state after saving it");

  Run<T> run;
  run.solver.set_state(read.state);
  save_checkpoint(second, run.solver.state(), read.info.config);
  require(bytes_of(first) == bytes_of(second), "a Solver has another state than it was given");
}

template <class T>
std::string seed() {
  Run<T> run;
  run.solver.train();
  const std::filesystem::path path = directory() / "seed";
  save_checkpoint(path, run.solver.state(), "{\"seed\": 1}");
  return bytes_of(path);
}

}  // namespace

void read_input(std::string_view input) {
  std::string bytes(input);
  with_right_checksums(bytes);
  const std::filesystem::path path = file("input", bytes);
  read_checkpoint_info(path).dtype == "float64" ? check<double>(path) : check<float>(path);
}

std::vector<std::string> seeds() { return {seed<float>(), seed<double>()}; }

}  // namespace lamina::fuzz
