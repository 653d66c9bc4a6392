// RandomState: NumPy's legacy random streams, bit for bit.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// The stream that NumPy's `np.random.seed(seed)` starts and `np.random.rand`, `randn`, ... continue: Mersenne
/// Twister MT19937 (Matsumoto and Nishimura, 1998) with NumPy's legacy distributions. A run has one stream; nets
/// and Solver draw from it in the order of the notebooks' code. Not safe for use by two threads at once.
class RandomState {
 public:
  /// Everything that decides the draws to come (NumPy's `get_state()`).
  struct State {
    std::array<std::uint32_t, 624> key{};
    int position = 624;      ///< of the next word in key; at 624, new words are made first
    bool has_gauss = false;  ///< whether the second normal of a pair is still to be returned
    double gauss = 0;        ///< that normal
    bool operator==(const State&) const = default;
  };

  explicit RandomState(std::uint32_t seed = 0) { this->seed(seed); }
  /// Goes on from a state. Throws as set_state() does.
  explicit RandomState(const State& state) { set_state(state); }

  /// Restarts the stream, as `np.random.seed(seed)` does; a second normal that is still to be returned is dropped.
  void seed(std::uint32_t seed);
  const State& state() const { return state_; }
  /// Throws std::invalid_argument unless 0 <= position <= 624.
  void set_state(const State& state);

  /// The next 32 random bits.
  std::uint32_t next_uint32() {
    if (state_.position == 624) refill();
    return temper(state_.key[static_cast<std::size_t>(state_.position++)]);
  }

  /// Uniform in [0, 1) with 53 bits (`random_sample()`, `rand()`).
  double rand() {
    const std::uint32_t a = next_uint32() >> 5, b = next_uint32() >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
  }
  /// Standard normal by Marsaglia's polar method, which makes two at a time: every second call returns the other one.
  double randn();
  /// loc + scale randn(). Throws std::invalid_argument for a negative scale, as NumPy does.
  double normal(double loc, double scale);
  /// Uniform in [low, high). Throws std::invalid_argument if high - low is not finite.
  double uniform(double low, double high);
  /// Integer in [low, high) by masked rejection; for a range of one value nothing is drawn. Throws
  /// std::invalid_argument if low >= high.
  std::int64_t randint(std::int64_t low, std::int64_t high);
  std::int64_t randint(std::int64_t high) { return randint(0, high); }

  /// The same for all elements of `out` or of a tensor, in row-major order (`rand(*shape)`, `randn(*shape)`,
  /// `randint(low, high, size)`).
  void rand(std::span<double> out);
  /// Goes on as if rand() had been called n times.
  void skip(Index n);
  void randn(std::span<double> out);
  void randint(std::int64_t low, std::int64_t high, std::span<std::int64_t> out);
  Tensor<double> rand(const Shape& shape);
  Tensor<double> randn(const Shape& shape);

  /// `out.size()` numbers of 0 .. population - 1 with replacement (`choice(population, size)`). Throws
  /// std::invalid_argument for a population below 1 or a negative size.
  void choice(std::int64_t population, std::span<std::int64_t> out);
  std::vector<std::int64_t> choice(std::int64_t population, std::int64_t size);
  /// 0 .. n - 1 in random order (`permutation(n)`). Throws std::invalid_argument for a negative n.
  std::vector<std::int64_t> permutation(std::int64_t n);
  /// Shuffles x by the method of Fisher and Yates from the end, as NumPy's `shuffle(x)` does.
  template <class T>
  void shuffle(std::span<T> x) {
    for (std::size_t i = x.size(); i-- > 1;) std::swap(x[i], x[static_cast<std::size_t>(interval(i))]);
  }

 private:
  static std::uint32_t temper(std::uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }
  void refill();
  std::uint64_t next_uint64() {
    const std::uint64_t high = next_uint32();
    return high << 32 | next_uint32();
  }
  std::uint64_t interval(std::uint64_t max);  // uniform in 0 .. max

  State state_;
};

}  // namespace lamina
