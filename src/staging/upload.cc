// A multipart upload as a small machine: initiate, parts (several at once, the next when one ends),
// complete; on a failure the rest is dropped and the upload aborted, without anybody waiting for
// that.
//
// Everything below runs in completion callbacks on the HTTP loop, or once on the thread that
// starts. The mutex guards what both touch and is never held while a transfer starts or goes.

#include "stsfs/staging/upload.h"

#include <algorithm>
#include <map>
#include <vector>

#include "stsfs/base/mutex.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kPartsAimed = 9'000;  // of the 10,000 that OSS takes
constexpr std::uint64_t kCopyPartSize = std::uint64_t{512} << 20;

class MultipartUpload : public std::enable_shared_from_this<MultipartUpload> {
 public:
  /// Starts part `number`, the bytes `range`.
  using StartPart =
      std::function<Transfer(const std::string& upload_id, int number, ByteRange range,
                             Deadline deadline, Callback<oss::Part> done)>;

  MultipartUpload(oss::ObjectStore& store, const Clock& clock, std::string key, std::uint64_t size,
                  std::uint64_t part_size, oss::PutOptions put, const UploadOptions& options,
                  StartPart start_part, Callback<oss::Written> done)
      : store_(store),
        clock_(clock),
        key_(std::move(key)),
        size_(size),
        part_size_(part_size),
        put_(std::move(put)),
        options_(options),
        start_part_(std::move(start_part)),
        done_(std::move(done)) {}

  Transfer start() {
    keep(0, store_.start_initiate(key_, put_, deadline(),
                                  [self = shared_from_this()](Result<std::string> id) {
                                    self->initiated(std::move(id));
                                  }));
    return Transfer([self = shared_from_this()] { self->cancel(); });
  }

 private:
  int part_count() const { return static_cast<int>((size_ + part_size_ - 1) / part_size_); }
  Deadline deadline() const { return Deadline::in(clock_, options_.progress_timeout); }

  void initiated(Result<std::string> id) {
    if (!id) {
      finish(fail(std::move(id.error())));
      return;
    }
    {
      MutexLock lock(mutex_);
      upload_id_ = std::move(*id);
    }
    for (int i = 0; i < options_.parts_in_flight; ++i) next_part();
  }

  void next_part() {
    int number = 0;
    std::string id;
    {
      MutexLock lock(mutex_);
      if (finished_ || started_ == part_count()) return;
      number = ++started_;
      id = upload_id_;
    }
    const std::uint64_t offset = static_cast<std::uint64_t>(number - 1) * part_size_;
    keep(number, start_part_(id, number, {offset, std::min(part_size_, size_ - offset)}, deadline(),
                             [self = shared_from_this()](Result<oss::Part> part) {
                               self->part_done(std::move(part));
                             }));
  }

  void part_done(Result<oss::Part> part) {
    if (!part) {
      give_up(std::move(part.error()));
      return;
    }
    bool all = false;
    {
      MutexLock lock(mutex_);
      parts_.push_back(std::move(*part));
      all = static_cast<int>(parts_.size()) == part_count();
    }
    if (all)
      complete();
    else
      next_part();
  }

  void complete() {
    std::vector<oss::Part> parts;
    std::string id;
    {
      MutexLock lock(mutex_);
      parts = parts_;
      id = upload_id_;
    }
    std::sort(parts.begin(), parts.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    keep(0, store_.start_complete(key_, id, std::move(parts), put_, deadline(),
                                  [self = shared_from_this()](Result<oss::Written> written) {
                                    if (written)
                                      self->finish(std::move(written));
                                    else
                                      self->give_up(std::move(written.error()));
                                  }));
  }

  /// Aborts on the server; the abort belongs to nobody and ends by itself.
  void abort() {
    std::string id;
    {
      MutexLock lock(mutex_);
      id = upload_id_;
    }
    if (id.empty()) return;
    auto transfer = std::make_shared<Transfer>();
    *transfer = store_.start_abort(key_, id, deadline(), [transfer](Result<void>) {});
  }

  void give_up(Error error) {
    {
      MutexLock lock(mutex_);
      if (finished_) return;
    }
    abort();
    finish(fail(std::move(error)));
  }

  void finish(Result<oss::Written> result) {
    std::map<int, Transfer> dropped;
    {
      MutexLock lock(mutex_);
      if (finished_) return;
      finished_ = true;
      dropped.swap(transfers_);
    }
    dropped.clear();
    auto done = std::move(done_);
    done(std::move(result));
  }

  void cancel() {
    std::map<int, Transfer> dropped;
    bool was_running = false;
    {
      MutexLock lock(mutex_);
      was_running = !finished_;
      finished_ = true;
      dropped.swap(transfers_);
    }
    dropped.clear();  // when this returns no callback of ours runs any more
    if (was_running) abort();
  }

  /// Keeps the transfer of step `slot` until the next in that slot, or drops it when all is over.
  void keep(int slot, Transfer transfer) {
    Transfer old;
    {
      MutexLock lock(mutex_);
      if (finished_) {
        old = std::move(transfer);
      } else {
        Transfer& place = transfers_[slot];
        old = std::move(place);
        place = std::move(transfer);
      }
    }
  }

  oss::ObjectStore& store_;
  const Clock& clock_;
  const std::string key_;
  const std::uint64_t size_;
  const std::uint64_t part_size_;
  const oss::PutOptions put_;
  const UploadOptions options_;
  const StartPart start_part_;
  Callback<oss::Written> done_;

  Mutex mutex_;
  std::string upload_id_ STSFS_GUARDED_BY(mutex_);
  int started_ STSFS_GUARDED_BY(mutex_) = 0;
  std::vector<oss::Part> parts_ STSFS_GUARDED_BY(mutex_);
  std::map<int, Transfer> transfers_ STSFS_GUARDED_BY(mutex_);
  bool finished_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::uint64_t part_size_for(std::uint64_t size, const UploadOptions& options) {
  constexpr std::uint64_t kMiB = 1 << 20;
  const std::uint64_t needed = (size / kPartsAimed + kMiB) / kMiB * kMiB;
  return std::max(options.part_size_min, needed);
}

Transfer start_upload(oss::ObjectStore& store, const Clock& clock, std::string key,
                      std::shared_ptr<const StagedFile> file, std::uint64_t size,
                      oss::PutOptions put, const UploadOptions& options,
                      Callback<oss::Written> done) {
  if (size <= options.put_size_max)
    return store.start_put(key, staged_body(std::move(file), 0, size), put,
                           Deadline::in(clock, options.progress_timeout), std::move(done));
  auto start_part = [&store, key, file](const std::string& id, int number, ByteRange range,
                                        Deadline deadline, Callback<oss::Part> part_done) {
    return store.start_upload_part(key, id, number, staged_body(file, range.offset, range.length),
                                   deadline, std::move(part_done));
  };
  return std::make_shared<MultipartUpload>(store, clock, key, size, part_size_for(size, options),
                                           std::move(put), options, std::move(start_part),
                                           std::move(done))
      ->start();
}

Transfer start_copy(oss::ObjectStore& store, const Clock& clock, std::string key,
                    oss::CopyOptions copy, std::uint64_t size, const UploadOptions& options,
                    Callback<oss::Written> done) {
  if (size < oss::kCopySizeMax)
    return store.start_copy(key, copy, Deadline::in(clock, options.progress_timeout),
                            std::move(done));
  auto start_part = [&store, key, copy](const std::string& id, int number, ByteRange range,
                                        Deadline deadline, Callback<oss::Part> part_done) {
    return store.start_copy_part(key, id, number, copy.source_key, copy.source_etag, range,
                                 deadline, std::move(part_done));
  };
  const std::uint64_t part_size = std::max(kCopyPartSize, part_size_for(size, options));
  return std::make_shared<MultipartUpload>(store, clock, key, size, part_size, copy.put, options,
                                           std::move(start_part), std::move(done))
      ->start();
}

}  // namespace stsfs::staging
