// Dropout with a vectorized MT19937 (Matsumoto and Nishimura, 1998): recurrence and tempering work on whole vectors.
#include "lamina/kernels/dropout.h"

#include <algorithm>
#include <bit>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/dropout.cc"
#include "lamina/kernels/machine/simd.h"

#ifndef LAMINA_KERNELS_DROPOUT_ARGS
#define LAMINA_KERNELS_DROPOUT_ARGS
namespace lamina::kernels {
namespace {

template <class T>
struct DropoutArgs {
  Index n;
  std::uint64_t last;  // an element is kept where rand() 2^53 <= last
  T kept;
  const T* x;
  T *mask, *out;
};

constexpr Index kWords = 624, kMiddle = 397;

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// key[i] = key[i + ahead] ^ twist(key[i], key[i + 1]) for i < count. |ahead| must exceed the length of a vector.
HWY_NOINLINE void twist_words(std::uint32_t* key, Index count, Index ahead) {
  const auto twist = [=](auto d, std::uint32_t* at) HWY_ATTR {
    const auto u = hn::LoadU(d, at), v = hn::LoadU(d, at + 1);
    const auto joined = hn::Or(hn::And(u, hn::Set(d, 0x80000000u)), hn::And(v, hn::Set(d, 0x7fffffffu)));
    const auto odd = hn::Sub(hn::Zero(d), hn::And(v, hn::Set(d, 1u)));
    const auto twisted = hn::Xor(hn::ShiftRight<1>(joined), hn::And(odd, hn::Set(d, 0x9908b0dfu)));
    hn::StoreU(hn::Xor(hn::LoadU(d, at + ahead), twisted), d, at);
  };
  const hn::ScalableTag<std::uint32_t> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  std::uint32_t* const end = key + count;
  for (; key + lanes <= end; key += lanes) twist(d, key);
  for (; key < end; ++key) twist(hn::CappedTag<std::uint32_t, 1>(), key);
}

// Computes the next 624 words of the state. Indices of the recurrence are modulo 624.
HWY_INLINE void refill(std::uint32_t* key) {
  twist_words(key, kWords - kMiddle, kMiddle);
  twist_words(key + kWords - kMiddle, kMiddle - 1, kMiddle - kWords);
  const std::uint32_t joined = (key[kWords - 1] & 0x80000000u) | (key[0] & 0x7fffffffu);
  key[kWords - 1] = key[kMiddle - 1] ^ (joined >> 1) ^ ((key[0] & 1u) * 0x9908b0dfu);
}

template <class D>
HWY_INLINE hn::Vec<D> temper(D d, hn::Vec<D> y) {
  y = hn::Xor(y, hn::ShiftRight<11>(y));
  y = hn::Xor(y, hn::And(hn::ShiftLeft<7>(y), hn::Set(d, 0x9d2c5680u)));
  y = hn::Xor(y, hn::And(hn::ShiftLeft<15>(y), hn::Set(d, 0xefc60000u)));
  return hn::Xor(y, hn::ShiftRight<18>(y));
}

// One element. Its draw takes two words: rand() = (2^26 a + b) / 2^53, where a is the upper 27 bits of the first word
// and b the upper 26 bits of the second.
template <class T>
HWY_INLINE void draw(const DropoutArgs<T>& s, Index i, std::uint32_t first, std::uint32_t second) {
  const hn::CappedTag<std::uint32_t, 1> d;
  const std::uint64_t a = hn::GetLane(temper(d, hn::Set(d, first))) >> 5;
  const std::uint64_t b = hn::GetLane(temper(d, hn::Set(d, second))) >> 6;
  const T scale = (a << 26 | b) <= s.last ? s.kept : T{0};
  if (s.mask) s.mask[i] = scale;
  s.out[i] = s.x[i] * scale;
}

#if HWY_TARGET != HWY_SCALAR
// For each pair of words, the bits of `kept` if its draw is at most `last`, else 0. Draws are compared in the form
// 2^37 a + 2^6 b, which has the same order as 2^26 a + b and needs no shifts.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V scales(D d, const std::uint32_t* words, V last, V kept) {
  const hn::Repartition<std::uint32_t, D> halves;
  const auto pair = hn::BitCast(d, hn::Shuffle2301(temper(halves, hn::LoadU(halves, words))));
  const auto draw = hn::And(pair, hn::Set(d, 0xffffffe0ffffffc0u));
  return hn::IfThenZeroElse(hn::Gt(draw, last), kept);
}
#endif

// Elements i .. i + pairs - 1, from as many pairs of words.
template <class T>
HWY_INLINE void draws(const DropoutArgs<T>& s, Index i, Index pairs, const std::uint32_t* words) {
  Index done = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<std::uint64_t> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto last = hn::Set(d, s.last >> 26 << 37 | (s.last & ((1u << 26) - 1)) << 6);
  const auto apply = [&](auto to, auto mask) HWY_ATTR {
    const auto scale = hn::BitCast(to, mask);
    if (s.mask) hn::StoreU(scale, to, s.mask + i + done);
    hn::StoreU(hn::Mul(hn::LoadU(to, s.x + i + done), scale), to, s.out + i + done);
    done += static_cast<Index>(hn::Lanes(to));
  };
  if constexpr (sizeof(T) == sizeof(double)) {
    const auto kept = hn::Set(d, std::bit_cast<std::uint64_t>(s.kept));
    while (done + lanes <= pairs) apply(hn::ScalableTag<T>(), scales(d, words + 2 * done, last, kept));
  } else {
    const hn::Repartition<std::uint32_t, decltype(d)> narrow;
    const hn::Half<decltype(narrow)> half;
    const auto kept = hn::Set(d, std::uint64_t{std::bit_cast<std::uint32_t>(s.kept)});
    while (done + 2 * lanes <= pairs) {
      const auto lower = hn::BitCast(narrow, scales(d, words + 2 * done, last, kept));
      const auto upper = hn::BitCast(narrow, scales(d, words + 2 * (done + lanes), last, kept));
      apply(hn::ScalableTag<T>(), hn::ConcatEven(narrow, upper, lower));
    }
    if (done + lanes <= pairs) {
      const auto few = hn::BitCast(narrow, scales(d, words + 2 * done, last, kept));
      apply(hn::Half<hn::ScalableTag<T>>(), hn::LowerHalf(half, hn::ConcatEven(narrow, few, few)));
    }
  }
#endif
  for (; done < pairs; ++done) draw(s, i + done, words[2 * done], words[2 * done + 1]);
}

template <class T>
void dropout(const DropoutArgs<T>& s, RandomState::State& state) {
  std::uint32_t* key = state.key.data();
  Index position = state.position;
  for (Index i = 0; i < s.n;) {
    if (position == kWords) refill(key), position = 0;
    if (position == kWords - 1) {  // the pair straddles a refill
      const std::uint32_t first = key[position];
      refill(key);
      draw(s, i++, first, key[0]);
      position = 1;
      continue;
    }
    const Index pairs = std::min((kWords - position) / 2, s.n - i);
    draws(s, i, pairs, key + position);
    i += pairs;
    position += 2 * pairs;
  }
  state.position = static_cast<int>(position);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

template <class T>
void dropout(Index n, RandomState& random, double p, T kept, const T* x, T* mask, T* out) {
  // rand() < p holds for the integers rand() 2^53 below p 2^53, a product that is exact; `last` is the largest of them.
  const auto last = static_cast<std::uint64_t>(std::ceil(p * 9007199254740992.0)) - 1;
  const DropoutArgs<T> args{n, last, kept, x, mask, out};
  RandomState::State state = random.state();
  LAMINA_DISPATCH(dropout<T>)(args, state);
  random.set_state(state);
}

LAMINA_FLOAT_AND_DOUBLE(dropout);

}  // namespace lamina::kernels
#endif
