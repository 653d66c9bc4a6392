#include "lamina/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "lamina/check.h"

namespace lamina {

void RandomState::seed(std::uint32_t seed) {
  state_ = State{};
  for (std::uint32_t i = 0; i < 624; ++i) {
    state_.key[i] = seed;
    seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
  }
}

void RandomState::set_state(const State& state) {
  if (state.position < 0 || state.position > 624)
    fail("RandomState::set_state", "expected a position of 0 to 624, got ", state.position);
  state_ = state;
}

void RandomState::refill() {
  auto& key = state_.key;
  const auto twist = [](std::uint32_t u, std::uint32_t v) {
    return (((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1) ^ ((v & 1u) * 0x9908b0dfu);
  };
  std::size_t i = 0;
  for (; i < 624 - 397; ++i) key[i] = key[i + 397] ^ twist(key[i], key[i + 1]);
  for (; i < 623; ++i) key[i] = key[i + 397 - 624] ^ twist(key[i], key[i + 1]);
  key[623] = key[396] ^ twist(key[623], key[0]);
  state_.position = 0;
}

double RandomState::randn() {
  if (state_.has_gauss) {
    const double kept = state_.gauss;
    state_.has_gauss = false;
    state_.gauss = 0;
    return kept;
  }
  double x1, x2, r2;
  do {
    x1 = 2.0 * rand() - 1.0;
    x2 = 2.0 * rand() - 1.0;
    r2 = x1 * x1 + x2 * x2;
  } while (r2 >= 1.0 || r2 == 0.0);
  const double f = std::sqrt(-2.0 * std::log(r2) / r2);
  state_.gauss = f * x1;
  state_.has_gauss = true;
  return f * x2;
}

double RandomState::normal(double loc, double scale) {
  if (std::signbit(scale)) fail("RandomState::normal", "expected a scale of 0 or more, got ", scale);
  return loc + scale * randn();
}

double RandomState::uniform(double low, double high) {
  const double range = high - low;
  if (!std::isfinite(range)) fail("RandomState::uniform", "expected a finite range, got ", low, " to ", high);
  return low + range * rand();
}

std::int64_t RandomState::randint(std::int64_t low, std::int64_t high) {
  std::int64_t value;
  randint(low, high, {&value, 1});
  return value;
}

void RandomState::randint(std::int64_t low, std::int64_t high, std::span<std::int64_t> out) {
  if (low >= high) fail("RandomState::randint", "expected low < high, got ", low, " and ", high);
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) - 1;
  for (std::int64_t& value : out)
    value = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + (range == 0 ? 0 : interval(range)));
}

std::uint64_t RandomState::interval(std::uint64_t max) {
  if (max == 0) return 0;
  const std::uint64_t mask = std::numeric_limits<std::uint64_t>::max() >> std::countl_zero(max);
  std::uint64_t value;
  if (max <= 0xffffffffu) {
    do value = next_uint32() & mask;
    while (value > max);
  } else {
    do value = next_uint64() & mask;
    while (value > max);
  }
  return value;
}

void RandomState::rand(std::span<double> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (state_.position == 624) refill();
    const std::size_t pairs = std::min(static_cast<std::size_t>(624 - state_.position) / 2, out.size() - done);
    if (pairs == 0) {  // one word is left, so the next pair needs a refill
      out[done++] = rand();
      continue;
    }
    const std::uint32_t* key = state_.key.data() + state_.position;
    double* to = out.data() + done;
    for (std::size_t i = 0; i < pairs; ++i) {  // without calls and branches, so that the compiler vectorizes it
      const auto a = static_cast<std::int32_t>(temper(key[2 * i]) >> 5);
      const auto b = static_cast<std::int32_t>(temper(key[2 * i + 1]) >> 6);
      to[i] = (a * 67108864.0 + b) * (1.0 / 9007199254740992.0);
    }
    state_.position += static_cast<int>(2 * pairs);
    done += pairs;
  }
}

void RandomState::skip(Index n) {
  Index words = 2 * n;
  while (words > 624 - state_.position) {
    words -= 624 - state_.position;
    refill();
  }
  state_.position += static_cast<int>(words);
}

void RandomState::randn(std::span<double> out) {
  for (double& value : out) value = randn();
}

Tensor<double> RandomState::rand(const Shape& shape) {
  Tensor<double> out(shape);
  rand(out.flat());
  return out;
}

Tensor<double> RandomState::randn(const Shape& shape) {
  Tensor<double> out(shape);
  randn(out.flat());
  return out;
}

void RandomState::choice(std::int64_t population, std::span<std::int64_t> out) {
  if (population <= 0) fail("RandomState::choice", "expected a population of 1 or more, got ", population);
  randint(0, population, out);
}

std::vector<std::int64_t> RandomState::choice(std::int64_t population, std::int64_t size) {
  if (size < 0) fail("RandomState::choice", "expected a size of 0 or more, got ", size);
  std::vector<std::int64_t> out(static_cast<std::size_t>(size));
  choice(population, out);
  return out;
}

std::vector<std::int64_t> RandomState::permutation(std::int64_t n) {
  if (n < 0) fail("RandomState::permutation", "expected 0 or more, got ", n);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  shuffle(std::span<std::int64_t>(order));
  return order;
}

}  // namespace lamina
