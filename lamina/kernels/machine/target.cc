#include "lamina/kernels/machine/target.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#endif
#if defined(__unix__)
#include <unistd.h>
#endif

#include <cstdlib>

#include "lamina/check.h"
#include "lamina/kernels/machine/simd.h"

namespace lamina::kernels {
namespace {

struct Target {
  std::int64_t bit;
  const char* name;
  bool bf16 = false, amx = false;
};
// Best first.
constexpr Target kTargets[] = {{HWY_AVX3, "AMX", true, true},
                               {HWY_AVX3, "AVX-512-BF16", true},
                               {HWY_AVX3, "AVX-512"},
                               {HWY_AVX2, "AVX2"},
                               {HWY_SSE4, "SSE4"},
                               {HWY_NEON, "NEON"},
                               {HWY_EMU128, "portable"},
                               {HWY_SCALAR, "portable"}};

// Whether the processor multiplies pairs of bfloat16: CPUID leaf 7, subleaf 1, EAX bit 5.
bool bf16_supported() {
#if defined(__x86_64__)
  static const bool result = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
  }();
  return result;
#else
  return false;
#endif
}

// Whether the processor has a matrix unit for bfloat16 (CPUID leaf 7, EDX bits 22 and 24), and the system lets this
// process use it: on Linux a process must first request the unit's registers (arch_prctl's ARCH_REQ_XCOMP_PERM for
// feature 18).
bool amx_supported() {
#if defined(__x86_64__) && defined(__linux__)
  static const bool result = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1) &&
           syscall(SYS_arch_prctl, 0x1023, 18) == 0;
  }();
  return result;
#else
  return false;
#endif
}

bool bf16_chosen = false, amx_chosen = false;

// What this processor has, asked before set_target() makes Highway forget it.
std::int64_t supported() {
  static const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return targets | HWY_STATIC_TARGET;
}

bool available(const Target& target) {
  return (supported() & target.bit) && (!target.bf16 || bf16_supported()) && (!target.amx || amx_supported());
}

void use(const Target& target) {
  hwy::SetSupportedTargetsForTest(target.bit);
  hwy::GetChosenTarget().Update(target.bit);
  bf16_chosen = target.bf16;
  amx_chosen = target.amx;
}

void force(const std::string& name) {
  std::string list;
  for (const Target& target : kTargets)
    if (available(target)) {
      if (name == target.name) return use(target);
      list += (list.empty() ? "" : ", ") + std::string(target.name);
    }
  fail("LAMINA_TARGET", "expected an instruction set of this processor, one of ", list, ", got '", name, "'");
}

// Chooses the instruction set at the first call.
void make_ready() {
  static const bool ready = [] {
    amx_chosen = available(kTargets[0]);
    bf16_chosen = available(kTargets[1]);
    hwy::GetChosenTarget().Update(supported());
    if (const char* name = std::getenv("LAMINA_TARGET"); name && *name) force(name);
    return true;
  }();
  static_cast<void>(ready);
}

}  // namespace

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets)
    if (available(target) && (names.empty() || names.back() != target.name)) names.emplace_back(target.name);
  return names;
}

void set_target(const std::string& name) {
  make_ready();
  force(name);
}

std::string target_name() {
  make_ready();
  const std::int64_t chosen = hwy::SupportedTargets() & HWY_TARGETS;
  for (const Target& target : kTargets)
    if ((chosen & target.bit) && (!target.bf16 || bf16_chosen) && (!target.amx || amx_chosen)) return target.name;
  return "portable";
}

bool has_bf16_products() {
  make_ready();
  return bf16_chosen;
}

bool has_amx() {
  make_ready();
  return amx_chosen;
}

int cache_ways() {
#if defined(_SC_LEVEL1_DCACHE_ASSOC)
  static const int ways = static_cast<int>(sysconf(_SC_LEVEL1_DCACHE_ASSOC));
  return ways;
#else
  return 0;
#endif
}

bool same_bits_without_bf16(const std::string& a, const std::string& b, bool float64) {
  const auto bit = [float64](const std::string& name) {
    for (const Target& target : kTargets)
      if (name == target.name && (float64 || !target.amx)) return target.bit;
    return std::int64_t{0};
  };
  return a == b || (bit(a) != 0 && bit(a) == bit(b));
}

std::size_t detail::target_index() {
  make_ready();
  return hwy::GetChosenTarget().GetIndex();
}

}  // namespace lamina::kernels
