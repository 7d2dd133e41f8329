#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "content.h"
#include "stsfs/base/clock.h"
#include "stsfs/sign/request.h"

namespace stsfs::sim {

enum class ObjectKind { kNormal, kMultipart, kAppendable, kSymlink };
const char* name_of(ObjectKind kind);

/// `x-oss-restore` of an archived object.
struct Restore {
  std::optional<WallTime> ready_at;  ///< When the request for it will have been carried out.
  std::optional<WallTime> expires;
};

/// One version of one object. Immutable once stored: a change of ACL or tags stores a changed copy.
struct Object {
  std::string etag;        ///< With quotes.
  WallTime last_modified;  ///< Whole seconds.
  ObjectKind kind = ObjectKind::kNormal;
  std::string storage_class = "Standard";
  Content content;
  bool has_crc64 = true;
  std::string content_md5;  ///< Base64; only of a PutObject.
  sign::Pairs headers;      ///< Content-Type and the other stored standard headers.
  sign::Pairs encryption;   ///< `x-oss-server-side-…encryption` headers, as asked.
  std::map<std::string, std::string> user;  ///< `x-oss-meta-` names in lower case, without it.
  std::string acl = "default";
  std::vector<std::pair<std::string, std::string>> tags;
  std::string symlink_target;  ///< As sent.
  Restore restore;
  bool sealed = false;
  bool directory = false;  ///< On buckets with a hierarchical namespace.
  bool delete_marker = false;
  std::string version_id = "null";
};
using ObjectPointer = std::shared_ptr<const Object>;
/// All of one key, oldest first; one entry on unversioned buckets.
using Versions = std::vector<ObjectPointer>;

struct UploadedPart {
  std::string etag;
  Content content;
  WallTime last_modified;
};

/// A multipart upload under way.
struct Upload {
  std::string key;
  std::string id;
  WallTime initiated;
  Object attributes;  ///< What Initiate said of the object to be.
  bool forbid_overwrite = false;
  std::map<int, UploadedPart> parts;
};

enum class Versioning { kOff, kEnabled, kSuspended };

struct BucketOptions {
  std::string name;
  std::string acl = "private";
  std::string storage_class = "Standard";
  Versioning versioning = Versioning::kOff;
  bool hierarchical = false;
};

}  // namespace stsfs::sim
