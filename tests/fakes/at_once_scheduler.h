#pragma once

#include <chrono>

#include "stsfs/base/transfer.h"

namespace stsfs::fakes {

/// No timer waits: for what tries again after a pause.
struct AtOnceScheduler final : Scheduler {
  Transfer after(std::chrono::milliseconds, UniqueFunction<void()> what) override {
    what();
    return {};
  }
};

}  // namespace stsfs::fakes
