#include "lamina/kernels/target.h"

#include <cstdlib>

#include "lamina/check.h"
#include "lamina/kernels/simd.h"

namespace lamina::kernels {
namespace {

struct Target {
  std::int64_t bit;
  const char* name;
};
constexpr Target kTargets[] = {{HWY_AVX3, "AVX-512"}, {HWY_AVX2, "AVX2"},       {HWY_SSE4, "SSE4"},
                               {HWY_NEON, "NEON"},    {HWY_EMU128, "portable"}, {HWY_SCALAR, "portable"}};

// What this processor has, before any of it is forced.
std::int64_t supported() {
  static const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return targets | HWY_STATIC_TARGET;
}

void use(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(target);
}

}  // namespace

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets)
    if ((supported() & target.bit) && (names.empty() || names.back() != target.name)) names.emplace_back(target.name);
  return names;
}

void set_target(const std::string& name) {
  std::string list;
  for (const Target& target : kTargets)
    if (supported() & target.bit) {
      if (name == target.name) return use(target.bit);
      list += (list.empty() ? "" : ", ") + std::string(target.name);
    }
  fail("LAMINA_TARGET", "expected an instruction set of this processor, one of ", list, ", got '", name, "'");
}

std::string target_name() {
  detail::target_ready();
  const std::int64_t chosen = hwy::SupportedTargets() & HWY_TARGETS;
  for (const Target& target : kTargets)
    if (chosen & target.bit) return target.name;
  return "portable";
}

bool detail::target_ready() {
  static const bool ready = [] {
    supported();
    if (const char* name = std::getenv("LAMINA_TARGET"); name && *name) set_target(name);
    return true;
  }();
  return ready;
}

}  // namespace lamina::kernels
