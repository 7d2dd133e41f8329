#pragma once

#include <algorithm>
#include <cstdint>

namespace stsfs::fs {

/// How much is fetched ahead of readers at once, and in which pieces.
struct FetchWindow {
  static constexpr std::uint64_t kUnit = std::uint64_t{1}
                                         << 20;  ///< Pieces begin and end at these.
  static constexpr std::uint64_t kFirst = 4 * kUnit;
  static constexpr std::uint64_t kPieceMax = 8 * kUnit;
  /// A window holds at most what comes in this time: over a slow line more of it would only share
  /// the line, and the bytes that are waited for would come later.
  static constexpr double kSeconds = 0.5;

  static std::uint64_t piece_of(std::uint64_t window) {
    return std::clamp(window / 4 / kUnit * kUnit, kUnit, kPieceMax);
  }
};

}  // namespace stsfs::fs
