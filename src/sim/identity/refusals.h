#pragma once

#include <string>
#include <utility>

#include "access.h"

/// The refusals that several files give. Code and status are those of OSS's error pages, the EC of
/// help.aliyun.com, "EC error codes", a page each; where none is known it is empty.
namespace stsfs::sim {

inline tl::unexpected<Refusal> refuse(int status, std::string code, std::string message,
                                      std::string ec = "", sign::Pairs extra = {}) {
  return tl::unexpected(
      Refusal{status, std::move(code), std::move(message), std::move(ec), std::move(extra)});
}

inline tl::unexpected<Refusal> no_such_bucket(const std::string& bucket) {
  return refuse(404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101",
                {{"BucketName", bucket}});
}

inline tl::unexpected<Refusal> no_such_key(const std::string& key) {
  return refuse(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001",
                {{"Key", key}});
}

inline tl::unexpected<Refusal> already_exists() {
  return refuse(409, "FileAlreadyExists",
                "The object you specified already exists and can not be overwritten.",
                "0026-00000002");
}

inline tl::unexpected<Refusal> no_such_upload(const std::string& id) {
  return refuse(404, "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload "
                "may have been aborted or completed.",
                "0042-00000002", {{"UploadId", id}});
}

inline tl::unexpected<Refusal> invalid_argument(const std::string& name, const std::string& value,
                                                const std::string& message, std::string ec = "") {
  return refuse(400, "InvalidArgument", message, std::move(ec),
                {{"ArgumentName", name}, {"ArgumentValue", value}});
}

inline tl::unexpected<Refusal> invalid_part_number(const std::string& value) {
  return invalid_argument("PartNumber", value,
                          "Part number must be an integer between 1 and 10000, inclusive.",
                          "0017-00000220");
}

inline tl::unexpected<Refusal> precondition_failed() {
  return refuse(412, "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold.", "0017-00001001");
}

inline tl::unexpected<Refusal> malformed_xml(std::string ec = "") {
  return refuse(400, "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our "
                "published schema.",
                std::move(ec));
}

inline tl::unexpected<Refusal> missing_content_length() {
  return refuse(411, "MissingContentLength", "You must provide the Content-Length HTTP header.",
                "0017-00000101");
}

/// Ours, not the service's: the machine could not do it.
inline tl::unexpected<Refusal> storage_failed(const std::string& why) {
  return refuse(500, "InternalError", "The simulator's storage: " + why);
}

}  // namespace stsfs::sim
