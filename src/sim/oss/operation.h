#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "identity/access.h"
#include "store/bucket.h"
#include "store/cloud.h"
#include "store/content.h"

namespace stsfs::sim {

/// What is sent back.
struct Answer {
  int status = 200;
  sign::Pairs headers;
  std::string text;                ///< XML, when `content` is not set.
  std::optional<Content> content;  ///< The body of a GET.
  std::uint64_t head_size = 0;     ///< Content-Length of a HEAD.
};

/// What is done with the body of a request.
enum class BodyUse { kNone, kText, kContent };

/// One request to one bucket, its signature verified, its body read.
struct Call {
  Cloud& cloud;
  const WireRequest& request;
  const Principal& principal;
  std::string bucket_name;
  std::string key;
  std::shared_ptr<Bucket> bucket;  ///< Null for service-level operations and a bucket to be made.
  std::string text;                ///< The body, for kText.
  Content content;                 ///< The body, for kContent.
  std::string content_md5;         ///< Base64, of the body.
  Switches switches;
  WallTime now;  ///< Whole seconds.

  std::string_view header(std::string_view lower_name) const { return request.header(lower_name); }
  /// The value of a query parameter; empty when absent.
  std::string query(std::string_view name) const;
  bool has_query(std::string_view name) const { return request.parameter(name) != nullptr; }
};

/// One row a thing the service can do. Counters, faults, policies and the dispatcher all read this
/// table.
struct Operation {
  const char* name;    ///< `GetObject`: as in OSS's documentation.
  const char* action;  ///< `oss:GetObject`: what policies call it; empty: it asks by itself.
  BodyUse body;
  Verdict<Answer> (*run)(Call&);
};

/// The row for a request; null when the service knows none (405).
const Operation* find_operation(const WireRequest& request, const Target& target);

/// Asks the policies about one more action than the operation's own, as a copy does for its source.
std::optional<Refusal> authorize(const Call& call, std::string_view action, const std::string& key);
std::optional<Refusal> authorize(const Call& call, std::string_view action, const Bucket& bucket,
                                 const std::string& key);
/// The same of a write that sets these tags; those above take them from x-oss-tagging.
using Tags = std::vector<std::pair<std::string, std::string>>;
std::optional<Refusal> authorize(const Call& call, std::string_view action, const Bucket& bucket,
                                 const std::string& key, const Tags& requested_tags);
/// The same of listing what begins with `prefix`.
std::optional<Refusal> authorize_listing(const Call& call, const std::string& prefix);

// --- the operations, by file ---

// operations_object.cc
Verdict<Answer> put_object(Call& call);
Verdict<Answer> get_object(Call& call);
Verdict<Answer> head_object(Call& call);
Verdict<Answer> get_object_meta(Call& call);
Verdict<Answer> append_object(Call& call);
Verdict<Answer> seal_append_object(Call& call);
Verdict<Answer> delete_object(Call& call);
Verdict<Answer> delete_multiple_objects(Call& call);
// operations_copy.cc
Verdict<Answer> copy_object(Call& call);
Verdict<Answer> upload_part_copy(Call& call);
// operations_multipart.cc
Verdict<Answer> initiate_multipart_upload(Call& call);
Verdict<Answer> upload_part(Call& call);
Verdict<Answer> complete_multipart_upload(Call& call);
Verdict<Answer> abort_multipart_upload(Call& call);
Verdict<Answer> list_parts(Call& call);
Verdict<Answer> list_multipart_uploads(Call& call);
// operations_bucket.cc
Verdict<Answer> list_buckets(Call& call);
Verdict<Answer> get_bucket_info(Call& call);
Verdict<Answer> get_bucket_location(Call& call);
Verdict<Answer> get_bucket_stat(Call& call);
Verdict<Answer> get_bucket_acl(Call& call);
Verdict<Answer> get_bucket_versioning(Call& call);
Verdict<Answer> list_objects(Call& call);
Verdict<Answer> list_objects_v2(Call& call);
Verdict<Answer> list_object_versions(Call& call);
// operations_bucket_setup.cc
Verdict<Answer> put_bucket(Call& call);
Verdict<Answer> delete_bucket(Call& call);
Verdict<Answer> put_bucket_acl(Call& call);
Verdict<Answer> put_bucket_versioning(Call& call);
Verdict<Answer> put_bucket_policy(Call& call);
Verdict<Answer> get_bucket_policy(Call& call);
Verdict<Answer> delete_bucket_policy(Call& call);
// operations_attributes.cc
Verdict<Answer> put_symlink(Call& call);
Verdict<Answer> get_symlink(Call& call);
Verdict<Answer> put_object_acl(Call& call);
Verdict<Answer> get_object_acl(Call& call);
Verdict<Answer> put_object_tagging(Call& call);
Verdict<Answer> get_object_tagging(Call& call);
Verdict<Answer> delete_object_tagging(Call& call);
Verdict<Answer> restore_object(Call& call);
// operations_directory.cc: buckets with a hierarchical namespace
Verdict<Answer> rename_object(Call& call);
Verdict<Answer> create_directory(Call& call);
Verdict<Answer> delete_directory(Call& call);

}  // namespace stsfs::sim
