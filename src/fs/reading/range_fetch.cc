#include "range_fetch.h"

#include <memory>

#include "stsfs/base/mutex.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kRangesAtOnce = 64;

class RangeFetch : public std::enable_shared_from_this<RangeFetch> {
 public:
  using Take = std::function<Result<void>(std::span<const std::byte>, std::uint64_t)>;

  RangeFetch(oss::ObjectStore& store, std::string key, std::string etag,
             const std::vector<ByteRange>& ranges, Deadline deadline, Take take,
             Callback<void> done)
      : store_(store),
        key_(std::move(key)),
        etag_(std::move(etag)),
        deadline_(deadline),
        take_(std::move(take)),
        done_(std::move(done)) {
    for (const ByteRange& range : ranges) pieces_.push_back(std::make_unique<Piece>(*this, range));
    left_ = pieces_.size();
  }

  void start() {
    for (std::size_t i = 0; i < kRangesAtOnce; ++i) next();
  }

  void cancel() {
    {
      MutexLock lock(mutex_);
      ended_ = true;
    }
    for (const auto& piece : pieces_) {
      Transfer transfer;
      {
        MutexLock lock(mutex_);
        transfer = std::move(piece->transfer);
      }
    }
  }

 private:
  struct Piece final : oss::ReadSink {
    Piece(RangeFetch& owner, ByteRange wanted) : fetch(owner), range(wanted), at(wanted.offset) {}
    Result<void> begin(const oss::ObjectMeta&) override { return {}; }
    Result<void> write(std::span<const std::byte> bytes) override {
      auto taken = fetch.take_(bytes, at);
      at += bytes.size();
      return taken;
    }
    RangeFetch& fetch;
    const ByteRange range;
    std::uint64_t at;
    Transfer transfer;
  };

  void next() {
    Piece* piece = nullptr;
    {
      MutexLock lock(mutex_);
      if (ended_ || started_ == pieces_.size()) return;
      piece = pieces_[started_++].get();
    }
    Transfer transfer =
        store_.start_get(key_, etag_, piece->range, *piece, deadline_,
                         [self = shared_from_this(), piece](Result<void> result) {
                           if (result && piece->at != piece->range.end())
                             result = fail(Errc::kProtocol, "the object is shorter than it was");
                           self->ended(std::move(result));
                         });
    MutexLock lock(mutex_);
    if (!ended_) std::swap(piece->transfer, transfer);
  }

  void ended(Result<void> result) {
    Callback<void> done;
    {
      MutexLock lock(mutex_);
      if (ended_) return;
      if (--left_ == 0 || !result) {
        ended_ = true;
        done = std::move(done_);
      }
    }
    if (done) {
      if (!result) cancel();
      done(std::move(result));
    } else {
      next();
    }
  }

  oss::ObjectStore& store_;
  const std::string key_;
  const std::string etag_;
  const Deadline deadline_;
  const Take take_;

  Mutex mutex_;  // never held while a transfer starts or goes
  Callback<void> done_ STSFS_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::size_t started_ STSFS_GUARDED_BY(mutex_) = 0;
  std::size_t left_ STSFS_GUARDED_BY(mutex_) = 0;
  bool ended_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace

Transfer fetch_ranges(oss::ObjectStore& store, const std::string& key, const std::string& etag,
                      std::vector<ByteRange> ranges, Deadline deadline,
                      std::function<Result<void>(std::span<const std::byte>, std::uint64_t)> take,
                      Callback<void> done) {
  if (ranges.empty()) {
    done({});
    return Transfer();
  }
  auto fetch = std::make_shared<RangeFetch>(store, key, etag, ranges, deadline, std::move(take),
                                            std::move(done));
  fetch->start();
  return Transfer([fetch] { fetch->cancel(); });
}

}  // namespace stsfs::fs
