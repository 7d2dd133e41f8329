#include "records.h"

#include <algorithm>

namespace stsfs::sim {

void Records::add(RequestRecord record) {
  MutexLock lock(mutex_);
  record.number = ++last_;
  OperationCount& count = counts_[record.operation];
  ++count.requests;
  if (record.status == 0 || record.status >= 400) ++count.errors;
  count.bytes_in += record.bytes_in;
  count.bytes_out += record.bytes_out;
  if (!record.code.empty()) ++codes_[record.code];
  log_.push_back(std::move(record));
  if (log_.size() > kKept) log_.pop_front();
}

std::vector<RequestRecord> Records::log(std::uint64_t since) const {
  MutexLock lock(mutex_);
  const auto first = std::find_if(log_.begin(), log_.end(),
                                  [&](const RequestRecord& r) { return r.number > since; });
  return {first, log_.end()};
}

std::map<std::string, OperationCount> Records::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

std::map<std::string, std::uint64_t> Records::codes() const {
  MutexLock lock(mutex_);
  return codes_;
}

void Records::clear() {
  MutexLock lock(mutex_);
  log_.clear();
  counts_.clear();
  codes_.clear();
}

}  // namespace stsfs::sim
