#include "answer.h"

#include <algorithm>

#include "json_reader.h"
#include "stsfs/base/text.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kKeyMaxBytes = 1024;
constexpr std::size_t kTextMaxBytes = 1024;
// OSS takes keys of 1,023 bytes; below a prefix there must be room for a name ("Object").
constexpr std::size_t kPrefixMaxBytes = 767;
constexpr std::size_t kStorageClassMaxBytes = 32;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// 3 to 63 of a-z, 0-9 and "-", not at the ends ("Bucket", naming).
bool is_bucket_name(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && is_lower_or_digit(name.front()) &&
         is_lower_or_digit(name.back()) && std::all_of(name.begin(), name.end(), [](char c) {
           return is_lower_or_digit(c) || c == '-';
         });
}

bool is_region(std::string_view region) {
  return region.size() <= 64 && std::all_of(region.begin(), region.end(), [](char c) {
           return is_lower_or_digit(c) || c == '-';
         });
}

bool is_endpoint(std::string_view endpoint) {
  if (endpoint.starts_with("https://"))
    endpoint.remove_prefix(8);
  else if (endpoint.starts_with("http://"))
    endpoint.remove_prefix(7);
  else
    return false;
  return !endpoint.empty() && endpoint.size() <= 255 &&
         std::all_of(endpoint.begin(), endpoint.end(), [](char c) {
           return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                  c == ':' || c == '[' || c == ']';
         });
}

const char* wrong_with_prefix(std::string_view prefix) {
  if (prefix.empty()) return nullptr;
  if (prefix.size() > kPrefixMaxBytes) return "is too long";
  if (prefix.front() == '/') return "begins with a slash";
  if (prefix.back() != '/') return "does not end in a slash";
  for (std::string_view part : split(prefix.substr(0, prefix.size() - 1), '/')) {
    if (part.empty()) return "has two slashes in a row";
    if (part == "." || part == "..") return "has a component \".\" or \"..\"";
  }
  const bool control = std::any_of(prefix.begin(), prefix.end(),
                                   [](unsigned char c) { return c < ' ' || c == 0x7f; });
  return control ? "contains control characters" : nullptr;
}

struct Complaint {
  const char* member;
  const char* what;
};
std::optional<Complaint> wrong_with(const Folder& folder) {
  if (!folder.endpoint.empty() && !is_endpoint(folder.endpoint))
    return Complaint{"Endpoint", "is not http(s)://HOST[:PORT], without a path"};
  if (!is_region(folder.region)) return Complaint{"Region", "is not a region like cn-hangzhou"};
  if (!is_bucket_name(folder.bucket))
    return Complaint{"Bucket", "is not a bucket name (3 to 63 of a-z, 0-9 and -)"};
  if (const char* what = wrong_with_prefix(folder.prefix)) return Complaint{"Prefix", what};
  return std::nullopt;
}

Permissions read_permissions(MemberReader& reader) {
  const std::string written = reader.text("Permissions", 16);
  if (written == "ro") return Permissions::kReadOnly;
  if (written == "wo") return Permissions::kUploadOnly;
  if (!written.empty() && written != "rw") reader.complain("Permissions", "is not rw, ro or wo");
  return Permissions::kReadWrite;
}

/// Goes into a header of every object that is made.
std::string read_storage_class(MemberReader& reader) {
  std::string name = reader.text("StorageClass", kStorageClassMaxBytes);
  const bool letters = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return is_lower_or_digit(static_cast<char>(c | 0x20));
  });
  if (!letters) reader.complain("StorageClass", "is no word");
  return name;
}

/// A bucket makes a folder; what else is missing comes from the options.
std::optional<Folder> read_folder(MemberReader& reader) {
  if (!reader.has("Bucket")) return std::nullopt;
  Folder folder;
  folder.endpoint = reader.text("Endpoint", kTextMaxBytes);
  if (!folder.endpoint.empty() && folder.endpoint.find("://") == std::string::npos)
    folder.endpoint = "https://" + folder.endpoint;
  if (folder.endpoint.ends_with('/')) folder.endpoint.pop_back();
  folder.region = reader.text("Region", kTextMaxBytes);
  if (folder.region.starts_with("oss-")) folder.region.erase(0, 4);
  folder.bucket = reader.text("Bucket", kTextMaxBytes, true);
  if (!reader.has("Prefix"))
    reader.complain("Prefix", "is missing (for the whole bucket it must be there, and empty)");
  folder.prefix = reader.text("Prefix", kTextMaxBytes);
  folder.permissions = read_permissions(reader);
  folder.versioning = reader.boolean("Versioning");
  folder.hierarchical_namespace = reader.boolean("HierarchicalNamespace");
  folder.quota_bytes = reader.number("QuotaBytes");
  folder.used_bytes = reader.number("UsedBytes");
  folder.storage_class = read_storage_class(reader);
  if (reader.has("Acls")) folder.acls = reader.boolean("Acls");
  if (!reader.result()) return std::nullopt;
  if (auto wrong = wrong_with(folder)) reader.complain(wrong->member, wrong->what);
  return folder;
}

Credential read_credential(MemberReader& reader, KeyKind kind) {
  const bool temporary = kind == KeyKind::kTemporaryOnly;
  Credential credential;
  const Secret id = reader.secret("AccessKeyId", kKeyMaxBytes, true);
  credential.access_key_id = std::string(id.reveal());
  credential.access_key_secret = reader.secret("AccessKeySecret", kKeyMaxBytes, true);
  credential.security_token = reader.secret("SecurityToken", kAnswerMaxBytes, temporary);
  credential.expiration = reader.time("Expiration", temporary);
  return credential;
}

/// The three ways in which an answer says by itself that it is a refusal.
bool says_failed(const nlohmann::json& document) {
  const auto status = document.find("StatusCode");
  if (status != document.end()) {
    const bool good = (status->is_number_integer() && status->get<std::int64_t>() == 200) ||
                      (status->is_string() && status->get_ref<const std::string&>() == "200");
    if (!good) return true;
  }
  const auto code = document.find("Code");
  return code != document.end() && *code != "Success";
}

std::string text_member(const nlohmann::json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_string()) return {};
  return printable(found->get_ref<const std::string&>(), 300);
}

std::string refusal_of(const nlohmann::json& document) {
  std::string code = text_member(document, "ErrorCode");
  if (code.empty()) code = text_member(document, "Code");
  std::string message = text_member(document, "ErrorMessage");
  if (message.empty()) message = text_member(document, "Message");
  if (code.empty() || message.empty()) return code + message;
  return code + ": " + message;
}

}  // namespace

Result<void> check_folder(const Folder& folder) {
  if (auto wrong = wrong_with(folder))
    return fail(Errc::kInvalid, std::string(wrong->member) + " " + wrong->what);
  return {};
}

std::string describe_refusal(std::string_view json) {
  auto document = parse_object(json, kAnswerMaxBytes);
  return document ? refusal_of(*document) : std::string();
}

Result<Grant> parse_grant(std::string_view json, KeyKind kind) {
  auto document = parse_object(json, kAnswerMaxBytes);
  if (!document) return fail(std::move(document.error()));
  if (says_failed(*document)) {
    const std::string refusal = refusal_of(*document);
    return fail(Errc::kCredential, "refused: " + (refusal.empty() ? "no reason given" : refusal));
  }
  const auto nested = document->find("Credentials");
  if (nested != document->end() && !nested->is_object())
    return fail(Errc::kProtocol, "Credentials is no JSON object");

  MemberReader keys(nested != document->end() ? *nested : *document);
  Grant grant;
  grant.credential = read_credential(keys, kind);
  if (auto read = keys.result(); !read) return fail(std::move(read.error()));
  MemberReader place(*document);
  grant.folder = read_folder(place);
  if (auto read = place.result(); !read) return fail(std::move(read.error()));
  return grant;
}

}  // namespace stsfs::credentials
