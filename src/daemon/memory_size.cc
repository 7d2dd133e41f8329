#include "memory_size.h"

#include <unistd.h>

#include <algorithm>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::uint64_t kReadMemoryMax = std::uint64_t{1} << 30;
constexpr std::uint64_t kShare = 8;
constexpr const char* kGroups = "/sys/fs/cgroup";

/// The path of the group in the unified hierarchy: the line `0::/user.slice/…`.
std::string own_group(const std::string& text) {
  for (const std::string_view line : split(text, '\n'))
    if (line.starts_with("0::")) return std::string(line.substr(3));
  return {};
}

}  // namespace

std::uint64_t memory_limit(std::uint64_t machine_bytes,
                           const std::function<std::string(const std::string&)>& file) {
  std::uint64_t limit = machine_bytes;
  std::string group = own_group(file("/proc/self/cgroup"));
  for (;;) {
    while (group.ends_with('/')) group.pop_back();
    const std::string text = file(kGroups + group + "/memory.max");  // "max": none
    if (const auto bytes = parse_u64(text.substr(0, text.find('\n'))))
      limit = std::min(limit, *bytes);
    const auto slash = group.rfind('/');
    if (slash == std::string::npos) return limit;
    group.resize(slash);
  }
}

std::uint64_t default_read_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
  const std::uint64_t machine = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t limit = memory_limit(machine, [](const std::string& path) {
    return read_file(path, 64 << 10).value_or(std::string());
  });
  return std::min(kReadMemoryMax, limit / kShare);
}

}  // namespace stsfs::daemon
