// Sources: Alibaba Cloud, "Compatibility with Amazon S3"; AWS, "Amazon S3 API Reference".

#include "s3_dialect.h"

#include <algorithm>
#include <array>
#include <utility>

#include "identity/verify_parse.h"
#include "stsfs/base/text.h"
#include "xml.h"

namespace stsfs::sim::s3 {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kNameSpace = "http://s3.amazonaws.com/doc/2006-03-01/";

/// S3's header on the left, OSS's on the right. A name that ends in `-` stands for all that begin
/// so.
constexpr std::array kAskedHeaders{
    Words{"x-amz-meta-", "x-oss-meta-"},
    Words{"x-amz-copy-source", "x-oss-copy-source"},
    Words{"x-amz-copy-source-", "x-oss-copy-source-"},
    Words{"x-amz-metadata-directive", "x-oss-metadata-directive"},
    Words{"x-amz-storage-class", "x-oss-storage-class"},
    Words{"x-amz-tagging", "x-oss-tagging"},
    Words{"x-amz-tagging-directive", "x-oss-tagging-directive"},
};
constexpr std::array kAnsweredHeaders{
    Words{"x-amz-meta-", "x-oss-meta-"},
    Words{"x-amz-request-id", "x-oss-request-id"},
    Words{"x-amz-storage-class", "x-oss-storage-class"},
    Words{"x-amz-version-id", "x-oss-version-id"},
    Words{"x-amz-copy-source-version-id", "x-oss-copy-source-version-id"},
    Words{"x-amz-delete-marker", "x-oss-delete-marker"},
    Words{"x-amz-restore", "x-oss-restore"},
    Words{"x-amz-tagging-count", "x-oss-tagging-count"},
};
constexpr std::array kStorageClasses{
    Words{"STANDARD", "Standard"},
    Words{"STANDARD_IA", "IA"},
    Words{"GLACIER", "Archive"},
    Words{"DEEP_ARCHIVE", "ColdArchive"},
};
/// Elements of OSS's listings that S3's have not.
constexpr std::array<std::string_view, 3> kOssElements{"Type", "HashCrc64ecma", "RestoreInfo"};

/// `name` in the other column's words; empty when `words` has none. `from` and `to` say which.
template <std::size_t N>
std::string translated(const std::array<Words, N>& words, std::string_view name,
                       std::string_view Words::*from, std::string_view Words::*to) {
  for (const Words& pair : words) {
    const std::string_view here = pair.*from;
    if (name == here) return std::string(pair.*to);
    if (here.ends_with('-') && name.size() > here.size() && name.starts_with(here))
      return std::string(pair.*to).append(name.substr(here.size()));
  }
  return "";
}

std::string storage_class_in_oss(const std::string& name) {
  const std::string out = translated(kStorageClasses, name, &Words::first, &Words::second);
  return out.empty() ? name : out;
}

std::string storage_class_in_s3(const std::string& name) {
  const std::string out = translated(kStorageClasses, name, &Words::second, &Words::first);
  return out.empty() ? name : out;
}

/// What aws-chunked says is about the way here, not about what is stored.
void drop_transfer_coding(sign::Pairs& headers) {
  for (auto& [name, value] : headers) {
    if (!equals_ignoring_case(name, "content-encoding")) continue;
    std::string kept;
    for (const std::string_view coding : split(value, ',')) {
      if (equals_ignoring_case(trim(coding), "aws-chunked")) continue;
      kept.append(kept.empty() ? "" : ",").append(trim(coding));
    }
    value = kept;
  }
  std::erase_if(headers, [](const auto& header) {
    return header.second.empty() && equals_ignoring_case(header.first, "content-encoding");
  });
}

/// OSS's canned ACL as the grants it stands for.
std::string grants(std::string_view acl) {
  constexpr std::string_view kOpen =
      "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\">"
      "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>";
  std::string out;
  for (const std::string_view permission : {"READ", "WRITE"}) {
    if (acl != "public-read-write" && (acl != "public-read" || permission == "WRITE")) continue;
    out.append(kOpen).append(permission).append("</Permission></Grant>");
  }
  return out;
}

/// What stands in the place of `<name>text</name>`; nothing when it stays.
std::optional<std::string> replacement(std::string_view name, std::string_view text) {
  if (std::find(kOssElements.begin(), kOssElements.end(), name) != kOssElements.end()) return "";
  if (name == "Grant") return grants(text);
  if (name != "StorageClass") return std::nullopt;
  return "<StorageClass>" + storage_class_in_s3(std::string(text)) + "</StorageClass>";
}

/// A name of ours holds no `<`, which is escaped, so that tags can be found as they stand.
std::string document_in_s3(std::string_view xml) {
  std::string out;
  out.reserve(xml.size() + 64);
  bool root_seen = false;
  while (!xml.empty()) {
    const auto open = xml.find('<');
    out.append(xml.substr(0, open));
    if (open == std::string_view::npos) break;
    xml.remove_prefix(open);
    const auto close = std::min(xml.find('>'), xml.size() - 1);
    const std::string_view tag = xml.substr(0, close + 1);
    xml.remove_prefix(tag.size());
    if (!root_seen && !tag.starts_with("<?")) {
      root_seen = true;
      const auto end = tag.find_first_of(" />", 1);
      out.append(tag.substr(0, end)).append(" xmlns=\"").append(kNameSpace).append("\"");
      out.append(tag.substr(end));
      continue;
    }
    const std::string_view name = tag.substr(1, tag.size() - 2);
    const auto next = xml.find('<');
    const auto instead = name.starts_with('/') || next == std::string_view::npos
                             ? std::nullopt
                             : replacement(name, xml.substr(0, next));
    if (!instead) {
      out.append(tag);
      continue;
    }
    out.append(*instead);
    xml.remove_prefix(std::min(xml.size(), xml.find('>', next) + 1));
  }
  return out;
}

std::string code_in_s3(const Refusal& refusal) {
  if (refusal.code == "InvalidDigest" && refusal.message.find("did not match") != std::string::npos)
    return "BadDigest";
  if (refusal.code == "InvalidObjectName")
    return refusal.message.find("Length") == std::string::npos ? "InvalidURI" : "KeyTooLongError";
  if (refusal.code == "MissingArgument") return "InvalidRequest";
  if (refusal.code == "FileAlreadyExists") return "PreconditionFailed";
  return refusal.code;
}

Verdict<Answer> head_bucket(Call& call) {
  Answer answer;
  answer.headers.emplace_back("x-amz-bucket-region", "oss-" + call.cloud.region());
  return answer;
}

/// OSS answers a quiet one with nothing at all, S3 with an empty document.
Verdict<Answer> delete_objects(Call& call) {
  auto answer = delete_multiple_objects(call);
  if (answer && answer->text.empty()) answer->text = XmlDocument("DeleteResult").to_string();
  return answer;
}

constexpr Operation kHeadBucket{"HeadBucket", "oss:ListObjects", BodyUse::kNone, head_bucket};
constexpr Operation kDeleteObjects{"DeleteMultipleObjects", "", BodyUse::kText, delete_objects};

}  // namespace

bool is_spoken_by(const WireRequest& request) {
  const CredentialForm form = credential_form_of(request);
  return form == CredentialForm::kAwsV4Header || form == CredentialForm::kAwsV4Url;
}

void to_oss(WireRequest& request, const Target& target) {
  drop_transfer_coding(request.headers);
  for (auto& [name, value] : request.headers) {
    const std::string lower = to_lower(name);
    if (lower == "x-amz-acl") {
      name = target.key.empty() ? "x-oss-acl" : "x-oss-object-acl";
      continue;
    }
    std::string ours = translated(kAskedHeaders, lower, &Words::first, &Words::second);
    if (ours.empty()) continue;
    // S3 takes a source with and without the slash in front.
    if (ours == "x-oss-copy-source" && !value.starts_with('/')) value.insert(0, "/");
    if (ours == "x-oss-storage-class") value = storage_class_in_oss(value);
    name = std::move(ours);
  }
  request.headers.emplace_back("x-oss-range-behavior", "standard");
}

const Operation* find_operation(const WireRequest& request, const Target& target) {
  if (request.method == "HEAD" && !target.bucket.empty() && target.key.empty()) return &kHeadBucket;
  const Operation* found = sim::find_operation(request, target);
  return found != nullptr && found->run == delete_multiple_objects ? &kDeleteObjects : found;
}

std::string error_document(const Refusal& refusal, const std::string& request_id,
                           const std::string& host, const Target& target) {
  XmlDocument out("Error");
  XmlElement root = out.root();
  root.add("Code", code_in_s3(refusal));
  root.add("Message", refusal.message);
  for (const auto& [name, value] : refusal.extra) root.add(name.c_str(), value);
  root.add("Resource", "/" + target.bucket + (target.key.empty() ? "" : "/") + target.key);
  root.add("RequestId", request_id);
  root.add("HostId", host);
  return out.to_string();
}

void from_oss(HttpAnswer& answer) {
  for (auto& [name, value] : answer.headers) {
    const std::string lower = to_lower(name);
    if (!lower.starts_with("x-oss-")) continue;
    name = translated(kAnsweredHeaders, lower, &Words::second, &Words::first);
    if (name == "x-amz-storage-class") value = storage_class_in_s3(value);
    // S3 names the class of what is not standard only.
    if (name == "x-amz-storage-class" && value == "STANDARD") name.clear();
  }
  std::erase_if(answer.headers, [](const auto& header) { return header.first.empty(); });
  if (answer.status / 100 == 2 && answer.text.starts_with("<?xml"))
    answer.text = document_in_s3(answer.text);
}

}  // namespace stsfs::sim::s3
