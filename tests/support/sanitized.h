#pragma once

namespace stsfs {

#if defined(__has_feature)
#define STSFS_HAS_FEATURE(x) __has_feature(x)
#else
#define STSFS_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || \
    STSFS_HAS_FEATURE(thread_sanitizer) || STSFS_HAS_FEATURE(address_sanitizer)
inline constexpr bool kIsSanitized = true;  ///< Everything takes several times as long.
#else
inline constexpr bool kIsSanitized = false;
#endif
#undef STSFS_HAS_FEATURE

}  // namespace stsfs
