#include "lamina/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace lamina {
namespace {

namespace fs = std::filesystem;

void take_in(std::optional<double>& least, double quota, double period) {
  if (quota > 0 && period > 0) least = least ? std::min(*least, quota / period) : quota / period;
}

double number_in(const fs::path& path) {
  double number = 0;
  std::ifstream(path) >> number;
  return number;
}

// The quota of the group in `folder`. A group without a limit has "max" or -1 there.
void take_in_group(std::optional<double>& least, const fs::path& folder) {
  double quota = 0, period = 0;
  if (std::ifstream file(folder / "cpu.max"); file >> quota >> period) take_in(least, quota, period);
  take_in(least, number_in(folder / "cpu.cfs_quota_us"), number_in(folder / "cpu.cfs_period_us"));
}

bool lists_cpu(const std::string& controllers) {
  std::istringstream words(controllers);
  for (std::string word; std::getline(words, word, ',');)
    if (word == "cpu") return true;
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "0::/a/b", or "4:cpu,cpuacct:/a/b"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !lists_cpu(controllers)) continue;
    for (const std::string& mount : {controllers, std::string(controllers.empty() ? "unified" : "cpu")}) {
      const fs::path top = (root / "sys/fs/cgroup" / mount).lexically_normal();
      // A container may see the path of its group outside, and the group itself at the top.
      fs::path group = fs::path(line.substr(second + 1)).relative_path();
      for (; !group.empty(); group = group.parent_path()) take_in_group(least, top / group);
      take_in_group(least, top);
    }
  }
  return least;
}

}  // namespace lamina
