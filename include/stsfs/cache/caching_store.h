#pragma once

#include <memory>
#include <string>

#include "stsfs/cache/block_store.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::cache {

/// Reads that name a version are answered from a BlockStore as far as it has their blocks, and from
/// `inner` for the rest, whose blocks are then kept. Everything else passes to `inner`.
///
/// Nothing that is answered from the disk says that the version is still there, or what attributes
/// it has by now: what a sink is then told of the object is its ETag, size and CRC-64, and no time
/// of a server.
///
/// A sink that finds bytes to be wrong (kCorrupt) is believed: what is kept of that version goes,
/// and nothing more of it is kept.
///
/// The disk is read and written by a few threads of its own. Sinks and completions are called as
/// `inner` calls them, on the thread that completes transfers. What comes faster than the disk
/// takes it is not kept.
///
/// Threads:  as ObjectStore.
/// Lifetime: the three outlive it, it outlives its transfers. The destructor waits for the disk.
class CachingStore final : public oss::ObjectStore {
 public:
  /// `folder` names endpoint, bucket and prefix.
  CachingStore(oss::ObjectStore& inner, Scheduler& scheduler, BlockStore& blocks,
               std::string folder);
  ~CachingStore() override;

  /// Whether a read of the start of that version would be answered from the disk. Looks at it.
  bool has_start(const std::string& key, const std::string& etag) const;
  Transfer start_get(std::string_view key, std::string_view etag, ByteRange range,
                     oss::ReadSink& sink, Deadline deadline, Callback<void> done) override;

  Transfer start_list(const oss::ListRequest& request, Deadline deadline,
                      Callback<oss::ListPage> done) override;
  Transfer start_head(std::string_view key, Deadline deadline,
                      Callback<oss::ObjectMeta> done) override;
  Transfer start_brief(std::string_view key, Deadline deadline,
                       Callback<oss::ObjectBrief> done) override;
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
  class Disk;
  class Reading;

  oss::ObjectStore& inner_;
  Scheduler& scheduler_;
  const std::string folder_;
  const std::unique_ptr<Disk> disk_;
};

}  // namespace stsfs::cache
