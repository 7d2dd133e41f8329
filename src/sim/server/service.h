#pragma once

#include <memory>

#include "http_server.h"
#include "oss/faults.h"
#include "oss/records.h"
#include "store/cloud.h"
#include "stsfs/sim/simulator.h"

namespace stsfs::sim {

/// What the three ports share.
struct Services {
  Cloud& cloud;
  FaultPlan& faults;
  Records& records;
  Mutex profile_mutex;
  NetworkProfile profile STSFS_GUARDED_BY(profile_mutex);
  SharedLine line = {};  ///< Of OSS and STS together; as wide as `profile` says.

  void set_profile(const NetworkProfile& wanted) {
    line.set_rate(wanted.bytes_per_second_in_all);
    MutexLock lock(profile_mutex);
    profile = wanted;
  }
  NetworkProfile present_profile() {
    MutexLock lock(profile_mutex);
    return profile;
  }
};

std::unique_ptr<Responder> answer_oss(Services& services, WireRequest request);
std::unique_ptr<Responder> answer_sts(Services& services, WireRequest request);
std::unique_ptr<Responder> answer_admin(Services& services, WireRequest request);

/// Latency, bandwidth and damage of one answer.
Delivery delivery_of(const NetworkProfile& profile, const std::optional<FaultRule>& fault);

}  // namespace stsfs::sim
