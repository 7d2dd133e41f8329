#include "just_written.h"

#include <algorithm>

#include "stsfs/base/crc64.h"

namespace stsfs::fs {
namespace {

constexpr std::uint64_t kBytesMax = std::uint64_t{32} << 20;
constexpr std::size_t kFilesMax = 10'000;
/// A build comes back to what it wrote within moments; later the memory is worth more.
constexpr std::chrono::seconds kKept{60};

}  // namespace

JustWritten::JustWritten(Scheduler& scheduler, const Clock& clock,
                         std::shared_ptr<cache::BlockPool> pool)
    : scheduler_(scheduler),
      clock_(clock),
      pool_(std::move(pool)),
      holder_(pool_->add_holder()),
      bytes_max_(std::min(kBytesMax, pool_->figures().budget_bytes / 8)) {}

void JustWritten::keep(InodeNumber inode, const std::string& etag,
                       const staging::StagedFile& staged, std::uint64_t size_bytes,
                       std::uint64_t crc64) {
  if (size_bytes == 0 || size_bytes > kSizeMax || etag.empty()) return;
  const cache::BlockPool::Wish wish{.size_bytes = static_cast<std::size_t>(size_bytes)};
  auto room = pool_->take(holder_, {&wish, 1}, cache::BlockPool::Purpose::kPrefetch);
  if (!room) return;
  const cache::BlockPool::Pin pin = std::move(room->front());
  if (!staged.read(pin.bytes(), 0) || stsfs::crc64(0, pin.bytes()) != crc64) return;
  pool_->mark_read(*pin.block());
  Row gone;
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    if (const auto before = by_inode_.find(inode); before != by_inode_.end())
      take_out(before->second, gone);
    kept_.push_back({inode, etag, size_bytes, pin.block(), clock_.steady()});
    by_inode_[inode] = std::prev(kept_.end());
    bytes_ += size_bytes;
    while (bytes_ > bytes_max_ || kept_.size() > kFilesMax) take_out(kept_.begin(), gone);
  }
  set_timer();
}

const JustWritten::Kept* JustWritten::of(InodeNumber inode, const std::string& etag) const {
  const auto found = by_inode_.find(inode);
  return found != by_inode_.end() && found->second->etag == etag ? &*found->second : nullptr;
}

cache::BlockPool::Pin JustWritten::find(InodeNumber inode, const std::string& etag) {
  MutexLock lock(mutex_);
  const Kept* kept = of(inode, etag);
  return kept == nullptr ? cache::BlockPool::Pin() : pool_->pin(kept->block);
}

bool JustWritten::has(InodeNumber inode, const std::string& etag) {
  MutexLock lock(mutex_);
  return of(inode, etag) != nullptr;
}

/// To go once no lock is held.
void JustWritten::take_out(Row::iterator kept, Row& out) {
  bytes_ -= kept->size_bytes;
  by_inode_.erase(kept->inode);
  out.splice(out.end(), kept_, kept);
}

void JustWritten::forget_all() {
  Row gone;
  MutexLock lock(mutex_);
  gone.swap(kept_);
  by_inode_.clear();
  bytes_ = 0;
}

void JustWritten::stop() {
  Transfer timer;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    std::swap(timer, timer_);
  }
  timer.cancel();
  forget_all();
}

void JustWritten::drop_old() {
  Row gone;
  bool more = false;
  {
    MutexLock lock(mutex_);
    timer_set_ = false;
    while (!kept_.empty() && clock_.steady() - kept_.front().since >= kKept)
      take_out(kept_.begin(), gone);
    more = !kept_.empty();
  }
  if (more) set_timer();
}

void JustWritten::set_timer() {
  std::chrono::nanoseconds left{0};
  {
    MutexLock lock(mutex_);
    if (timer_set_ || stopped_ || kept_.empty()) return;
    timer_set_ = true;
    left = kept_.front().since + kKept - clock_.steady();
  }
  const auto delay =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(1));
  Transfer timer = scheduler_.after(delay, [this] { drop_old(); });
  MutexLock lock(mutex_);
  if (!stopped_) std::swap(timer, timer_);
}

}  // namespace stsfs::fs
