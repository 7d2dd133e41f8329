#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ram_policy.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"
#include "stsfs/sign/public_key.h"

namespace stsfs::sim {

using Policies = std::vector<std::shared_ptr<const Policy>>;

/// A RAM user, or an account itself (`root`: everything of its own is allowed).
struct User {
  std::string account_id;
  std::string name;
  std::string id;  ///< 18 digits.
  std::string arn;
  bool root = false;
  Policies policies;  ///< Its own and those of its groups.
};

struct AccessKey {
  std::string id;
  Secret secret;
  bool active = true;
  std::shared_ptr<const User> owner;
};

struct Role {
  std::string account_id;
  std::string name;
  std::string id;
  std::string arn;
  std::chrono::seconds session_max{3'600};  ///< MaxSessionDuration, 3,600 to 43,200.
  Policy trust;
  Policies policies;
};

struct OidcKey {
  std::string id;  ///< `kid`; empty: any.
  sign::PublicKey key;
};

struct OidcProvider {
  std::string name;
  std::string arn;
  std::string issuer;
  std::vector<std::string> client_ids;
  std::vector<OidcKey> keys;
};

/// What a RAM document says, by the names that requests use.
struct DirectoryData {
  std::string first_account;
  std::map<std::string, AccessKey, std::less<>> keys;                     ///< By key id.
  std::map<std::string, std::shared_ptr<const Role>, std::less<>> roles;  ///< By arn.
  std::map<std::string, OidcProvider, std::less<>> providers;             ///< By arn.
  std::map<std::string, std::string> bucket_policies;                     ///< By bucket, as text.
};

/// The accounts, users, keys, roles and policies of a RAM document. Does not change once read.
class Directory {
 public:
  explicit Directory(DirectoryData data) : data_(std::move(data)) {}

  const AccessKey* find_key(std::string_view id) const;
  std::shared_ptr<const Role> find_role(std::string_view arn) const;
  const OidcProvider* find_provider(std::string_view arn) const;
  const std::string& first_account() const { return data_.first_account; }
  const std::map<std::string, std::string>& bucket_policies() const {
    return data_.bucket_policies;
  }

 private:
  DirectoryData data_;
};

/// Reads a RAM document: TOML, or JSON when it starts with `{`. `name` is the file, for messages,
/// which say where (`ram.toml:12: role[0].trust_policy: …`) and what.
Result<std::shared_ptr<const Directory>> read_ram_document(std::string_view text,
                                                           const std::string& name);
/// The file must not be readable by others when it holds secrets: it always does.
Result<std::shared_ptr<const Directory>> load_ram_document(const std::string& path);

inline constexpr std::size_t kRamDocumentSizeMax = 4 * 1024 * 1024;

}  // namespace stsfs::sim
