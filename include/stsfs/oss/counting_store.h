#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "stsfs/oss/object_store.h"
#include "stsfs/oss/operation.h"

namespace stsfs::oss {

/// What went through a store since it was made.
struct StoreCounters {
  struct Line {
    std::uint64_t started = 0;
    std::uint64_t succeeded = 0;  ///< Also: it is not there, or not as the request wanted it.
    std::uint64_t failed = 0;     ///< What is neither is under way or was dropped.
  };
  std::array<Line, kOperationCount> by_operation;
  std::uint64_t bytes_read = 0;     ///< Given to sinks.
  std::uint64_t bytes_written = 0;  ///< Of bodies whose put or part succeeded.

  const Line& of(Operation operation) const {
    return by_operation[static_cast<std::size_t>(operation)];
  }
  std::uint64_t started() const;
  std::uint64_t failed() const;
};

/// Counts what passes to `inner`; `status` and tests read it.
///
/// Around a RetryingStore it counts what callers asked for, inside one what was sent.
///
/// Lifetime: `inner` outlives it, it outlives every transfer.
class CountingStore final : public ObjectStore {
 public:
  explicit CountingStore(ObjectStore& inner) : inner_(inner) {}

  StoreCounters counters() const;

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
  struct Counter {
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> succeeded{0};
    std::atomic<std::uint64_t> failed{0};
  };
  Counter& of(Operation operation) { return counters_[static_cast<std::size_t>(operation)]; }

  /// `done`, with its outcome counted under `operation` and, when it went well, `bytes` as written.
  template <class T>
  Callback<T> counted(Operation operation, Callback<T> done, std::uint64_t bytes = 0);

  ObjectStore& inner_;
  std::array<Counter, kOperationCount> counters_;
  std::atomic<std::uint64_t> bytes_read_{0};
  std::atomic<std::uint64_t> bytes_written_{0};
};

}  // namespace stsfs::oss
