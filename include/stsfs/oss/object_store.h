#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/transfer.h"
#include "stsfs/http/body.h"
#include "stsfs/oss/object.h"

namespace stsfs::oss {

/// What OSS takes. Source: OSS documentation, "Limits".
inline constexpr std::uint64_t kPutSizeMax = std::uint64_t{5} << 30;
inline constexpr std::uint64_t kCopySizeMax = std::uint64_t{1}
                                              << 30;  ///< Exclusive: UploadPartCopy from here on.
inline constexpr std::uint64_t kPartSizeMin = 100 * 1024;  ///< But for the last.
inline constexpr std::uint64_t kPartSizeMax = std::uint64_t{5} << 30;
inline constexpr int kPartsMax = 10'000;
inline constexpr std::size_t kKeySizeMax = 1023;
inline constexpr std::size_t kUserMetadataMax = 8 * 1024;
inline constexpr std::size_t kDeleteManyMax = 1000;

/// Where the bytes of a ranged read go, in order.
///
/// Threads: as http::Sink. After an error it keeps what it was given.
class ReadSink {
 public:
  virtual ~ReadSink() = default;
  /// Once, before the first byte: what the answer says about the object.
  virtual Result<void> begin(const ObjectMeta& meta) = 0;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
};

/// The objects of one bucket. Keys are whole keys, raw UTF-8, prefix included.
///
/// Threads:  every call may be made at once on any thread, and returns at once; `done` runs on the
/// HTTP
///           loop: it must neither block nor take a lock that is held across a call.
/// Lifetime: must outlive every handle of the mount; `daemon` owns it. Views are copied before a
/// call returns;
///           sinks must live until done or dropped.
/// Errors:   of every call, beside those named: kDenied, kCredential, kThrottled, kUnavailable,
///           kTimedOut when the deadline is spent, kBucketGone, kProtocol, kInvalid, kIo. The
///           message holds operation, key, HTTP status, OSS code, EC and request id.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// One page. Source: ListObjectsV2 (`list-type=2`, `encoding-type=url`).
  virtual Transfer start_list(const ListRequest& request, Deadline deadline,
                              Callback<ListPage> done) = 0;

  /// kNotFound; on a link, the target's (kNotFound when it dangles, kLoop when it is a link too).
  /// Source: HeadObject.
  virtual Transfer start_head(std::string_view key, Deadline deadline,
                              Callback<ObjectMeta> done) = 0;
  /// kNotFound. Source: GetObjectMeta.
  virtual Transfer start_brief(std::string_view key, Deadline deadline,
                               Callback<ObjectBrief> done) = 0;

  /// Starts reading `range` into `sink` in order. `etag` empty: whatever version is there. A range
  /// that reaches past the end is cut there; one that starts there or later is kRange. An empty
  /// range is kInvalid.
  ///
  /// Returns: the transfer. A retry goes on where the body broke off, on the same version.
  /// Errors:  kNotFound; kChanged when the object is no longer `etag`; kArchived.
  /// Source:  GetObject: `Range`, `x-oss-range-behavior: standard`, `If-Match`.
  virtual Transfer start_get(std::string_view key, std::string_view etag, ByteRange range,
                             ReadSink& sink, Deadline deadline, Callback<void> done) = 0;

  /// Whole object at once, up to kPutSizeMax. The CRC-64 of what was read from `body` is compared
  /// with the server's: kCorrupt. Errors: kExists (forbid_overwrite), kChanged (replaces),
  /// kTooLarge, kMetadataFull.
  /// Source: PutObject.
  virtual Transfer start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                             const PutOptions& options, Deadline deadline,
                             Callback<Written> done) = 0;

  /// Below kCopySizeMax. Onto itself with replace_metadata: a change of metadata.
  /// Errors: kNotFound; kChanged; kTooLarge; kArchived; kExists. Source: CopyObject.
  virtual Transfer start_copy(std::string_view key, const CopyOptions& options, Deadline deadline,
                              Callback<Written> done) = 0;

  /// Well also when it did not exist. kNotEmpty: a directory of a hierarchical namespace in which
  /// something is. `etag` is as `PutOptions::replaces`: kChanged when a repetition finds another.
  /// Source: DeleteObject; of such a directory DeleteDirectory (`x-oss-delete`).
  virtual Transfer start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                                Callback<void> done) = 0;
  /// Up to kDeleteManyMax keys; returns those that the server did not confirm, among them the
  /// directories of a hierarchical namespace. What a repetition finds replaced stays, and is not
  /// among them. Source: DeleteMultipleObjects.
  virtual Transfer start_delete_many(std::vector<Doomed> doomed, Deadline deadline,
                                     Callback<std::vector<std::string>> done) = 0;

  // --- multipart; kNotFound when the upload is unknown ---

  /// The upload id. Source: InitiateMultipartUpload.
  virtual Transfer start_initiate(std::string_view key, const PutOptions& options,
                                  Deadline deadline, Callback<std::string> done) = 0;
  /// Compares the CRC-64 as `start_put` does. Source: UploadPart.
  virtual Transfer start_upload_part(std::string_view key, std::string_view upload_id, int number,
                                     std::shared_ptr<http::BodySource> body, Deadline deadline,
                                     Callback<Part> done) = 0;
  /// Errors: kNotFound (source or upload), kChanged. Source: UploadPartCopy.
  virtual Transfer start_copy_part(std::string_view key, std::string_view upload_id, int number,
                                   std::string_view source_key, std::string_view source_etag,
                                   ByteRange range, Deadline deadline, Callback<Part> done) = 0;
  /// `parts` ascending by number. `options` are those of Initiate: the ACL and forbid_overwrite
  /// count here, the write id tells a lost answer. Errors: kExists (forbid_overwrite at either).
  /// Source: CompleteMultipartUpload.
  virtual Transfer start_complete(std::string_view key, std::string_view upload_id,
                                  std::vector<Part> parts, const PutOptions& options,
                                  Deadline deadline, Callback<Written> done) = 0;
  /// Well also when the upload is unknown. Source: AbortMultipartUpload.
  virtual Transfer start_abort(std::string_view key, std::string_view upload_id, Deadline deadline,
                               Callback<void> done) = 0;
  /// All parts, all pages. Source: ListParts.
  virtual Transfer start_list_parts(std::string_view key, std::string_view upload_id,
                                    Deadline deadline, Callback<std::vector<Part>> done) = 0;

  // --- symbolic links; kNotSupported on buckets with a hierarchical namespace ---

  /// `target_key` raw. Honours metadata, class, ACL and forbid_overwrite. Source: PutSymlink.
  virtual Transfer start_put_symlink(std::string_view key, std::string_view target_key,
                                     const PutOptions& options, Deadline deadline,
                                     Callback<Written> done) = 0;
  /// kNotFound; kInvalid when the object is not a link. Source: GetSymlink.
  virtual Transfer start_get_symlink(std::string_view key, Deadline deadline,
                                     Callback<Symlink> done) = 0;

  // --- what no HEAD tells and what archives ask for; kNotFound ---

  /// `default`, `private`, `public-read` or `public-read-write`. No copy carries it: whoever copies
  /// gives it anew. Source: GetObjectAcl.
  virtual Transfer start_get_acl(std::string_view key, Deadline deadline,
                                 Callback<std::string> done) = 0;
  /// In the form of `PutOptions::tagging`; empty when there are none. Source: GetObjectTagging.
  virtual Transfer start_get_tagging(std::string_view key, Deadline deadline,
                                     Callback<std::string> done) = 0;
  /// Asks that an archived object be readable for some days, which takes minutes to hours; well
  /// also when it is already. Errors: kNotSupported when it is not archived; kBusy while an earlier
  /// request is being carried out. Source: RestoreObject.
  virtual Transfer start_restore(std::string_view key, const RestoreRequest& request,
                                 Deadline deadline, Callback<void> done) = 0;

  // --- buckets with a hierarchical namespace; kNotSupported on all others ---

  /// One object, or a directory with all that is below it, at one stroke, whatever its size. The
  /// keys of directories have their closing slash. What has the new name already is never replaced.
  ///
  /// Errors: kExists; kNotFound for the old name, or for the directory that the new one is in;
  ///         kInvalid for a directory that would go below itself.
  /// Source: Rename (`x-oss-rename`).
  virtual Transfer start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                Callback<void> done) = 0;
};

}  // namespace stsfs::oss
