#include "cloud.h"

#include <algorithm>

#include "ram_directory.h"
#include "sts_sessions.h"

namespace stsfs::sim {
namespace {

/// 3 to 63 of a-z, 0-9 and `-`, no `-` at either end. Source: OSS, "Bucket naming conventions".
bool is_bucket_name(const std::string& name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return name.size() >= 3 && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), good);
}

}  // namespace

Cloud::Cloud(std::string region, std::shared_ptr<const Directory> directory, StsOptions sts,
             const Clock& clock)
    : region_(std::move(region)),
      owner_(directory->first_account()),
      clock_(clock),
      sessions_(std::make_shared<SessionTable>()),
      access_(directory, sessions_, AccessOptions{.region = region_}),
      sts_(directory, sessions_, std::move(sts)) {}

bool Cloud::add_bucket(BucketOptions options) {
  if (!is_bucket_name(options.name)) return false;
  MutexLock lock(mutex_);
  const std::string name = options.name;
  return buckets_.emplace(name, std::make_shared<Bucket>(std::move(options), now())).second;
}

std::shared_ptr<Bucket> Cloud::find_bucket(const std::string& name) const {
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  return found == buckets_.end() ? nullptr : found->second;
}

std::map<std::string, std::shared_ptr<Bucket>> Cloud::buckets() const {
  MutexLock lock(mutex_);
  return buckets_;
}

Switches Cloud::switches() const {
  MutexLock lock(mutex_);
  return switches_;
}

void Cloud::set_switches(const Switches& switches) {
  {
    MutexLock lock(mutex_);
    switches_ = switches;
  }
  AccessOptions options = access_.options();
  options.expired_answers_invalid_access_key_id = switches.expired_answers_invalid_access_key_id;
  access_.set_options(std::move(options));
}

}  // namespace stsfs::sim
