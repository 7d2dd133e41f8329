#include "cloud.h"

#include <algorithm>
#include <array>

#include "identity/refusals.h"
#include "identity/sts_sessions.h"
#include "ram/ram_directory.h"

namespace stsfs::sim {
bool is_bucket_name(const std::string& name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return name.size() >= 3 && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), good);
}

bool is_bucket_acl(std::string_view acl) {
  return acl == "private" || acl == "public-read" || acl == "public-read-write";
}

bool is_storage_class(std::string_view name) {
  constexpr std::array<std::string_view, 5> kClasses{"Standard", "IA", "Archive", "ColdArchive",
                                                     "DeepColdArchive"};
  return std::find(kClasses.begin(), kClasses.end(), name) != kClasses.end();
}

Cloud::Cloud(std::string region, const std::shared_ptr<const Directory>& directory, StsOptions sts,
             std::shared_ptr<Storage> storage, const Clock& clock)
    : region_(std::move(region)),
      owner_(directory->first_account()),
      clock_(clock),
      sessions_(std::make_shared<SessionTable>()),
      access_(directory, sessions_, AccessOptions{.region = region_}),
      sts_(directory, sessions_, std::move(sts)),
      storage_(std::move(storage)) {}

Cloud::~Cloud() {
  if (storage_->persistent()) storage_->freeze();
}

void Cloud::adopt(std::unique_ptr<Journal> journal, Journal::Buckets buckets) {
  MutexLock lock(mutex_);
  journal_ = std::move(journal);
  buckets_ = std::move(buckets);
}

Verdict<bool> Cloud::add_bucket(BucketOptions options) {
  const WallTime created = std::chrono::floor<std::chrono::seconds>(now());  // as OSS tells it
  MutexLock lock(mutex_);
  if (buckets_.count(options.name) != 0) return false;
  if (journal_)
    if (auto written = journal_->bucket(options, created); !written)
      return storage_failed(written.error().message);
  const std::string name = options.name;
  buckets_.emplace(name, std::make_shared<Bucket>(std::move(options), created, journal_.get()));
  return true;
}

Verdict<bool> Cloud::remove_bucket(const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  if (found == buckets_.end() || !found->second->close_if_empty()) return false;
  if (journal_)
    if (auto written = journal_->bucket_gone(name); !written)
      return storage_failed(written.error().message);
  buckets_.erase(found);
  return true;
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
  options.switches = switches;
  access_.set_options(std::move(options));
}

}  // namespace stsfs::sim
