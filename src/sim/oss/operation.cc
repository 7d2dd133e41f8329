#include "operation.h"

#include <array>

#include "object_parts.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

enum class On { kService, kBucket, kObject };

/// What a request must look like to mean a row. The first row that fits is taken, so the more
/// particular stand above the plain ones.
struct Route {
  const char* method;
  On on;
  const char* parameter;  ///< That the query must have; null: none needed.
  const char* header;     ///< That must be there; null: none needed.
  Operation operation;
};

// clang-format off
constexpr std::array kRoutes{
    Route{"GET", On::kService, nullptr, nullptr, {"ListBuckets", "oss:ListBuckets", BodyUse::kNone, list_buckets}},

    Route{"GET", On::kBucket, "bucketInfo", nullptr, {"GetBucketInfo", "oss:GetBucketInfo", BodyUse::kNone, get_bucket_info}},
    Route{"GET", On::kBucket, "location", nullptr, {"GetBucketLocation", "oss:GetBucketLocation", BodyUse::kNone, get_bucket_location}},
    Route{"GET", On::kBucket, "stat", nullptr, {"GetBucketStat", "oss:GetBucketStat", BodyUse::kNone, get_bucket_stat}},
    Route{"GET", On::kBucket, "acl", nullptr, {"GetBucketAcl", "oss:GetBucketAcl", BodyUse::kNone, get_bucket_acl}},
    Route{"GET", On::kBucket, "versioning", nullptr, {"GetBucketVersioning", "oss:GetBucketVersioning", BodyUse::kNone, get_bucket_versioning}},
    Route{"GET", On::kBucket, "policy", nullptr, {"GetBucketPolicy", "oss:GetBucketPolicy", BodyUse::kNone, get_bucket_policy}},
    Route{"GET", On::kBucket, "versions", nullptr, {"ListObjectVersions", "oss:ListObjectVersions", BodyUse::kNone, list_object_versions}},
    Route{"GET", On::kBucket, "uploads", nullptr, {"ListMultipartUploads", "oss:ListMultipartUploads", BodyUse::kNone, list_multipart_uploads}},
    Route{"GET", On::kBucket, "list-type", nullptr, {"ListObjectsV2", "oss:ListObjects", BodyUse::kNone, list_objects_v2}},
    Route{"GET", On::kBucket, nullptr, nullptr, {"ListObjects", "oss:ListObjects", BodyUse::kNone, list_objects}},
    Route{"POST", On::kBucket, "delete", nullptr, {"DeleteMultipleObjects", "", BodyUse::kText, delete_multiple_objects}},
    Route{"PUT", On::kBucket, "acl", nullptr, {"PutBucketAcl", "oss:PutBucketAcl", BodyUse::kText, put_bucket_acl}},
    Route{"PUT", On::kBucket, "versioning", nullptr, {"PutBucketVersioning", "oss:PutBucketVersioning", BodyUse::kText, put_bucket_versioning}},
    Route{"PUT", On::kBucket, "policy", nullptr, {"PutBucketPolicy", "oss:PutBucketPolicy", BodyUse::kText, put_bucket_policy}},
    Route{"DELETE", On::kBucket, "policy", nullptr, {"DeleteBucketPolicy", "oss:DeleteBucketPolicy", BodyUse::kNone, delete_bucket_policy}},
    Route{"PUT", On::kBucket, nullptr, nullptr, {"PutBucket", "oss:PutBucket", BodyUse::kText, put_bucket}},
    Route{"DELETE", On::kBucket, nullptr, nullptr, {"DeleteBucket", "oss:DeleteBucket", BodyUse::kNone, delete_bucket}},

    Route{"PUT", On::kObject, "symlink", nullptr, {"PutSymlink", "oss:PutObject", BodyUse::kText, put_symlink}},
    Route{"GET", On::kObject, "symlink", nullptr, {"GetSymlink", "oss:GetObject", BodyUse::kNone, get_symlink}},
    Route{"PUT", On::kObject, "acl", nullptr, {"PutObjectAcl", "oss:PutObjectAcl", BodyUse::kText, put_object_acl}},
    Route{"GET", On::kObject, "acl", nullptr, {"GetObjectAcl", "oss:GetObjectAcl", BodyUse::kNone, get_object_acl}},
    Route{"PUT", On::kObject, "tagging", nullptr, {"PutObjectTagging", "", BodyUse::kText, put_object_tagging}},
    Route{"GET", On::kObject, "tagging", nullptr, {"GetObjectTagging", "oss:GetObjectTagging", BodyUse::kNone, get_object_tagging}},
    Route{"DELETE", On::kObject, "tagging", nullptr, {"DeleteObjectTagging", "oss:DeleteObjectTagging", BodyUse::kNone, delete_object_tagging}},
    Route{"POST", On::kObject, "restore", nullptr, {"RestoreObject", "oss:RestoreObject", BodyUse::kText, restore_object}},
    Route{"POST", On::kObject, "append", nullptr, {"AppendObject", "oss:PutObject", BodyUse::kContent, append_object}},
    Route{"POST", On::kObject, "seal", nullptr, {"SealAppendObject", "oss:PutObject", BodyUse::kText, seal_append_object}},
    Route{"POST", On::kObject, "uploads", nullptr, {"InitiateMultipartUpload", "oss:PutObject", BodyUse::kText, initiate_multipart_upload}},
    Route{"PUT", On::kObject, "uploadId", "x-oss-copy-source", {"UploadPartCopy", "oss:PutObject", BodyUse::kText, upload_part_copy}},
    Route{"PUT", On::kObject, "uploadId", nullptr, {"UploadPart", "oss:PutObject", BodyUse::kContent, upload_part}},
    Route{"POST", On::kObject, "uploadId", nullptr, {"CompleteMultipartUpload", "oss:PutObject", BodyUse::kText, complete_multipart_upload}},
    Route{"DELETE", On::kObject, "uploadId", nullptr, {"AbortMultipartUpload", "oss:AbortMultipartUpload", BodyUse::kNone, abort_multipart_upload}},
    Route{"GET", On::kObject, "uploadId", nullptr, {"ListParts", "oss:ListParts", BodyUse::kNone, list_parts}},
    Route{"POST", On::kObject, "x-oss-rename", nullptr, {"Rename", "oss:PutObject", BodyUse::kText, rename_object}},
    Route{"POST", On::kObject, "x-oss-dir", nullptr, {"CreateDirectory", "oss:PutObject", BodyUse::kText, create_directory}},
    Route{"POST", On::kObject, "x-oss-delete", nullptr, {"DeleteDirectory", "oss:DeleteObject", BodyUse::kText, delete_directory}},
    Route{"HEAD", On::kObject, "objectMeta", nullptr, {"GetObjectMeta", "oss:GetObject", BodyUse::kNone, get_object_meta}},
    Route{"HEAD", On::kObject, nullptr, nullptr, {"HeadObject", "oss:GetObject", BodyUse::kNone, head_object}},
    Route{"GET", On::kObject, nullptr, nullptr, {"GetObject", "oss:GetObject", BodyUse::kNone, get_object}},
    Route{"PUT", On::kObject, nullptr, "x-oss-copy-source", {"CopyObject", "oss:PutObject", BodyUse::kText, copy_object}},
    Route{"PUT", On::kObject, nullptr, nullptr, {"PutObject", "oss:PutObject", BodyUse::kContent, put_object}},
    Route{"DELETE", On::kObject, nullptr, nullptr, {"DeleteObject", "oss:DeleteObject", BodyUse::kNone, delete_object}},
};
// clang-format on

CannedAcl canned(const std::string& acl) {
  if (acl == "private") return CannedAcl::kPrivate;
  if (acl == "public-read") return CannedAcl::kPublicRead;
  if (acl == "public-read-write") return CannedAcl::kPublicReadWrite;
  return CannedAcl::kDefault;
}

/// The tags of x-oss-tagging, where the operation takes them: parts have none, a copy takes its
/// source's unless told otherwise.
Tags tags_in_header(const Call& call) {
  if (call.has_query("uploadId")) return {};
  if (call.request.has_header("x-oss-copy-source") &&
      !equals_ignoring_case(call.header("x-oss-tagging-directive"), "REPLACE"))
    return {};
  return read_tags(call.header("x-oss-tagging")).value_or(Tags());
}

/// The prefix and delimiter of a listing are condition keys; of what else a bucket is asked they
/// are not. Source: RAM Policy, "Condition": `oss:Prefix` and `oss:Delimiter` of ListObjects.
bool has_prefix_conditions(std::string_view action, const Switches& switches) {
  if (action == "oss:ListObjects") return true;
  return switches.prefix_conditions_in_all_listings &&
         (action == "oss:ListMultipartUploads" || action == "oss:ListObjectVersions");
}

}  // namespace

std::string Call::query(std::string_view name) const {
  const std::string* value = request.parameter(name);
  return value == nullptr ? "" : *value;
}

const Operation* find_operation(const WireRequest& request, const Target& target) {
  const On on = target.bucket.empty() ? On::kService
                : target.key.empty()  ? On::kBucket
                                      : On::kObject;
  for (const Route& route : kRoutes) {
    if (route.on != on || request.method != route.method) continue;
    if (route.parameter != nullptr && request.parameter(route.parameter) == nullptr) continue;
    if (route.header != nullptr && !request.has_header(route.header)) continue;
    return &route.operation;
  }
  return nullptr;
}

std::optional<Refusal> authorize(const Call& call, std::string_view action,
                                 const std::string& key) {
  if (call.bucket) return authorize(call, action, *call.bucket, key);
  return call.cloud.access().authorize(call.principal, call.request,
                                       {.action = action, .bucket = call.bucket_name});
}

std::optional<Refusal> authorize(const Call& call, std::string_view action, const Bucket& bucket,
                                 const std::string& key) {
  const bool writes = action == "oss:PutObject" || action == "oss:PutObjectTagging";
  return authorize(call, action, bucket, key, writes ? tags_in_header(call) : Tags());
}

std::optional<Refusal> authorize(const Call& call, std::string_view action, const Bucket& bucket,
                                 const std::string& key, const Tags& requested_tags) {
  const BucketOptions options = bucket.options();
  AccessQuestion question{.action = action, .bucket = options.name, .key = key};
  question.bucket_acl = canned(options.acl);
  if (const ObjectPointer object = key.empty() ? nullptr : bucket.find(key)) {
    question.object_acl = canned(object->acl);
    for (const auto& [name, value] : object->tags)
      question.conditions.emplace_back("oss:ExistingObjectTag/" + name, value);
  }
  for (const auto& [name, value] : requested_tags)
    question.conditions.emplace_back("oss:RequestObjectTag/" + name, value);
  if (has_prefix_conditions(action, call.switches)) {
    question.conditions.emplace_back("oss:Prefix", call.query("prefix"));
    question.conditions.emplace_back("oss:Delimiter", call.query("delimiter"));
  }
  return call.cloud.access().authorize(call.principal, call.request, question);
}

std::optional<Refusal> authorize_listing(const Call& call, const std::string& prefix) {
  const BucketOptions options = call.bucket->options();
  return call.cloud.access().authorize(
      call.principal, call.request,
      {.action = "oss:ListObjects",
       .bucket = options.name,
       .conditions = {{"oss:Prefix", prefix}, {"oss:Delimiter", ""}},
       .bucket_acl = canned(options.acl)});
}

}  // namespace stsfs::sim
