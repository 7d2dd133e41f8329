#pragma once

#include <memory>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::oss {

/// Where the bucket stands in a URL. The public service takes only virtual-hosted.
enum class UrlStyle {
  kAutomatic,      ///< Path style when the endpoint's host is an IP address or `localhost`.
  kVirtualHosted,  ///< `https://bucket.endpoint/key`
  kPath,           ///< `https://endpoint/bucket/key`
};

enum class SignatureVersion { kV4, kV1 };

struct OssStoreOptions {
  std::string endpoint;  ///< `https://oss-cn-hangzhou.aliyuncs.com`; without a scheme: https.
  std::string region;    ///< `cn-hangzhou`; a leading `oss-` is dropped. Needed for V4.
  std::string bucket;
  UrlStyle url_style = UrlStyle::kAutomatic;
  SignatureVersion signature = SignatureVersion::kV4;
  bool hierarchical_namespace = false;  ///< The bucket's directories are real.

  Result<void> validate() const;
};

/// The bucket on a real server.
///
/// A request is signed with the credential of its moment. When the server refuses that credential,
/// it is replaced and the request sent once more; when the server refuses our clock, the clock is
/// corrected and the request sent once more. Everything else is for RetryingStore.
///
/// Checked on the way: the CRC-64 of what is sent and of what is read whole, and, before the first
/// byte goes to a sink, that the answer is of the range and version that were asked for.
///
/// Errors:   as ObjectStore says; kCorrupt for a checksum that does not agree; kProtocol for an
///           answer that is not OSS's. A message never holds a secret.
/// Threads:  callbacks run on the engine's loop.
/// Lifetime: engine, provider and clock outlive it; it outlives every transfer.
class OssStore final : public ObjectStore {
 public:
  static Result<std::unique_ptr<OssStore>> create(http::Engine& engine,
                                                  credentials::Provider& provider,
                                                  const Clock& clock,
                                                  const OssStoreOptions& options);
  ~OssStore() override;

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
  class Courier;
  OssStore(std::unique_ptr<Courier> courier, bool hierarchical_namespace);

  bool is_directory_without_slash(std::string_view key, const ObjectMeta& meta) const;

  const std::unique_ptr<Courier> courier_;
  const bool hierarchical_namespace_;
};

}  // namespace stsfs::oss
