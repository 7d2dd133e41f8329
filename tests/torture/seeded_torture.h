#pragma once

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <utility>

#include "support/sanitized.h"

#include <gtest/gtest.h>

namespace stsfs::torture {

/// The choices of one run, and the last of what it did.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : engine_(seed) {}

  /// Evenly from [0, bound); 0 for 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  /// Before it is done, so that it is there when it hangs or fails.
  void note(std::string operation) {
    constexpr std::size_t kShown = 40;
    last_.push_back("#" + std::to_string(number_++) + " " + std::move(operation));
    if (last_.size() > kShown) last_.pop_front();
    if (std::getenv("STSFS_TORTURE_TRACE") != nullptr)
      std::fprintf(stderr, "%s\n", last_.back().c_str());
  }
  int number() const { return number_; }
  std::string story() const {
    std::string out = "the last operations:\n";
    for (const std::string& one : last_) out += "  " + one + "\n";
    return out;
  }

 private:
  std::mt19937_64 engine_;
  std::deque<std::string> last_;
  int number_ = 0;
};

/// How many runs there are, and how long they are.
struct Length {
  int usual;          ///< Operations of the one run that there usually is.
  int full = 10'000;  ///< Of each, with STSFS_TEST_FULL.
  int full_runs = 3;
};

/// Calls `run(seed, operations)` until one fails, which says with what seed. The same seed each
/// time, so that what fails is the change and not bad luck; with STSFS_TEST_FULL several, from a
/// random one on. STSFS_TORTURE_SEED, STSFS_TORTURE_OPERATIONS and STSFS_TORTURE_RUNS say
/// otherwise; STSFS_TORTURE_TRACE prints each operation.
template <class Run>
void run_torture(Length length, Run run) {
  const auto asked = [](const char* name, std::uint64_t otherwise) {
    const char* value = std::getenv(name);
    return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
  };
  constexpr std::uint64_t kUsual = 1'000;
  const bool is_full = std::getenv("STSFS_TEST_FULL") != nullptr;
  const bool is_chosen = std::getenv("STSFS_TORTURE_SEED") != nullptr;
  int operations = is_full ? length.full : length.usual;
  if (kIsSanitized) operations /= 4;
  operations =
      static_cast<int>(asked("STSFS_TORTURE_OPERATIONS", static_cast<std::uint64_t>(operations)));
  std::uint64_t seed = asked("STSFS_TORTURE_SEED", is_full ? std::random_device{}() : kUsual);
  const auto runs = asked("STSFS_TORTURE_RUNS",
                          is_full && !is_chosen ? static_cast<std::uint64_t>(length.full_runs) : 1);
  for (std::uint64_t i = 0; i < runs && !::testing::Test::HasFailure(); ++i, ++seed) {
    const std::string which = "STSFS_TORTURE_SEED=" + std::to_string(seed) +
                              " STSFS_TORTURE_OPERATIONS=" + std::to_string(operations);
    std::printf("%s\n", which.c_str());
    std::fflush(stdout);
    SCOPED_TRACE(which);
    run(seed, operations);
  }
}

}  // namespace stsfs::torture
