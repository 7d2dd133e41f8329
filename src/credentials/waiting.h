#pragma once

#include <chrono>

#include "stsfs/base/await.h"

namespace stsfs::credentials {

/// Waits for so long in real time; false at once when `interrupt` is or gets raised.
bool wait_for(std::chrono::milliseconds time, Interrupt& interrupt);

}  // namespace stsfs::credentials
