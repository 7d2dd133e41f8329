#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/secret.h"

namespace stsfs::credentials {

/// What a request is signed with. Immutable: renewal makes a new one, and whoever holds this goes
/// on with it.
struct Credential {
  std::string access_key_id;
  Secret access_key_secret;
  Secret security_token;               ///< Empty for a long-term key.
  std::optional<WallTime> expiration;  ///< Absent: it does not expire.
};
using CredentialSnapshot = std::shared_ptr<const Credential>;

/// `kUploadOnly`: new objects and nothing else, neither reading nor listing. Not to be mounted, but
/// of use to other programs.
enum class Permissions { kReadWrite, kReadOnly, kUploadOnly };

/// Where the person's folder is, as the vending answer says or the options do.
struct Folder {
  std::string
      endpoint;  ///< `https://oss-cn-hangzhou.aliyuncs.com`: scheme and host, no bucket, no path.
  std::string region;  ///< `cn-hangzhou`
  std::string bucket;
  std::string prefix;  ///< Empty (the whole bucket) or ends in `/`; never starts with one.
  Permissions permissions = Permissions::kReadWrite;
  bool versioning = false;
  bool hierarchical_namespace = false;
  std::uint64_t quota_bytes = 0;  ///< 0: none.
  std::uint64_t used_bytes = 0;
  std::string storage_class;  ///< For new objects; empty: the bucket's.
  /// Whether the credential may ask for access control lists. Not said: who needs one asks once.
  std::optional<bool> acls;
};

/// What a source gives: a credential, and where it says so the folder.
struct Grant {
  Credential credential;
  std::optional<Folder> folder;
  /// When the one who issued it says it is now (`Date`, to the second); what is left of its life is
  /// counted from there, so that a wrong clock of ours does not matter.
  std::optional<WallTime> server_time = {};
  /// Whose it is, for `status`: a login's name, a session's ARN; empty when the source cannot say.
  std::string identity = {};
};

}  // namespace stsfs::credentials
