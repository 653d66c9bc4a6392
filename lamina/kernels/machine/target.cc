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

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "lamina/check.h"
#include "lamina/kernels/machine/simd.h"

namespace lamina::kernels {
namespace {

struct Target {
  std::int64_t bit;
  const char* name;
  bool bf16 = false, amx = false;
};
// All that simd.h builds, best first.
constexpr Target kTargets[] = {{HWY_AVX3, "AMX", true, true},
                               {HWY_AVX3, "AVX-512-BF16", true},
                               {HWY_AVX3, "AVX-512"},
                               {HWY_AVX2, "AVX2"},
                               {HWY_SSE4, "SSE4"},
                               {LAMINA_SSE2, "SSE2"},
                               {HWY_NEON, "NEON"},
                               {LAMINA_NEON_WITHOUT_AES, "NEON"},
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

// The instruction set in use, and its index in tables. Highway's own choice, which others in the process may share and
// change, does not matter.
const Target* in_use = nullptr;
hwy::ChosenTarget index_in_use;

bool available(const Target& target) {
  static const std::int64_t supported = (hwy::SupportedTargets() & HWY_TARGETS) | HWY_STATIC_TARGET;
  return (supported & target.bit) && (!target.bf16 || bf16_supported()) && (!target.amx || amx_supported());
}

void use(const Target& target) {
  in_use = &target;
  index_in_use.Update(target.bit);
}

void force(const std::string& name) {
  std::string list;
  for (const Target& target : kTargets)
    if (available(target)) {
      if (name == target.name) return use(target);
      list += (list.empty() ? "" : ", ") + std::string(target.name);
    }
  fail("LAMINA_TARGET", "expected LAMINA_TARGET to be an instruction set of this processor, one of ", list, ", got '",
       name, "'");
}

// Chooses the instruction set at the first call.
void make_ready() {
  static const bool ready = [] {
    use(*std::find_if(std::begin(kTargets), std::end(kTargets), available));
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
  return in_use->name;
}

bool has_bf16_products() {
  make_ready();
  return in_use->bf16;
}

bool has_amx() {
  make_ready();
  return in_use->amx;
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
  return index_in_use.GetIndex();
}

}  // namespace lamina::kernels
