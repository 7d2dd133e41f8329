#pragma once

#include <string>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// What OSS has under one key, and between which moments it said so, by the clocks of this machine.
struct ObjectNow {
  Result<oss::ObjectBrief> brief = fail(Errc::kNotFound, "no listing shows it");
  SteadyTime asked{}, answered{};
};

/// Asks what OSS has under each of these keys, in any order, at this moment and with few requests:
/// those that lie close together are listed, the others are asked for one by one. All of them are
/// below `prefix`. On a thread that may wait.
std::vector<ObjectNow> objects_now(oss::ObjectStore& store, const Clock& clock,
                                   const std::vector<std::string>& keys, const std::string& prefix,
                                   Deadline deadline, Interrupt* interrupt);

}  // namespace stsfs::fs
