#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "stsfs/base/log.h"
#include "support/sanitized.h"

namespace stsfs::fs {

/// How many runs there are.
struct RunCount {
  int usual;
  int full;                  ///< With STSFS_TEST_FULL.
  int one_in_sanitized = 1;  ///< Of so many, where a sanitizer makes them slow.
};

/// Calls `run(seed)` until one fails, which says with what seed, and nothing does before. The same
/// seeds each time, so that what fails is the change and not bad luck; with STSFS_TEST_FULL from a
/// random one on. With STSFS_MODEL_SEED from that one on, STSFS_MODEL_RUNS times or once, and with
/// the log of the mounts when it is once.
template <class Run>
void run_seeded(RunCount count, Run run) {
  constexpr std::uint64_t kUsual = 1'000;
  const char* first = std::getenv("STSFS_MODEL_SEED");
  const char* asked_for = std::getenv("STSFS_MODEL_RUNS");
  const bool is_full = std::getenv("STSFS_TEST_FULL") != nullptr;
  std::uint64_t seed = is_full ? std::random_device{}() : kUsual;
  if (first != nullptr) seed = std::strtoull(first, nullptr, 10);
  int runs = is_full ? count.full : count.usual;
  if (kIsSanitized) runs /= count.one_in_sanitized;
  if (first != nullptr) runs = 1;
  if (asked_for != nullptr) runs = std::atoi(asked_for);
  const LogLevel level = log_level();
  if (runs > 1) set_log_level(LogLevel::kOff);
  for (int i = 0; i < runs && !::testing::Test::HasFatalFailure(); ++i, ++seed) {
    SCOPED_TRACE("STSFS_MODEL_SEED=" + std::to_string(seed));
    run(seed);
  }
  set_log_level(level);
}

}  // namespace stsfs::fs
