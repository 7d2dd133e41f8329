#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/clock.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/object.h"

/// What successful answers mean. Pure and strict: what must be there and is not is kProtocol, with
/// a message that names it. `now` (the server's time as we know it) stands in for a missing `Date`.
namespace stsfs::oss {

Result<ListPage> read_list(const http::Response& response, const ListRequest& request,
                           WallTime now);
Result<ObjectMeta> read_head(const http::Headers& headers, WallTime now);
Result<ObjectBrief> read_brief(const http::Headers& headers, WallTime now);

/// `bytes 0-99/1000`
struct ContentRange {
  ByteRange range;
  std::uint64_t total_bytes = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

/// The head of a 206: it must be of `range` (cut at the end of the object) and, when `etag` is not
/// empty, of that version. Errors: kChanged; kProtocol.
struct PartialContent {
  ObjectMeta meta;
  ByteRange range;
};
Result<PartialContent> read_partial(const http::ResponseHead& head, ByteRange range,
                                    std::string_view etag, WallTime now);

/// Of Put and PutSymlink: all in the headers.
Result<Written> read_written(const http::Response& response, WallTime now);
/// Of Copy and Complete: the ETag is in the body, whose root is `root`.
Result<Written> read_written_xml(const http::Response& response, const char* root, WallTime now);
Result<std::string> read_upload_id(const http::Response& response);
Result<Part> read_part(const http::Response& response, int number, std::uint64_t size_bytes);
Result<Part> read_copied_part(const http::Response& response, int number, ByteRange range);

struct PartsPage {
  std::vector<Part> parts;
  int next_marker = 0;  ///< 0 on the last page.
};
Result<PartsPage> read_parts(const http::Response& response, int marker);

/// The keys that the server says it deleted.
Result<std::vector<std::string>> read_deleted(const http::Response& response);
Result<Symlink> read_symlink(const http::Response& response, WallTime now);
Result<std::string> read_acl(const http::Response& response);
/// As `PutOptions::tagging`: `a=1&b=2`, encoded.
Result<std::string> read_tagging(const http::Response& response);

}  // namespace stsfs::oss
