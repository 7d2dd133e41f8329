#pragma once

namespace stsfs::vend {

// As stsfs-vend(8) says.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

}  // namespace stsfs::vend
