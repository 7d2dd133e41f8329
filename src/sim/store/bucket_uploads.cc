// Multipart uploads of a bucket.

#include "bucket.h"
#include "identity/refusals.h"
#include "journal.h"
#include "stsfs/base/random.h"

namespace stsfs::sim {

Verdict<std::string> Bucket::start_upload(Upload upload) {
  MutexLock lock(mutex_);
  if (closed_) return no_such_bucket(options_.name);
  upload.id = random_hex(16);
  std::string id = upload.id;
  if (journal_ != nullptr)
    if (auto written = journal_->upload(options_.name, upload); !written)
      return storage_failed(written.error().message);
  uploads_.emplace(UploadPlace(upload.key, id), std::move(upload));
  return id;
}

bool Bucket::has_upload(const std::string& key, const std::string& id) const {
  MutexLock lock(mutex_);
  return uploads_.count({key, id}) != 0;
}

std::optional<Upload> Bucket::find_upload(const std::string& key, const std::string& id) const {
  MutexLock lock(mutex_);
  const auto found = uploads_.find({key, id});
  if (found == uploads_.end()) return std::nullopt;
  return found->second;
}

Verdict<void> Bucket::put_part(const std::string& key, const std::string& id, int number,
                               UploadedPart part) {
  MutexLock lock(mutex_);
  const auto found = uploads_.find({key, id});
  if (found == uploads_.end()) return no_such_upload(id);
  if (journal_ != nullptr)
    if (auto written = journal_->part(options_.name, key, id, number, part); !written)
      return storage_failed(written.error().message);
  found->second.parts.insert_or_assign(number, std::move(part));
  return {};
}

Verdict<void> Bucket::abort_upload(const std::string& key, const std::string& id) {
  MutexLock lock(mutex_);
  if (uploads_.count({key, id}) == 0) return no_such_upload(id);
  return commit({{}, UploadPlace(key, id)});
}

Verdict<Stored> Bucket::complete_upload(const std::string& key, const std::string& id,
                                        const MakeFromUpload& make) {
  MutexLock lock(mutex_);
  const auto found = uploads_.find({key, id});
  if (found == uploads_.end()) return no_such_upload(id);
  auto object = make(found->second, current(key));
  if (!object) return tl::unexpected(std::move(object.error()));
  return store(key, std::move(*object), UploadPlace(key, id));
}

void Bucket::restore(Upload upload) {
  MutexLock lock(mutex_);
  UploadPlace place(upload.key, upload.id);
  uploads_.insert_or_assign(std::move(place), std::move(upload));
}

void Bucket::restore_part(const std::string& key, const std::string& id, int number,
                          UploadedPart part) {
  MutexLock lock(mutex_);
  if (const auto found = uploads_.find({key, id}); found != uploads_.end())
    found->second.parts.insert_or_assign(number, std::move(part));
}

void Bucket::forget_upload(const std::string& key, const std::string& id) {
  MutexLock lock(mutex_);
  uploads_.erase({key, id});
}

}  // namespace stsfs::sim
