#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fake_executor.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fakes {

/// What differs between buckets and servers.
struct FakeStoreOptions {
  bool versioning = false;  ///< forbid_overwrite is then ignored; version ids are given.
  bool hierarchical_namespace = false;  ///< Directories are real, and there are no links.
  bool crc_of_copies = true;            ///< Copies tell their CRC-64.
  bool copy_keeps_etag = true;          ///< A copy has the ETag of its source, or one of its own.
  bool type_in_brief = false;           ///< GetObjectMeta says what kind of object it is.
  std::size_t chunk_size_bytes = 64 * 1024;  ///< How a body is cut on its way to a sink.
  std::string storage_class = "Standard";    ///< Of the bucket.
  int page_max = 1000;                       ///< Of a listing, however many were asked for.
};

/// A whole bucket in memory, with the behaviour of OSS: what is written is there at once, whole or
/// not at all; an ETag names a content; Last-Modified has whole seconds.
///
/// Every call takes effect on the executor, in one step. What the real client refuses before it
/// sends anything is refused here with the same error.
///
/// Threads: as ObjectStore says.
class FakeObjectStore final : public oss::ObjectStore {
 public:
  class Bucket;  // fake_bucket.h

  FakeObjectStore(const Clock& clock, Executor& executor, FakeStoreOptions options = {});
  ~FakeObjectStore() override;

  // --- for the test, at once ---

  /// As a foreign client would, with plain headers.
  void put(const std::string& key, std::string content, oss::UserMetadata user = {});
  void put_with(const std::string& key, std::string content, const oss::PutOptions& options);
  void erase(const std::string& key);
  /// nullopt when there is none; a link's is its target's key.
  std::optional<std::string> content(const std::string& key) const;
  /// Of the object itself, also of a link.
  std::optional<oss::ObjectMeta> meta(const std::string& key) const;
  std::vector<std::string> keys() const;
  /// How many multipart uploads are neither completed nor aborted.
  std::size_t open_uploads() const;
  /// An archived object becomes readable.
  void restore(const std::string& key);

  // --- ObjectStore ---

  Transfer start_list(const oss::ListRequest& request, Deadline deadline,
                      Callback<oss::ListPage> done) override;
  Transfer start_head(std::string_view key, Deadline deadline,
                      Callback<oss::ObjectMeta> done) override;
  Transfer start_brief(std::string_view key, Deadline deadline,
                       Callback<oss::ObjectBrief> done) override;
  Transfer start_get(std::string_view key, std::string_view etag, ByteRange range,
                     oss::ReadSink& sink, Deadline deadline, Callback<void> done) override;
  Transfer start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                     const oss::PutOptions& options, Deadline deadline,
                     Callback<oss::Written> done) override;
  Transfer start_copy(std::string_view key, const oss::CopyOptions& options, Deadline deadline,
                      Callback<oss::Written> done) override;
  Transfer start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                        Callback<void> done) override;
  Transfer start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                             Callback<std::vector<std::string>> done) override;
  Transfer start_initiate(std::string_view key, const oss::PutOptions& options, Deadline deadline,
                          Callback<std::string> done) override;
  Transfer start_upload_part(std::string_view key, std::string_view upload_id, int number,
                             std::shared_ptr<http::BodySource> body, Deadline deadline,
                             Callback<oss::Part> done) override;
  Transfer start_copy_part(std::string_view key, std::string_view upload_id, int number,
                           std::string_view source_key, std::string_view source_etag,
                           ByteRange range, Deadline deadline, Callback<oss::Part> done) override;
  Transfer start_complete(std::string_view key, std::string_view upload_id,
                          std::vector<oss::Part> parts, const oss::PutOptions& options,
                          Deadline deadline, Callback<oss::Written> done) override;
  Transfer start_abort(std::string_view key, std::string_view upload_id, Deadline deadline,
                       Callback<void> done) override;
  Transfer start_list_parts(std::string_view key, std::string_view upload_id, Deadline deadline,
                            Callback<std::vector<oss::Part>> done) override;
  Transfer start_put_symlink(std::string_view key, std::string_view target_key,
                             const oss::PutOptions& options, Deadline deadline,
                             Callback<oss::Written> done) override;
  Transfer start_get_symlink(std::string_view key, Deadline deadline,
                             Callback<oss::Symlink> done) override;
  Transfer start_get_acl(std::string_view key, Deadline deadline,
                         Callback<std::string> done) override;
  Transfer start_get_tagging(std::string_view key, Deadline deadline,
                             Callback<std::string> done) override;
  Transfer start_restore(std::string_view key, const oss::RestoreRequest& request,
                         Deadline deadline, Callback<void> done) override;
  Transfer start_rename(std::string_view from, std::string_view to, Deadline deadline,
                        Callback<void> done) override;

 private:
  /// Runs `work(bucket)`, which gives a Result<T>, on the executor and calls back with it;
  /// kTimedOut when the deadline has passed by then.
  template <class T, class Work>
  Transfer run(Deadline deadline, Callback<T> done, Work work);

  const Clock& clock_;
  Executor& executor_;
  const FakeStoreOptions options_;
  const std::unique_ptr<Bucket> bucket_;
};

}  // namespace stsfs::fakes
