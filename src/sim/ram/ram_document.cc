// A RAM document names accounts, users, groups, roles, policies, bucket policies and OIDC
// providers:
//
//   [[account]]        id name access_key[]
//   [[policy]]         name document
//   [[group]]          name policies
//   [[user]]           name id account groups policies access_key[]      access_key: id secret
//   active
//   [[role]]           name id account max_session_duration trust_policy policies
//   [[bucket_policy]]  bucket document
//   [[oidc_provider]]  name account issuer client_ids key[]              key: kid pem
//
// The first account is the one that owns the buckets. Policies are JSON texts or tables.

#include "ram_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "document_node.h"
#include "ram_system_policies.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kNameSizeMax = 64;  // RAM, "Limits": names of users, roles, groups
constexpr int kRoleSessionMin = 3'600;    // RAM, "Specify the maximum session duration"
constexpr int kRoleSessionMax = 43'200;
constexpr std::size_t kAccountIdSizeMax = 20;

bool is_account_id(std::string_view id) {
  return !id.empty() && id.size() <= kAccountIdSizeMax &&
         id.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_entity_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.@_-";
  return !name.empty() && name.size() <= kNameSizeMax &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

/// An id for an entity that the document gives none: the same in every run.
std::string id_of(std::string_view kind, std::string_view account, std::string_view name) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a
  for (const std::string_view part : {kind, account, name})
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  return std::to_string(200'000'000'000'000'000 + hash % 100'000'000'000'000'000);
}

}  // namespace

class DirectoryReader {
 public:
  explicit DirectoryReader(Document& document) : document_(document) {}

  Result<std::shared_ptr<const Directory>> read() {
    Node root = document_.root();
    read_accounts(root);
    read_policies(root);
    read_groups(root);
    for (Node& node : root.tables("user")) read_user(node);
    for (Node& node : root.tables("role")) read_role(node);
    for (Node& node : root.tables("bucket_policy")) read_bucket_policy(node);
    for (Node& node : root.tables("oidc_provider")) read_provider(node);
    root.expect_no_more();
    if (auto good = document_.check(); !good) return fail(std::move(good.error()));
    return std::make_shared<const Directory>(std::move(out_));
  }

 private:
  void read_accounts(Node& root) {
    auto nodes = root.tables("account");
    if (nodes.empty()) root.complain("", "names no [[account]]");
    for (Node& node : nodes) {
      const std::string id = node.text("id");
      if (!is_account_id(id)) node.complain("id", "must be 1 to 20 digits");
      if (!accounts_.insert(id).second) node.complain("id", "names an account a second time");
      if (out_.first_account.empty()) out_.first_account = id;
      auto user = std::make_shared<User>();
      user->account_id = user->id = id;
      user->name = node.text_or("name", id);
      user->arn = "acs:ram::" + id + ":root";
      user->root = true;
      read_keys(node, user);
      node.expect_no_more();
    }
  }

  void read_policies(Node& root) {
    for (const auto& [name, text] : kSystemPolicies) {
      Policy policy = parse_policy(text, PolicyKind::kIdentity).value();
      policy.name = name;
      policies_[std::string(name)] = std::make_shared<const Policy>(std::move(policy));
    }
    for (Node& node : root.tables("policy")) {
      const std::string name = entity_name(node);
      auto policy = read_policy(node, "document", PolicyKind::kIdentity);
      policy.name = name;
      if (policies_.contains(name)) node.complain("name", "names a policy a second time");
      policies_[name] = std::make_shared<const Policy>(std::move(policy));
      node.expect_no_more();
    }
  }

  void read_groups(Node& root) {
    for (Node& node : root.tables("group")) {
      const std::string name = entity_name(node);
      if (!groups_.emplace(name, attached(node)).second)
        node.complain("name", "names a group a second time");
      node.expect_no_more();
    }
  }

  void read_user(Node& node) {
    auto user = std::make_shared<User>();
    user->account_id = account_of(node);
    user->name = entity_name(node);
    user->id = node.text_or("id", id_of("user", user->account_id, user->name));
    user->arn = "acs:ram::" + user->account_id + ":user/" + user->name;
    user->policies = attached(node);
    for (const std::string& group : node.texts("groups")) {
      const auto found = groups_.find(group);
      if (found == groups_.end())
        node.complain("groups", "\"" + printable(group, 64) + "\" is no group of this document");
      else
        user->policies.insert(user->policies.end(), found->second.begin(), found->second.end());
    }
    if (!users_.insert(user->arn).second) node.complain("name", "names a user a second time");
    read_keys(node, user);
    node.expect_no_more();
  }

  void read_keys(Node& node, const std::shared_ptr<const User>& owner) {
    for (Node& key : node.tables("access_key")) {
      AccessKey out;
      out.id = key.text("id");
      out.secret = Secret(key.text("secret"));
      out.active = key.flag_or("active", true);
      out.owner = owner;
      if (out.id.starts_with("STS.")) key.complain("id", "may not start with \"STS.\"");
      if (out.id.find_first_of("/:, \t\r\n=") != std::string::npos)
        key.complain("id", "may not hold any of / : , = or blanks");
      if (out_.keys.contains(out.id)) key.complain("id", "names an access key a second time");
      key.expect_no_more();
      const std::string id = out.id;
      out_.keys.insert_or_assign(id, std::move(out));
    }
  }

  void read_role(Node& node) {
    auto role = std::make_shared<Role>();
    role->account_id = account_of(node);
    role->name = entity_name(node);
    role->id = node.text_or("id", id_of("role", role->account_id, role->name));
    role->arn = "acs:ram::" + role->account_id + ":role/" + role->name;
    role->session_max = std::chrono::seconds(
        node.number_or("max_session_duration", kRoleSessionMin, kRoleSessionMin, kRoleSessionMax));
    role->trust = read_policy(node, "trust_policy", PolicyKind::kTrust);
    role->policies = attached(node);
    if (out_.roles.contains(role->arn)) node.complain("name", "names a role a second time");
    node.expect_no_more();
    const std::string arn = role->arn;
    out_.roles.insert_or_assign(arn, std::move(role));
  }

  void read_bucket_policy(Node& node) {
    const std::string bucket = node.text("bucket");
    const Policy policy = read_policy(node, "document", PolicyKind::kBucket);
    if (!out_.bucket_policies.emplace(bucket, policy.text).second)
      node.complain("bucket", "has a policy already");
    node.expect_no_more();
  }

  void read_provider(Node& node) {
    OidcProvider out;
    const std::string account = account_of(node);
    out.name = entity_name(node);
    out.arn = "acs:ram::" + account + ":oidc-provider/" + out.name;
    out.issuer = node.text("issuer");
    out.client_ids = node.texts("client_ids");
    if (out.client_ids.empty()) node.complain("client_ids", "must name at least one");
    for (Node& key : node.tables("key")) {
      auto parsed = sign::PublicKey::from_pem(key.text("pem"));
      if (!parsed)
        key.complain("pem", parsed.error().message);
      else
        out.keys.push_back({key.text("kid", false), std::move(*parsed)});
      key.text("kid", false);
      key.expect_no_more();
    }
    if (out.keys.empty()) node.complain("key", "must hold at least one");
    node.expect_no_more();
    const std::string arn = out.arn;
    if (!out_.providers.emplace(arn, std::move(out)).second)
      node.complain("name", "names a provider a second time");
  }

  std::string account_of(Node& node) {
    std::string account = node.text_or("account", out_.first_account);
    if (!accounts_.contains(account))
      node.complain("account", "\"" + printable(account, 64) + "\" is no account of this document");
    return account;
  }

  std::string entity_name(Node& node) {
    std::string name = node.text("name");
    if (!is_entity_name(name))
      node.complain("name", "must be 1 to 64 of letters, digits and . @ _ -");
    return name;
  }

  Policy read_policy(Node& node, const std::string& name, PolicyKind kind) {
    const std::string text = node.json_text(name);
    if (text.size() > kPolicySizeMax)
      node.complain(name, "is longer than " + std::to_string(kPolicySizeMax) + " characters");
    auto policy = parse_policy(text, kind);
    if (policy) return std::move(*policy);
    node.complain(name, policy.error().message);
    return {};
  }

  Policies attached(Node& node) {
    Policies out;
    for (const std::string& name : node.texts("policies")) {
      const auto found = policies_.find(name);
      if (found == policies_.end())
        node.complain("policies", "\"" + printable(name, 64) + "\" is no policy of this document");
      else
        out.push_back(found->second);
    }
    return out;
  }

  Document& document_;
  DirectoryData out_;
  std::set<std::string> accounts_;
  std::set<std::string> users_;
  std::map<std::string, std::shared_ptr<const Policy>> policies_;
  std::map<std::string, Policies> groups_;
};

const AccessKey* Directory::find_key(std::string_view id) const {
  const auto found = data_.keys.find(id);
  return found == data_.keys.end() ? nullptr : &found->second;
}

std::shared_ptr<const Role> Directory::find_role(std::string_view arn) const {
  const auto found = data_.roles.find(arn);
  return found == data_.roles.end() ? nullptr : found->second;
}

const OidcProvider* Directory::find_provider(std::string_view arn) const {
  const auto found = data_.providers.find(arn);
  return found == data_.providers.end() ? nullptr : &found->second;
}

Result<std::shared_ptr<const Directory>> read_ram_document(std::string_view text,
                                                           const std::string& name) {
  if (text.size() > kRamDocumentSizeMax) return fail(Errc::kTooLarge, name + ": too large");
  auto document = Document::parse(text, name);
  if (!document) return fail(std::move(document.error()));
  return DirectoryReader(**document).read();
}

Result<std::shared_ptr<const Directory>> load_ram_document(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno("the RAM document " + path);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::kDenied, path + ": holds secrets and others may read it; chmod 600 it");
  auto text = read_file(path, kRamDocumentSizeMax);
  if (!text) return fail(std::move(text.error()));
  auto out = read_ram_document(*text, path);
  wipe(*text);
  return out;
}

}  // namespace stsfs::sim
