#include "lamina/data/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "lamina/check.h"
#include "lamina/random.h"

namespace lamina {
namespace {

constexpr int kSide = 32, kClasses = 10;
constexpr double kPi = std::numbers::pi;

// pixel = 128 + brightness + 14 lean_c + contrast (1 + lean_c / 2) sin(2 pi (x cos a + y sin a) / width + phase) +
// noise, lean_c = cos(hue - 2 pi c / 3)
void draw_image(RandomState& rng, Label label, std::uint8_t* image) {
  const double angle = kPi * label / kClasses + rng.uniform(-0.12, 0.12);
  const double frequency = 2 * kPi / rng.uniform(4, 10), phase = rng.uniform(0, 2 * kPi);
  const double contrast = rng.uniform(15, 60), brightness = rng.uniform(-40, 40);
  // Hues stand at steps of three tenths of the circle, so that classes alike in direction differ in colour.
  const double hue = 2 * kPi * (3 * label % kClasses) / kClasses + rng.uniform(-1.5, 1.5);

  std::array<double, kSide> sin_x, cos_x, sin_y, cos_y;
  for (std::size_t i = 0; i < kSide; ++i) {
    const double along = static_cast<double>(i) * frequency;
    sin_x[i] = std::sin(along * std::cos(angle) + phase);
    cos_x[i] = std::cos(along * std::cos(angle) + phase);
    sin_y[i] = std::sin(along * std::sin(angle));
    cos_y[i] = std::cos(along * std::sin(angle));
  }
  for (int c = 0; c < 3; ++c) {
    const double lean = std::cos(hue - 2 * kPi * c / 3);
    const double base = 128 + brightness + 14 * lean, swing = contrast * (1 + 0.5 * lean);
    for (std::size_t y = 0; y < kSide; ++y)
      for (std::size_t x = 0; x < kSide; ++x) {
        const std::uint32_t bits = rng.next_uint32();
        const double noise = static_cast<double>(bits >> 24) + (bits >> 16 & 255) - (bits >> 8 & 255) - (bits & 255);
        const double value = base + swing * (sin_x[x] * cos_y[y] + cos_x[x] * sin_y[y]) + 0.3 * noise;
        *image++ = static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
      }
  }
}

LabelledImages make_images(RandomState& rng, Index count) {
  LabelledImages made;
  made.images.resize(Shape{count, 3, kSide, kSide});
  for (Index i = 0; i < count; ++i) {
    made.labels.push_back(static_cast<Label>(rng.randint(kClasses)));
    draw_image(rng, made.labels.back(), made.images.data() + i * 3 * kSide * kSide);
  }
  return made;
}

}  // namespace

Dataset synthetic_dataset(std::uint32_t seed, Index num_train, Index num_test) {
  if (num_train < 1000) fail("synthetic_dataset", "expected 1000 or more training images, got ", num_train);
  if (num_test < 1) fail("synthetic_dataset", "expected 1 or more test images, got ", num_test);
  RandomState rng(seed);
  LabelledImages train = make_images(rng, num_train + 1000);
  LabelledImages test = make_images(rng, num_test);
  std::vector<std::string> names;
  for (int i = 0; i < kClasses; ++i) names.push_back(std::to_string(18 * i) + " degrees");
  return split_dataset("synthetic", std::move(names), std::move(train), std::move(test));
}

}  // namespace lamina
