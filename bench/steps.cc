// Training steps and predictions of lamina, for bench/bench.py: reads requests, one JSON object a line, from standard
// input, and answers each with one line: {"seconds": [...]}, or {"error": ...} where it cannot do what is asked.
//
//   {"case": "n32", "kind": "train", "threads": 2, "steps": 10, "precision": "float32"}
// Instead of one of the named cases, a request may have a net as text, with the batch size and an example's shape:
//   {"case": "r128", "net": "conv 16 3x3 | ...", "batch": 128, "input": [3, 32, 32], "kind": "train", ...}
// Other kinds of requests:
//   {"kind": "peak", "threads": 2, "precision": "float32"}   {"gflops", "precision", "target"}: an FMA loop in
//   registers: the processor's measured limit
//   {"kind": "sweep", "threads": 2, "together": true}        {"total": seconds} of 40 small trainings
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "bench/peak.h"
#include "bench/sweep.h"
#include "lamina/data/dataset.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"

namespace {

using namespace lamina;

struct Case {
  NetConfig net;
  UpdateRule rule = UpdateRule::sgd_momentum;
  Index batch = 32;
};

Case convnet(std::vector<Index> filters, Index stride, Index batch) {
  Case c;
  c.net.model = "convnet";
  c.net.convnet.num_filters = std::move(filters);
  c.net.convnet.filter_sizes = {7, 7, 3};
  c.net.convnet.conv_strides = {stride};
  c.net.weight_scale = 0.01;
  c.batch = batch;
  return c;
}

Case fully_connected(std::vector<Index> hidden, Index batch) {
  Case c;
  c.net.model = "fc";
  c.net.fc.hidden_dims = std::move(hidden);
  c.net.weight_scale = 0.02;
  c.batch = batch;
  return c;
}

Case find_case(const std::string& name) {
  if (name == "n1") return convnet({16, 32, 64}, 1, 1);
  if (name == "n32") return convnet({16, 32, 64}, 1, 32);
  if (name == "n128") return convnet({16, 32, 64}, 1, 128);
  if (name == "a1") return convnet({16, 32, 64}, 2, 1);
  if (name == "a32") return convnet({16, 32, 64}, 2, 32);
  if (name == "a128") return convnet({16, 32, 64}, 2, 128);
  if (name == "b128") return convnet({64, 128, 256}, 2, 128);
  if (name == "c1") return fully_connected({100, 100, 100, 100, 100}, 1);
  if (name == "c100") return fully_connected({100, 100, 100, 100, 100}, 100);
  if (name == "c128") return fully_connected({100, 100, 100, 100, 100}, 128);
  if (name == "d50") {
    Case c = fully_connected({50, 50, 50, 50, 50, 50, 50}, 50);
    c.net.fc.normalization = Normalization::batchnorm;
    c.rule = UpdateRule::adam;
    return c;
  }
  if (name == "e100") {
    Case c = fully_connected({500}, 100);
    c.net.fc.dropout = 0.75;
    c.rule = UpdateRule::adam;
    return c;
  }
  throw std::invalid_argument("[steps] expected the name of a case, got '" + name + "'");
}

Case text_case(const nlohmann::json& request) {
  Case c;
  c.net.model = kNetOfBlocks;
  c.net.net = request.at("net");
  const auto input = request.at("input").get<std::vector<Index>>();
  c.net.input_dim = Shape(std::span<const Index>(input));
  c.batch = request.at("batch");
  return c;
}

// Bytes as CIFAR-10 has them; what they show does not matter for time.
Split random_split(Index n) {
  auto bytes = std::make_shared<Tensor<std::uint8_t>>(Shape{n, 3, 32, 32});
  RandomState random(1);
  for (std::uint8_t& byte : *bytes) byte = static_cast<std::uint8_t>(random.next_uint32());
  Split split;
  split.X = Examples(bytes, std::make_shared<Tensor<double>>(Shape{3, 32, 32}, 127.5));
  for (Index i = 0; i < n; ++i) split.y.push_back(static_cast<Label>(random.randint(10)));
  return split;
}

// The same number of examples of another shape, as floats.
Split random_table(const Split& images, const Shape& example) {
  RandomState random(1);
  Split split{Examples(random.randn({images.size(), example[0], example[1], example[2]})).keeping_floats(1e6)};
  split.y = images.y;
  return split;
}

// A net in training, kept from request to request.
struct Training {
  Training(const Case& c, const Split& images) : net(make_net<float>(c.net, random)) {
    const bool of_images = c.net.input_dim == images.X.example_shape();
    const Split data = of_images ? images : random_table(images, c.net.input_dim);
    SolverOptions options;
    options.update_rule = c.rule;
    options.optim_config.learning_rate = 1e-4;
    options.batch_size = c.batch;
    options.num_epochs = 1000000;
    options.num_train_samples = 1;
    options.verbose = false;
    solver = std::make_unique<Solver<Net<float>>>(*net, SolverData{data, data.first(1)}, options, random);
    solver->on_iteration = [this](const IterationEvent& event) { seconds.push_back(event.seconds); };
    solver->should_stop = [this] { return seconds.size() >= wanted; };
  }
  RandomState random{1};
  std::unique_ptr<Net<float>> net;
  std::unique_ptr<Solver<Net<float>>> solver;
  std::vector<double> seconds;
  std::size_t wanted = 0;
};

std::vector<double> predict_times(Net<float>& net, const Split& data, Index batch, std::size_t steps) {
  std::vector<double> seconds;
  std::vector<Index> rows(static_cast<std::size_t>(batch));
  std::iota(rows.begin(), rows.end(), Index{0});
  Tensor<float> X;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    data.X.gather(std::span<const Index>(rows), X);
    net.loss(X);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return seconds;
}

nlohmann::json answer_to(const nlohmann::json& request, const Split& data,
                         std::map<std::string, std::unique_ptr<Training>>& trainings) {
  const auto kind = request.at("kind").get<std::string>();
  const std::string precision = request.value("precision", "float32");
  const int threads = request.at("threads").get<int>();
  set_num_threads(threads);
  if (kind == "peak") {
    const double gflops = precision == "bfloat16" ? bench::bf16_peak_gflops(threads) : bench::peak_gflops(threads);
    return {{"gflops", gflops}, {"precision", precision}, {"target", kernels::target_name()}};
  }
  if (precision != "float32" && precision != "bfloat16")
    return {{"error", "expected a precision of float32 or bfloat16, got " + precision}};
  if (kind == "sweep") return {{"total", bench::sweep_seconds(data, request.at("together").get<bool>())}};
  const auto name = request.at("case").get<std::string>();
  Case c = request.contains("net") ? text_case(request) : find_case(name);
  c.net.precision = precision == "bfloat16" ? Precision::bf16 : Precision::full;
  auto& training = trainings[name + " " + precision];
  if (!training) training = std::make_unique<Training>(c, data);
  const auto steps = request.at("steps").get<std::size_t>();
  if (kind != "train") return {{"seconds", predict_times(*training->net, data, c.batch, steps)}};
  training->seconds.clear();
  training->wanted = steps;
  training->solver->train();
  return {{"seconds", training->seconds}};
}

}  // namespace

int main() try {
  const Split data = random_split(10000);
  std::map<std::string, std::unique_ptr<Training>> trainings;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer_to(nlohmann::json::parse(line), data, trainings).dump() << std::endl;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
