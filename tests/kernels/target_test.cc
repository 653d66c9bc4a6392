// The instruction set in use, which lamina chooses among those that it builds.
#include "lamina/kernels/machine/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "lamina/kernels/machine/simd.h"

namespace lamina::kernels {
namespace {

// Whatever Highway adds to its targets, no others are built.
static_assert((HWY_TARGETS & ~(HWY_SCALAR | HWY_EMU128 | LAMINA_SSE2 | HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | HWY_NEON |
                               LAMINA_NEON_WITHOUT_AES)) == 0);

TEST(Target, EachNameIsUsed) {
  const std::string before = target_name();
  const std::vector<std::string> names = available_targets();
  EXPECT_THAT(names, ::testing::Contains(before));
  for (const std::string& name : names) {
    set_target(name);
    EXPECT_EQ(target_name(), name);
    for (const std::string& other : names) {
      const std::size_t index = detail::target_index();
      set_target(other);
      EXPECT_EQ(detail::target_index() == index, same_bits_without_bf16(name, other, true)) << name << ", " << other;
      set_target(name);
    }
  }
  EXPECT_THROW(set_target("AVX3_ZEN4"), std::invalid_argument);
  EXPECT_EQ(target_name(), names.back()) << "an unknown name changes nothing";
  set_target(before);
}

// Others in the process may use Highway too, and tell it what to choose.
TEST(Target, DoesNotFollowHighwaysChoice) {
  const std::string name = target_name();
  const std::size_t index = detail::target_index();
  hwy::SetSupportedTargetsForTest(HWY_STATIC_TARGET);
  hwy::GetChosenTarget().Update(HWY_STATIC_TARGET);
  EXPECT_EQ(target_name(), name);
  EXPECT_EQ(detail::target_index(), index);
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace
}  // namespace lamina::kernels
