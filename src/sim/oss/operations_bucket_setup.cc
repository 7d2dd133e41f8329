// Making buckets and changing what they are.

#include "object_parts.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

/// `x-oss-acl`; what stands there now when it is absent.
Verdict<std::string> acl_of(const Call& call, const std::string& otherwise) {
  const std::string acl(call.header("x-oss-acl"));
  if (acl.empty()) return otherwise;
  if (!is_bucket_acl(acl))
    return invalid_argument("x-oss-acl", acl, "no such bucket access control exists");
  return acl;
}

Verdict<Answer> changed(Call& call, const BucketOptions& options) {
  if (auto done = call.bucket->set_options(options); !done)
    return tl::unexpected(std::move(done.error()));
  return Answer{};
}

}  // namespace

Verdict<Answer> put_bucket(Call& call) {
  if (!is_bucket_name(call.bucket_name))
    return refuse(400, "InvalidBucketName", "The specified bucket is not valid.", "",
                  {{"BucketName", call.bucket_name}});
  BucketOptions options{.name = call.bucket_name};
  if (!call.text.empty()) {
    XmlDocument body;
    if (!body.parse(call.text, "CreateBucketConfiguration")) return malformed_xml();
    if (const std::string wanted = body.root().text("StorageClass"); !wanted.empty())
      options.storage_class = wanted;
    if (!is_storage_class(options.storage_class)) return malformed_xml();
  }
  auto acl = acl_of(call, options.acl);
  if (!acl) return tl::unexpected(std::move(acl.error()));
  options.acl = *acl;
  options.hierarchical = call.header("x-oss-hns-status") == "enabled";
  // Making one's own bucket again only sets its ACL; all buckets here have one owner.
  if (call.bucket) {
    BucketOptions present = call.bucket->options();
    present.acl = options.acl;
    return changed(call, present);
  }
  const auto added = call.cloud.add_bucket(std::move(options));
  if (!added) return tl::unexpected(added.error());
  return Answer{};
}

Verdict<Answer> delete_bucket(Call& call) {
  const auto removed = call.cloud.remove_bucket(call.bucket_name);
  if (!removed) return tl::unexpected(removed.error());
  if (!*removed)
    return refuse(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.",
                  "0015-00000301", {{"BucketName", call.bucket_name}});
  call.cloud.access().set_bucket_policy(call.bucket_name, "");
  Answer answer;
  answer.status = 204;
  return answer;
}

Verdict<Answer> put_bucket_acl(Call& call) {
  BucketOptions options = call.bucket->options();
  auto acl = acl_of(call, "");
  if (!acl) return tl::unexpected(std::move(acl.error()));
  if (acl->empty())
    return refuse(400, "MissingArgument", "Missing Some Required Arguments.", "",
                  {{"ArgumentName", "x-oss-acl"}});
  options.acl = *acl;
  return changed(call, options);
}

Verdict<Answer> put_bucket_versioning(Call& call) {
  XmlDocument body;
  if (!body.parse(call.text, "VersioningConfiguration")) return malformed_xml();
  const std::string status = body.root().text("Status");
  if (status != "Enabled" && status != "Suspended") return malformed_xml();
  BucketOptions options = call.bucket->options();
  if (options.hierarchical)
    return refuse(400, "OperationNotSupported",
                  "Versioning is not supported with a hierarchical namespace.", "0016-00000702");
  options.versioning = status == "Enabled" ? Versioning::kEnabled : Versioning::kSuspended;
  return changed(call, options);
}

Verdict<Answer> put_bucket_policy(Call& call) {
  if (const auto problem = call.cloud.access().set_bucket_policy(call.bucket_name, call.text))
    return refuse(400, "InvalidPolicyDocument", *problem);
  return Answer{};
}

Verdict<Answer> get_bucket_policy(Call& call) {
  Answer answer;
  answer.text = call.cloud.access().bucket_policy(call.bucket_name);
  if (answer.text.empty())
    return refuse(404, "NoSuchBucketPolicy", "The bucket policy does not exist.", "",
                  {{"BucketName", call.bucket_name}});
  answer.headers.emplace_back("Content-Type", "application/json");
  return answer;
}

Verdict<Answer> delete_bucket_policy(Call& call) {
  call.cloud.access().set_bucket_policy(call.bucket_name, "");
  Answer answer;
  answer.status = 204;
  return answer;
}

}  // namespace stsfs::sim
