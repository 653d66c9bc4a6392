// A mini-batch of CIFAR-10: bytes to floats less the mean.
#include "lamina/kernels/gather.h"

#include <vector>

#include "bench/bench.h"

namespace {

using lamina::Index;
using lamina::Shape;
using lamina::Tensor;

void gather(benchmark::State& state) {
  const Index count = state.range(0), example = 3072, images = 10000;
  const Tensor<std::uint8_t> bytes(Shape{images, example}, std::uint8_t{7});
  const Tensor<double> mean(Shape{example}, 120.5);
  std::vector<Index> rows;
  lamina::RandomState random(1);
  for (Index i = 0; i < count; ++i) rows.push_back(random.randint(images));
  Tensor<float> out(Shape{count, example});
  for (auto _ : state)
    lamina::kernels::gather_bytes(count, example, bytes.data(), rows.data(), mean.data(), out.data());
  bench::report_bytes(state, 5.0 * static_cast<double>(out.size()));
}
BENCHMARK(gather)->Arg(32)->Arg(100)->Arg(128)->UseRealTime();

}  // namespace
