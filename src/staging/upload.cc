#include "stsfs/staging/upload.h"

#include <algorithm>

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kPartWeightLeast = std::uint64_t{1} << 20;
/// Slower than this nobody uploads.
constexpr std::uint64_t kSlowestBytesPerSecond = std::uint64_t{16} << 10;

}  // namespace

Deadline upload_deadline(const Clock& clock, const UploadOptions& options, std::uint64_t bytes) {
  return Deadline::in(
      clock, options.progress_timeout + std::chrono::seconds(bytes / kSlowestBytesPerSecond));
}

MultipartUpload::MultipartUpload(oss::ObjectStore& store, const Clock& clock, std::string key,
                                 oss::PutOptions put, const UploadOptions& options,
                                 StartPart start_part)
    : store_(store),
      clock_(clock),
      key_(std::move(key)),
      put_(std::move(put)),
      options_(options),
      start_part_(std::move(start_part)) {}

std::uint64_t MultipartUpload::weight_of(const PlannedPart& part) {
  return part.copied ? kPartWeightLeast : std::max(kPartWeightLeast, part.range.length);
}

void MultipartUpload::enqueue(const PlannedPart& part) {
  Sent& sent = parts_[part.number];
  sent.part = part;
  sent.outdated = true;
  if (!sent.under_way && std::find(queue_.begin(), queue_.end(), part.number) == queue_.end())
    queue_.push_back(part.number);
}

void MultipartUpload::send(const PlannedPart& part) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    if (phase_ == Phase::kEnded || error_) return;
    enqueue(part);
    first = phase_ == Phase::kNew;
    if (first) phase_ = Phase::kBeginning;
  }
  if (first)
    begin();
  else
    pump();
}

void MultipartUpload::begin() {
  Transfer transfer = store_.start_initiate(
      key_, put_, upload_deadline(clock_, options_, 0),
      [self = shared_from_this()](Result<std::string> id) { self->began(std::move(id)); });
  MutexLock lock(mutex_);
  if (phase_ == Phase::kBeginning) std::swap(control_, transfer);
}

void MultipartUpload::began(Result<std::string> id) {
  if (!id) {
    fail_with(std::move(id.error()));
    return;
  }
  const BegunUpload begun{key_, *id};
  bool ended = false;
  {
    MutexLock lock(mutex_);
    upload_id_ = std::move(*id);
    ended = phase_ == Phase::kEnded;
    if (!ended) phase_ = Phase::kSending;
  }
  if (options_.log)
    options_.log->upload_began(begun, [self = shared_from_this()] { self->noted(); });
  else
    noted();
  if (ended) abort();
}

/// From here on a kill leaves nothing behind.
void MultipartUpload::noted() {
  {
    MutexLock lock(mutex_);
    noted_ = true;
  }
  pump();
}

/// Starts what may be under way at once; completes when nothing is left and that was asked for.
void MultipartUpload::pump() {
  for (;;) {
    PlannedPart part;
    std::string id;
    {
      MutexLock lock(mutex_);
      if (phase_ != Phase::kSending || !noted_ || error_) return;
      if (queue_.empty()) break;
      const std::uint64_t weight = weight_of(parts_[queue_.front()].part);
      if (in_flight_ > 0 && in_flight_ + weight > options_.bytes_in_flight) return;
      Sent& sent = parts_[queue_.front()];
      queue_.pop_front();
      sent.under_way = true;
      sent.outdated = false;
      in_flight_ += weight;
      part = sent.part;
      id = upload_id_;
    }
    Transfer transfer = start_part_(
        id, part, upload_deadline(clock_, options_, part.copied ? 0 : part.range.length),
        [self = shared_from_this(), number = part.number](Result<oss::Part> done) {
          self->part_done(number, std::move(done));
        });
    MutexLock lock(mutex_);
    const auto sent = parts_.find(part.number);
    if (sent != parts_.end() && sent->second.under_way) std::swap(sent->second.transfer, transfer);
  }
  finish_sending();
}

void MultipartUpload::part_done(int number, Result<oss::Part> part) {
  if (!part) {
    fail_with(std::move(part.error()));
    return;
  }
  if (gives_way()) {
    fail_with(Error{Errc::kInterrupted, "it gave way", {}});
    return;
  }
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kSending) return;
    Sent& sent = parts_[number];
    sent.under_way = false;
    sent.done = std::move(*part);
    in_flight_ -= weight_of(sent.part);
    if (sent.outdated && wants_end_) enqueue(sent.part);
  }
  pump();
}

/// Once all is sent the end is near, and sure to come.
bool MultipartUpload::gives_way() {
  MutexLock lock(mutex_);
  const bool gives =
      phase_ == Phase::kSending && !error_ && options_.give_way && options_.give_way->asked;
  if (gives) options_.give_way->given = true;
  return gives;
}

void MultipartUpload::outdated(ByteRange range) {
  MutexLock lock(mutex_);
  for (auto& [number, sent] : parts_)
    if (sent.part.range.offset < range.end() && range.offset < sent.part.range.end())
      sent.outdated = true;
}

void MultipartUpload::set_replaced(std::string etag) {
  MutexLock lock(mutex_);
  replaced_ = std::move(etag);
}

void MultipartUpload::complete(std::vector<PlannedPart> parts, Check check,
                               Callback<oss::Written> done) {
  bool begins = false;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    error = error_;
    if (!error) {
      std::map<int, Sent> kept;
      for (const PlannedPart& part : parts) {
        const auto known = parts_.find(part.number);
        if (known != parts_.end() && known->second.part == part) {
          kept[part.number] = std::move(known->second);
          parts_.erase(known);
        }
      }
      // Those left over were cut off by a truncation, or have another size now. What is under way
      // of them is waited for: it must not replace the part that is sent in its place.
      for (auto& [number, sent] : parts_)
        if (sent.under_way) kept[number] = std::move(sent);
      parts_ = std::move(kept);
      queue_.clear();
      for (const PlannedPart& part : parts) {
        const auto known = parts_.find(part.number);
        if (known == parts_.end() || known->second.outdated || !(known->second.part == part)) {
          if (known != parts_.end() && known->second.under_way)
            in_flight_ += weight_of(part) - weight_of(known->second.part);  // given back as this
          enqueue(part);
        }
      }
      const int last = parts.empty() ? 0 : parts.back().number;
      std::erase_if(parts_,
                    [&](const auto& one) { return one.first > last && !one.second.under_way; });
      wants_end_ = true;
      done_ = std::move(done);
      check_ = std::move(check);
      begins = phase_ == Phase::kNew;
      if (begins) phase_ = Phase::kBeginning;
      last_part_ = last;
    }
  }
  if (error)
    done(fail(std::move(*error)));
  else if (begins)
    begin();
  else
    pump();
}

void MultipartUpload::finish_sending() {
  std::vector<oss::Part> parts;
  Check check;
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kSending || !wants_end_ || !queue_.empty()) return;
    for (const auto& [number, sent] : parts_) {
      if (sent.under_way) return;
      if (number <= last_part_) parts.push_back(*sent.done);
    }
    phase_ = Phase::kChecking;
    finished_ = std::move(parts);
    check = std::move(check_);
  }
  if (!check) {
    complete_now();
    return;
  }
  Transfer transfer = check([self = shared_from_this()](Result<void> good) {
    if (good)
      self->complete_now();
    else
      self->fail_with(std::move(good.error()));
  });
  MutexLock lock(mutex_);
  if (phase_ == Phase::kChecking) std::swap(control_, transfer);
}

void MultipartUpload::complete_now() {
  std::vector<oss::Part> parts;
  std::string id;
  oss::PutOptions put = put_;
  {
    Transfer checked;  // goes here, where it has just ended, and not where all of this may end next
    MutexLock lock(mutex_);
    if (phase_ != Phase::kChecking) return;
    phase_ = Phase::kCompleting;
    checked = std::move(control_);
    parts = std::move(finished_);
    id = upload_id_;
    if (replaced_) put.replaces = *replaced_;
  }
  Transfer transfer =
      store_.start_complete(key_, id, std::move(parts), put, upload_deadline(clock_, options_, 0),
                            [self = shared_from_this()](Result<oss::Written> written) {
                              if (written)
                                self->end(std::move(written));
                              else
                                self->fail_with(std::move(written.error()));
                            });
  MutexLock lock(mutex_);
  if (phase_ == Phase::kCompleting) std::swap(control_, transfer);
}

void MultipartUpload::fail_with(Error error) {
  {
    MutexLock lock(mutex_);
    if (phase_ == Phase::kEnded) return;
    error_ = error;
  }
  abort();
  end(fail(std::move(error)));
}

/// Aborts on the server; the abort belongs to nobody and ends by itself.
void MultipartUpload::abort() {
  std::string id;
  {
    MutexLock lock(mutex_);
    id = upload_id_;
  }
  if (id.empty()) return;
  auto transfer = std::make_shared<Transfer>();
  *transfer = store_.start_abort(key_, id, upload_deadline(clock_, options_, 0),
                                 [transfer, id, log = options_.log](Result<void> gone) {
                                   if (gone && log) log->upload_ended(id);
                                 });
}

void MultipartUpload::end(Result<oss::Written> result) {
  std::map<int, Sent> dropped;
  Callback<oss::Written> done;
  Transfer control;
  std::string id;
  {
    MutexLock lock(mutex_);
    if (phase_ == Phase::kEnded) return;
    phase_ = Phase::kEnded;
    dropped.swap(parts_);
    done = std::move(done_);
    control = std::move(control_);
    id = upload_id_;
  }
  dropped.clear();
  if (result && options_.log) options_.log->upload_ended(id);
  if (done) done(std::move(result));
}

void MultipartUpload::cancel() {
  std::map<int, Sent> dropped;
  Callback<oss::Written> done;
  Transfer control;
  bool was_running = false;
  {
    MutexLock lock(mutex_);
    was_running = phase_ != Phase::kEnded && phase_ != Phase::kNew;
    phase_ = Phase::kEnded;
    dropped.swap(parts_);
    done = std::move(done_);
    control = std::move(control_);
  }
  control.cancel();
  dropped.clear();  // when this returns no callback of ours runs any more
  if (was_running) abort();
}

bool MultipartUpload::failed() const {
  MutexLock lock(mutex_);
  return error_.has_value() || phase_ == Phase::kEnded;
}

// --- one object at once ---

Transfer start_upload(oss::ObjectStore& store, const Clock& clock, std::string key,
                      std::shared_ptr<const StagedView> view, std::vector<Extent> extents,
                      const CommitPlan& plan, std::string base_key, std::string base_etag,
                      oss::PutOptions put, const UploadOptions& options,
                      MultipartUpload::Check check, Callback<oss::Written> done) {
  if (plan.parts.empty()) {
    auto body = staged_body(std::move(view), std::move(extents));
    const Deadline deadline = upload_deadline(clock, options, body->size_bytes());
    return store.start_put(key, std::move(body), put, deadline, std::move(done));
  }
  auto start_part = [&store, key, view, base_key, base_etag, map = ExtentMap(extents)](
                        const std::string& id, const PlannedPart& part, Deadline deadline,
                        Callback<oss::Part> part_done) {
    if (part.copied && part.source)
      return store.start_copy_part(key, id, part.number, part.source->key, part.source->etag,
                                   {part.source_offset, part.range.length}, deadline,
                                   std::move(part_done));
    if (part.copied)
      return store.start_copy_part(key, id, part.number, base_key, base_etag, part.range, deadline,
                                   std::move(part_done));
    return store.start_upload_part(key, id, part.number, staged_body(view, map.within(part.range)),
                                   deadline, std::move(part_done));
  };
  auto upload = std::make_shared<MultipartUpload>(store, clock, key, std::move(put), options,
                                                  std::move(start_part));
  upload->complete(plan.parts, std::move(check), std::move(done));
  return Transfer([upload] { upload->cancel(); });
}

Transfer start_copy(oss::ObjectStore& store, const Clock& clock, std::string key,
                    oss::CopyOptions copy, std::uint64_t size, const UploadOptions& options,
                    Callback<oss::Written> done, MultipartUpload::Check check) {
  if (size < options.plan.copy_size_max)
    return store.start_copy(key, copy, upload_deadline(clock, options, 0), std::move(done));
  const std::vector<Extent> all{{{0, size}, Origin::kBase}};
  return start_upload(store, clock, std::move(key), nullptr, all, plan_commit(all, options.plan),
                      copy.source_key, copy.source_etag, copy.put, options, std::move(check),
                      std::move(done));
}

}  // namespace stsfs::staging
