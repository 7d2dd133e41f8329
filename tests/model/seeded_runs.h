#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace stsfs::fs {

/// Calls `run(seed)` until one fails, which says with what seed. The same `few` seeds each time, so
/// that what fails is the change and not bad luck; with STSFS_TEST_FULL `many`, from a random one
/// on; with STSFS_MODEL_SEED that one.
template <class Run>
void run_seeded(int few, int many, Run run) {
  constexpr std::uint64_t kUsual = 1'000;
  const char* asked_for = std::getenv("STSFS_MODEL_SEED");
  const bool is_full = std::getenv("STSFS_TEST_FULL") != nullptr;
  std::uint64_t seed = is_full ? std::random_device{}() : kUsual;
  if (asked_for != nullptr) seed = std::strtoull(asked_for, nullptr, 10);
  const int runs = asked_for != nullptr ? 1 : is_full ? many : few;
  for (int i = 0; i < runs && !::testing::Test::HasFatalFailure(); ++i, ++seed) {
    SCOPED_TRACE("STSFS_MODEL_SEED=" + std::to_string(seed));
    run(seed);
  }
}

}  // namespace stsfs::fs
