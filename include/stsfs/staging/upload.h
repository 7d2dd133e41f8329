#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/commit_plan.h"
#include "stsfs/staging/journal.h"
#include "stsfs/staging/staged_view.h"

namespace stsfs::staging {

/// How an upload in parts is asked to end without its object.
struct GiveWay {
  std::atomic<bool> asked{false};
  std::atomic<bool> given{false};  ///< By the upload, with kInterrupted, when a part has arrived.
};

struct UploadOptions {
  PlanOptions plan;
  /// Parts are under way up to this many bytes; one that is copied, or small, counts as 1 MiB.
  std::uint64_t bytes_in_flight = std::uint64_t{64} << 20;
  std::chrono::seconds progress_timeout{
      60};  ///< Without a finished request for so long it is given up; more for a long body.
  std::shared_ptr<UploadLog> log;     ///< May be null.
  std::shared_ptr<GiveWay> give_way;  ///< May be null.
};

/// How long a request that moves `bytes` may take: what a slow line needs, on top of the timeout.
/// A line that moves nothing is given up by the engine much sooner.
Deadline upload_deadline(const Clock& clock, const UploadOptions& options, std::uint64_t bytes);

/// A multipart upload: parts are sent as they become known, several at once, then completed.
/// Nothing of it is visible before that; when it fails or is cancelled it is aborted on the server,
/// without anybody waiting for it.
///
/// Threads:  every call on any thread; callbacks on the HTTP loop.
/// Lifetime: held by shared_ptr; what is under way keeps it alive.
class MultipartUpload : public std::enable_shared_from_this<MultipartUpload> {
 public:
  /// Starts sending one part. Called with no lock held.
  using StartPart = std::function<Transfer(const std::string& upload_id, const PlannedPart& part,
                                           Deadline deadline, Callback<oss::Part> done)>;

  /// Starts asking whether the object may be completed. Called with no lock held.
  using Check = std::function<Transfer(Callback<void> done)>;

  MultipartUpload(oss::ObjectStore& store, const Clock& clock, std::string key, oss::PutOptions put,
                  const UploadOptions& options, StartPart start_part);

  const std::string& key() const { return key_; }

  /// Sends a part, once more if it was sent before. The first begins the upload.
  void send(const PlannedPart& part) STSFS_EXCLUDES(mutex_);
  /// What was sent of these bytes is no longer right.
  void outdated(ByteRange range) STSFS_EXCLUDES(mutex_);
  /// What completing it replaces, as PutOptions has it; before `complete`.
  void set_replaced(std::string etag) STSFS_EXCLUDES(mutex_);
  /// Makes the object of exactly these parts; those not sent yet, or outdated, are sent first.
  /// Once. `check` may be null; else it comes last before the object is there, and its error ends
  /// the upload. Errors: as ObjectStore says; kExists with `put.forbid_overwrite`; kTimedOut.
  void complete(std::vector<PlannedPart> parts, Check check, Callback<oss::Written> done)
      STSFS_EXCLUDES(mutex_);
  /// `done` is not called after it.
  void cancel() STSFS_EXCLUDES(mutex_);
  bool failed() const STSFS_EXCLUDES(mutex_);

 private:
  enum class Phase { kNew, kBeginning, kSending, kChecking, kCompleting, kEnded };
  struct Sent {
    PlannedPart part;
    bool under_way = false;
    bool outdated = true;  // to be sent, or sent again
    std::optional<oss::Part> done;
    Transfer transfer;
  };

  void begin();
  void began(Result<std::string> id);
  void noted();
  void pump();
  void part_done(int number, Result<oss::Part> part);
  bool gives_way() STSFS_EXCLUDES(mutex_);
  void finish_sending();
  void complete_now();
  void fail_with(Error error);
  void end(Result<oss::Written> result);
  void abort();
  void enqueue(const PlannedPart& part) STSFS_REQUIRES(mutex_);
  static std::uint64_t weight_of(const PlannedPart& part);

  oss::ObjectStore& store_;
  const Clock& clock_;
  const std::string key_;
  const oss::PutOptions put_;
  const UploadOptions options_;
  const StartPart start_part_;

  mutable Mutex mutex_;  // never held while a transfer starts or goes
  Phase phase_ STSFS_GUARDED_BY(mutex_) = Phase::kNew;
  std::string upload_id_ STSFS_GUARDED_BY(mutex_);
  bool noted_ STSFS_GUARDED_BY(mutex_) = false;  // by the log: only then anything is sent
  std::map<int, Sent> parts_ STSFS_GUARDED_BY(mutex_);
  std::deque<int> queue_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t in_flight_ STSFS_GUARDED_BY(mutex_) = 0;
  std::optional<Error> error_ STSFS_GUARDED_BY(mutex_);
  bool wants_end_ STSFS_GUARDED_BY(mutex_) = false;  // `complete` was called
  int last_part_ STSFS_GUARDED_BY(mutex_) = 0;       // of the object
  Check check_ STSFS_GUARDED_BY(mutex_);
  std::optional<std::string> replaced_ STSFS_GUARDED_BY(mutex_);  // else as `put_` has it
  std::vector<oss::Part> finished_ STSFS_GUARDED_BY(mutex_);
  Callback<oss::Written> done_ STSFS_GUARDED_BY(mutex_);
  Transfer control_ STSFS_GUARDED_BY(mutex_);  // initiate, check, complete
};

/// What a part that is sent, or a whole put, is read from: staged bytes and zeros. `extents` lie
/// one behind the other and none is in OSS only.
std::shared_ptr<http::BodySource> staged_body(std::shared_ptr<const StagedView> view,
                                              std::vector<Extent> extents);

/// Makes one object of `extents` by `plan`: from `view`, zeros, `base_key` at `base_etag` and the
/// sources that the extents name.
/// What the plan wants fetched before must be staged. `check`: of an upload in parts, as
/// MultipartUpload::complete says.
///
/// Errors: as ObjectStore says; kExists with `put.forbid_overwrite`; kChanged when the base,
///         or a source, is no longer that version; kTimedOut without progress.
/// Threads: `done` on the HTTP loop.
Transfer start_upload(oss::ObjectStore& store, const Clock& clock, std::string key,
                      std::shared_ptr<const StagedView> view, std::vector<Extent> extents,
                      const CommitPlan& plan, std::string base_key, std::string base_etag,
                      oss::PutOptions put, const UploadOptions& options,
                      MultipartUpload::Check check, Callback<oss::Written> done);

/// Copies an object of any size on the server: CopyObject, or UploadPartCopy from 1 GiB on.
/// `copy.put.headers` must be complete when the metadata is replaced or the object is that large (a
/// multipart upload inherits nothing). `check`: of a copy in parts, as MultipartUpload::complete
/// says.
Transfer start_copy(oss::ObjectStore& store, const Clock& clock, std::string key,
                    oss::CopyOptions copy, std::uint64_t size, const UploadOptions& options,
                    Callback<oss::Written> done, MultipartUpload::Check check = nullptr);

}  // namespace stsfs::staging
