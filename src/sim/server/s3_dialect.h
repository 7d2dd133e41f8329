#pragma once

#include <string>

#include "http_server.h"
#include "oss/operation.h"

/// The S3-compatible surface: the same buckets and operations, asked for and answered in the words
/// of S3. A request signed with AWS4-HMAC-SHA256 is in this dialect; what lies between the two
/// translations below knows OSS's words only.
namespace stsfs::sim::s3 {

/// Whether a request is in this dialect, however its signature turns out.
bool is_spoken_by(const WireRequest& request);

/// x-amz-* become x-oss-*, S3's storage classes OSS's. After the signature has been checked: it
/// covers the headers as sent.
void to_oss(WireRequest& request, const Target& target);

/// As `sim::find_operation`, with what S3 does otherwise: HEAD of a bucket, a quiet delete.
const Operation* find_operation(const WireRequest& request, const Target& target);

/// The body of an error; none of OSS's troubleshooting elements.
std::string error_document(const Refusal& refusal, const std::string& request_id,
                           const std::string& host, const Target& target);

/// x-oss-* become x-amz-* where S3 has the like, and go where it has not; an XML body gets S3's
/// name space and loses what S3 does not know.
void from_oss(HttpAnswer& answer);

}  // namespace stsfs::sim::s3
