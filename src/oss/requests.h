#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/http/engine.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/oss/operation.h"
#include "stsfs/sign/request.h"

/// What each operation says on the wire, before it is signed: the one place where requests are
/// formed. Pure. Source: OSS API reference, a page for each operation.
namespace stsfs::oss {

struct RequestSpec {
  Operation operation = Operation::kHead;
  http::Method method = http::Method::kGet;
  std::string key;  ///< Raw; empty for the bucket itself.
  sign::Pairs query = {};
  sign::Pairs headers = {};
  std::shared_ptr<http::BodySource> body = nullptr;
};

RequestSpec list_request(const ListRequest& request);
RequestSpec head_request(std::string_view key);
RequestSpec brief_request(std::string_view key);
RequestSpec get_request(std::string_view key, std::string_view etag, ByteRange range);
RequestSpec put_request(std::string_view key, std::shared_ptr<http::BodySource> body,
                        const PutOptions& options);
RequestSpec copy_request(std::string_view bucket, std::string_view key, const CopyOptions& options);
RequestSpec delete_request(std::string_view key);
/// In a bucket with a hierarchical namespace, where DeleteObject takes no directory.
RequestSpec delete_directory_request(std::string_view key);
/// All of `keys` must be `fits_xml`.
RequestSpec delete_many_request(const std::vector<std::string>& keys);
RequestSpec initiate_request(std::string_view key, const PutOptions& options);
RequestSpec upload_part_request(std::string_view key, std::string_view upload_id, int number,
                                std::shared_ptr<http::BodySource> body);
RequestSpec copy_part_request(std::string_view bucket, std::string_view key,
                              std::string_view upload_id, int number, std::string_view source_key,
                              std::string_view source_etag, ByteRange range);
RequestSpec complete_request(std::string_view key, std::string_view upload_id,
                             const std::vector<Part>& parts, const PutOptions& options);
RequestSpec abort_request(std::string_view key, std::string_view upload_id);
RequestSpec list_parts_request(std::string_view key, std::string_view upload_id, int marker);
RequestSpec put_symlink_request(std::string_view key, std::string_view target_key,
                                const PutOptions& options);
RequestSpec get_symlink_request(std::string_view key);

RequestSpec get_acl_request(std::string_view key);
RequestSpec get_tagging_request(std::string_view key);
RequestSpec restore_request(std::string_view key, const RestoreRequest& request);
RequestSpec rename_request(std::string_view from, std::string_view to);

/// Whether an XML document can hold `key` at all: UTF-8, and of the control characters only tab,
/// line feed and carriage return.
bool fits_xml(std::string_view key);

}  // namespace stsfs::oss
