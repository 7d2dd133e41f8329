#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"

namespace stsfs::oss {

/// How an object came to be. Source: OSS API, `x-oss-object-type`.
enum class ObjectType { kNormal, kMultipart, kAppendable, kSymlink };

/// `Content-Type` of an object that marks a directory: OSS shows its real directories so.
inline constexpr char kDirectoryType[] = "application/x-directory";

/// `x-oss-meta-` headers without that prefix, names in lower case.
using UserMetadata = std::map<std::string, std::string>;

/// How the server encrypts an object. What is not named it decides by the bucket's own rule, also
/// for a copy: none inherits that of its source.
struct Encryption {
  std::string method;       ///< `x-oss-server-side-encryption`: "AES256", "KMS", "SM4".
  std::string key_id;       ///< `…-key-id`, of a KMS key.
  std::string data_method;  ///< `x-oss-server-side-data-encryption`, with KMS.

  bool operator==(const Encryption&) const = default;
};

/// The headers that are stored with an object and come back with it.
struct ObjectHeaders {
  std::string content_type;
  std::string cache_control;
  std::string content_disposition;
  std::string content_encoding;
  std::string content_language;
  std::string expires;
  Encryption encryption;
  UserMetadata user;
};

/// What HeadObject tells.
struct ObjectMeta {
  std::uint64_t size_bytes = 0;
  std::string etag;        ///< With its quotes, as sent. Names a version of the content.
  WallTime last_modified;  ///< Whole seconds.
  ObjectType type = ObjectType::kNormal;
  std::string
      storage_class;  ///< "Standard", "IA", "Archive", …; empty when the server does not say.
  std::optional<std::uint64_t> crc64;
  std::string restore;  ///< `x-oss-restore`, empty when not archived or not asked for.
  std::string version_id;
  std::uint64_t tagging_count = 0;
  ObjectHeaders headers;
  /// Of what GetSymlink told: the key that the link leads to. HEAD follows it, and leaves it empty.
  std::string symlink_target;
  WallTime server_time;  ///< `Date` of the answer.
};

/// What GetObjectMeta tells. On a symbolic link it describes the link, where HeadObject follows it.
struct ObjectBrief {
  std::uint64_t size_bytes = 0;
  std::string etag;
  WallTime last_modified;
  std::optional<ObjectType> type;  ///< Not every server sends it.
  std::string version_id;
  WallTime server_time;
};

/// Whether the object was written within `passed` before it was asked for, on the server's clock
/// and as far as whole seconds tell. Not before it was answered: what we wrote ourselves would look
/// later than it is. Nor is this machine's own clock what counts, which may be set meanwhile.
inline bool is_written_within(const ObjectBrief& brief, std::chrono::nanoseconds passed) {
  constexpr std::chrono::seconds kSecond{1};
  return brief.server_time != WallTime{} &&
         brief.last_modified > brief.server_time - passed + kSecond;
}

/// One object in a listing.
struct ListEntry {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string etag;
  WallTime last_modified;
  ObjectType type = ObjectType::kNormal;
  std::string storage_class;
  std::string restore;
};

struct ListRequest {
  std::string prefix;
  std::string delimiter;           ///< Empty: every key below the prefix.
  std::string start_after;         ///< Exclusive.
  std::string continuation_token;  ///< From the page before; then `start_after` is ignored.
  int keys_max = 1000;             ///< 1 to 1,000.
};

/// One page, both lists in byte order of the keys.
struct ListPage {
  std::vector<ListEntry> objects;
  std::vector<std::string> common_prefixes;
  std::string next_token;  ///< Empty on the last page.
  WallTime server_time;
};

/// How an object is to be written.
struct PutOptions {
  ObjectHeaders headers;
  std::string storage_class;      ///< Empty: the bucket's.
  std::string acl;                ///< Empty: the bucket's (`default`).
  std::string tagging;            ///< `a=1&b=2`, encoded.
  bool forbid_overwrite = false;  ///< kExists when the key is taken (versioned buckets ignore it).
  /// The ETag of what it is to replace; empty: whatever is there. OSS takes no such condition: it
  /// counts where a write is repeated, see RetryingStore.
  std::string replaces;
};

/// A version that is to be deleted.
struct Doomed {
  std::string key;
  std::string etag;  ///< Empty: whichever is there.
};

/// What a write left behind.
struct Written {
  std::string etag;
  std::optional<std::uint64_t> crc64;  ///< Of the whole object.
  std::string version_id;
  WallTime server_time;
};

struct CopyOptions {
  std::string source_key;   ///< In the same bucket.
  std::string source_etag;  ///< Empty: any version. Otherwise kChanged when it is another.
  /// False: everything is copied, and of `put.headers` only the encryption counts.
  bool replace_metadata = false;
  PutOptions put;
};

struct Part {
  int number = 0;  ///< 1 to 10,000.
  std::string etag;
  std::uint64_t size_bytes = 0;
  std::optional<std::uint64_t> crc64;
};

/// How an archived object is to be made readable.
struct RestoreRequest {
  int days = 1;      ///< 1 to 365: how long it stays so.
  std::string tier;  ///< `Expedited`, `Standard`, `Bulk`; empty, as for class Archive: none given.
};

struct Symlink {
  std::string target;  ///< A raw key of the same bucket, decoded.
  std::string etag;
  WallTime last_modified;
  UserMetadata user;
  WallTime server_time;  ///< `Date` of the answer.
};

}  // namespace stsfs::oss
