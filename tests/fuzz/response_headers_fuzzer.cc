// Headers as they come: lines whose first byte chooses the name, and the rest is the value.

#include <cstdlib>
#include <string>

#include "answers.h"
#include "stsfs/base/text.h"

using namespace stsfs;  // NOLINT: a program of its own

namespace {

constexpr const char* kNames[] = {
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Date",
    "x-oss-hash-crc64ecma",
    "x-oss-object-type",
    "x-oss-symlink-target",
    "x-oss-tagging-count",
    "x-oss-meta-mode",
    "x-oss-version-id",
    "Content-Type",
};

http::Headers headers_of(std::string_view text) {
  // What must be there is, unless it is said again before: the first of a name counts.
  http::Headers headers;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto choice = static_cast<unsigned char>(line.front()) % std::size(kNames);
    headers.push_back({kNames[choice], std::string(trim(line.substr(1)))});
  }
  headers.push_back({"ETag", "\"E\""});
  headers.push_back({"Last-Modified", "Fri, 24 Feb 2012 06:07:48 GMT"});
  return headers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const http::Headers headers = headers_of({reinterpret_cast<const char*>(data), size});
  (void)oss::read_head(headers, {});
  (void)oss::read_brief(headers, {});
  (void)oss::read_written({200, headers, {}}, {});
  (void)oss::read_part({200, headers, {}}, 1, 1);
  (void)oss::read_symlink({200, headers, {}}, WallTime{});
  const ByteRange asked{100, 50};
  if (const auto partial = oss::read_partial({206, headers}, asked, "", {})) {
    // A sink relies on it: never more than was asked for, never behind the end.
    if (partial->range.offset != asked.offset || partial->range.length > asked.length) std::abort();
    if (partial->range.end() > partial->meta.size_bytes) std::abort();
  }
  return 0;
}
