#pragma once

#include <chrono>

#include "stsfs/base/clock.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::oss {

/// The name, in user metadata, of an id that is new for every write. Where a write carries one, an
/// answer that was lost can be told from another writer.
inline constexpr const char* kWriteIdName = "stsfs-write";

enum class Seen;

struct RetryOptions {
  int attempts_max = 12;  ///< In a row without progress; the first try counts. 1 means no retry.
  std::chrono::milliseconds backoff{100};  ///< Doubles each time, with full jitter, to at most:
  std::chrono::milliseconds backoff_max{5'000};
  std::chrono::milliseconds throttled_min{1'000};  ///< At least, when the server asks for less.

  Result<void> validate() const;
};

/// `inner`, with failures that pass tried again until the deadline: the network, a server in
/// trouble, throttling, bytes damaged on their way up.
///
/// A read goes on where it broke off, on the same version. A write whose answer was lost and that
/// then meets its own result (kExists, kChanged, an upload that is gone) looks with HEAD whether
/// that is its own, by `stsfs-write` in the metadata or, for Complete, also by size and CRC-64.
///
/// A write that says what it replaces, and every delete, looks again before it is repeated
/// (GetObjectMeta): nothing that another client wrote since the call began is replaced or deleted.
/// It is kChanged then, also where a write finds nothing any more, unless what is there is its own.
/// A delete that finds nothing has been done. Of what nothing is repeated nothing more is asked.
///
/// An error that gives up says how often and how long was tried; its code is that of the last try,
/// kTimedOut when the deadline has passed.
///
/// Threads:  as ObjectStore says; pauses end on the scheduler's thread.
/// Lifetime: inner, scheduler and clock outlive it; it outlives every transfer.
class RetryingStore final : public ObjectStore {
 public:
  RetryingStore(ObjectStore& inner, Scheduler& scheduler, const Clock& clock,
                RetryOptions options = {})
      : inner_(inner), scheduler_(scheduler), clock_(clock), options_(options) {}

  Transfer start_list(const ListRequest& request, Deadline deadline,
                      Callback<ListPage> done) override;
  Transfer start_head(std::string_view key, Deadline deadline, Callback<ObjectMeta> done) override;
  Transfer start_brief(std::string_view key, Deadline deadline,
                       Callback<ObjectBrief> done) override;
  Transfer start_get(std::string_view key, std::string_view etag, ByteRange range, ReadSink& sink,
                     Deadline deadline, Callback<void> done) override;
  Transfer start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                     const PutOptions& options, Deadline deadline, Callback<Written> done) override;
  Transfer start_copy(std::string_view key, const CopyOptions& options, Deadline deadline,
                      Callback<Written> done) override;
  Transfer start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                        Callback<void> done) override;
  Transfer start_delete_many(std::vector<Doomed> doomed, Deadline deadline,
                             Callback<std::vector<std::string>> done) override;
  Transfer start_initiate(std::string_view key, const PutOptions& options, Deadline deadline,
                          Callback<std::string> done) override;
  Transfer start_upload_part(std::string_view key, std::string_view upload_id, int number,
                             std::shared_ptr<http::BodySource> body, Deadline deadline,
                             Callback<Part> done) override;
  Transfer start_copy_part(std::string_view key, std::string_view upload_id, int number,
                           std::string_view source_key, std::string_view source_etag,
                           ByteRange range, Deadline deadline, Callback<Part> done) override;
  Transfer start_complete(std::string_view key, std::string_view upload_id, std::vector<Part> parts,
                          const PutOptions& options, Deadline deadline,
                          Callback<Written> done) override;
  Transfer start_abort(std::string_view key, std::string_view upload_id, Deadline deadline,
                       Callback<void> done) override;
  Transfer start_list_parts(std::string_view key, std::string_view upload_id, Deadline deadline,
                            Callback<std::vector<Part>> done) override;
  Transfer start_put_symlink(std::string_view key, std::string_view target_key,
                             const PutOptions& options, Deadline deadline,
                             Callback<Written> done) override;
  Transfer start_get_symlink(std::string_view key, Deadline deadline,
                             Callback<Symlink> done) override;
  Transfer start_get_acl(std::string_view key, Deadline deadline,
                         Callback<std::string> done) override;
  Transfer start_get_tagging(std::string_view key, Deadline deadline,
                             Callback<std::string> done) override;
  Transfer start_restore(std::string_view key, const RestoreRequest& request, Deadline deadline,
                         Callback<void> done) override;
  Transfer start_rename(std::string_view from, std::string_view to, Deadline deadline,
                        Callback<void> done) override;

 private:
  template <class T>
  class Attempts;
  class GetAttempts;
  class DoomedLook;

  /// What is at `key` instead of the version `etag`.
  Transfer look_for(const std::string& key, const std::string& etag, Deadline deadline,
                    Callback<Seen> done);
  /// Before a repetition: is what the write is to replace still there?
  template <class T>
  void guard(Attempts<T>& attempts, std::string_view key, const std::string& replaces,
             Deadline deadline);
  template <class T>
  void guard_deletes(Attempts<T>& attempts, std::shared_ptr<std::vector<Doomed>> doomed,
                     Deadline deadline);

  /// What is at `key`, when the write with `options` left it; any failure otherwise.
  Transfer look_for_own(const std::string& key, const PutOptions& options, Deadline deadline,
                        Callback<ObjectMeta> done);

  ObjectStore& inner_;
  Scheduler& scheduler_;
  const Clock& clock_;
  const RetryOptions options_;
};

}  // namespace stsfs::oss
