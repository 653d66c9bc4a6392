// How much processor time the system grants this process.
#pragma once

#include <filesystem>
#include <optional>

namespace lamina {

/// The processors that control groups grant to this process, such as 1.5, which a container's limit of processor time
/// sets: the least quota of its group and of those around it, by version 2 (cpu.max) or version 1 (cpu.cfs_quota_us) of
/// the kernel's interface. None if there is no limit. `root` stands for "/" in tests.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace lamina
