#include "usage_counter.h"

#include <algorithm>

#include "folder_lister.h"
#include "office.h"
#include "stsfs/base/log.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kFoldersMax = 100'000;  // what is forgotten is in the database
constexpr std::chrono::milliseconds kFirstWait{1'000};
constexpr int kWaitersMax = 4;  // threads that answer requests are few
constexpr std::chrono::minutes kAfterFailure{5};
constexpr std::chrono::minutes kAfterNoDatabase{1};

}  // namespace

std::uint64_t UsageCounter::used_bytes(const std::string& user, const FolderConfig& folder,
                                       const std::shared_ptr<const Settings>& settings) {
  if (folder.quota_bytes == 0 || folder.usage_interval.count() == 0 || !settings->oss_engine)
    return 0;
  auto prefix = prefix_of(folder, user);
  if (!prefix) return 0;
  const std::string name = folder.bucket + '/' + *prefix;
  MutexLock lock(mutex_);
  if (entries_.size() >= kFoldersMax && !entries_.contains(name)) entries_.clear();
  Entry& entry = entries_[name];
  if (!entry.looking && entry.look_at <= clock_.steady()) {
    Task task{name, user, std::move(*prefix), folder, settings};
    entry.looking = pool_.run([this, task = std::move(task)] { look(task); });
  }
  if (entry.looking && !entry.looked) wait_a_moment(name);
  const auto now = entries_.find(name);
  return now == entries_.end() ? 0 : now->second.bytes;
}

void UsageCounter::wait_a_moment(const std::string& name) {
  if (waiting_ >= kWaitersMax) return;
  ++waiting_;
  const auto until = std::chrono::steady_clock::now() + kFirstWait;
  for (;;) {
    const auto entry = entries_.find(name);
    if (entry == entries_.end() || entry->second.looked) break;
    if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) {
      // Whoever comes later has less patience: this one takes its time.
      if (const auto slow = entries_.find(name); slow != entries_.end()) slow->second.looked = true;
      break;
    }
  }
  --waiting_;
}

void UsageCounter::publish(const std::string& name, std::uint64_t bytes) {
  MutexLock lock(mutex_);
  if (const auto entry = entries_.find(name); entry != entries_.end()) {
    entry->second.bytes = bytes;
    entry->second.looked = true;
  }
  changed_.notify_all();
}

void UsageCounter::look(const Task& task) {
  if (interrupt_.raised()) return;
  const SteadyTime began = clock_.steady();  // as turns are counted in the database
  const std::chrono::milliseconds pause = count_if_due(task);
  MutexLock lock(mutex_);
  if (const auto entry = entries_.find(task.name); entry != entries_.end()) {
    entry->second.looking = false;
    entry->second.looked = true;
    entry->second.look_at = began + pause;
  }
  changed_.notify_all();
}

std::chrono::milliseconds UsageCounter::count_if_due(const Task& task) {
  const std::chrono::milliseconds every = task.folder.usage_interval;
  auto turn = store_.begin(task.name, every);
  if (!turn) {
    log_warning("vend", "use of {}: {}", task.name, turn.error().message);
    return kAfterNoDatabase;
  }
  if (turn->known) publish(task.name, turn->known->bytes);
  if (!turn->mine) {
    // Another replica counts at this moment, or its turn is over before ours.
    const bool unknown = !turn->known;
    return unknown ? std::min<std::chrono::milliseconds>(turn->wait, kAfterNoDatabase) : turn->wait;
  }
  auto usage = count(task);
  Result<void> kept;
  if (usage) {
    publish(task.name, usage->bytes);
    metrics_.add(Count::kUsageCounted);
    kept = store_.put(task.name, usage->bytes, usage->objects);
  } else {
    metrics_.add(Count::kUsageFailed);
    log_warning("vend", "{} could not be counted: {}", task.name, usage.error().message);
    kept = store_.failed(task.name, kAfterFailure);
  }
  if (!kept) log_warning("vend", "use of {}: {}", task.name, kept.error().message);
  return usage ? every : std::min<std::chrono::milliseconds>(every, kAfterFailure);
}

Result<Usage> UsageCounter::count(const Task& task) {
  FolderLister lister(task.folder, task.prefix, *task.settings->oss_engine, clock_, interrupt_);
  std::string session;
  auto usage = lister.count([&]() -> Result<sts::Session> {
    auto made = sessions_.make(task.user, listing_only(task.folder), task.settings->sts,
                               task.settings->config.sts.timeout, "usage-count");
    if (made) session = made->arn;
    return made;
  });
  audit_.record({.action = "usage",
                 .user = task.user,
                 .allowed = usage.has_value(),
                 .reason = usage ? std::string() : usage.error().message,
                 .session = session});
  return usage;
}

}  // namespace stsfs::vend
