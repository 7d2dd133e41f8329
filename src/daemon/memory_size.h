#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace stsfs::daemon {

/// How much memory reading may take when nobody says: an eighth of what this process may have, at
/// most 1 GiB.
std::uint64_t default_read_memory();

/// The bytes that this process may have: the machine's, or less where its control group or one
/// above it is limited. `file` gives the content of a file, empty when there is none.
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst, memory.max.
std::uint64_t memory_limit(std::uint64_t machine_bytes,
                           const std::function<std::string(const std::string&)>& file);

}  // namespace stsfs::daemon
