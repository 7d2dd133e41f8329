// The XML of every successful answer: whatever a server sends, a value or an error comes out.
//
// Taken as it is, and as a sentence in the words of these answers: the XML library is not
// instrumented, so the fuzzer would never find an element's name by itself.

#include <cstdlib>
#include <string>

#include "answers.h"
#include "stsfs/base/text.h"

using namespace stsfs;  // NOLINT: a program of its own

namespace {

/// What came out must be usable: nothing outside the prefix, in order, a token only to go on with.
void check(const oss::ListPage& page, const oss::ListRequest& request) {
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    if (!page.objects[i].key.starts_with(request.prefix)) std::abort();
    if (i > 0 && page.objects[i].key < page.objects[i - 1].key) std::abort();
    if (page.objects[i].etag.size() < 2) std::abort();
  }
  for (const std::string& prefix : page.common_prefixes)
    if (!prefix.starts_with(request.prefix)) std::abort();
}

constexpr const char* kWords[] = {
    "<ListBucketResult>",
    "</ListBucketResult>",
    "<Contents><Key>users/a/",
    "</Key><Size>5</Size><LastModified>2020-05-18T05:45:54.000Z</LastModified><ETag>\"E\"</ETag>",
    "</Contents>",
    "<Key>",
    "</Key>",
    "<Size>",
    "</Size>",
    "<ETag>",
    "</ETag>",
    "<CommonPrefixes><Prefix>users/a/",
    "</Prefix></CommonPrefixes>",
    "<EncodingType>url</EncodingType>",
    "<IsTruncated>true</IsTruncated>",
    "<IsTruncated>false</IsTruncated>",
    "<NextContinuationToken>",
    "</NextContinuationToken>",
    "<ListPartsResult>",
    "</ListPartsResult>",
    "<Part><PartNumber>",
    "</PartNumber>",
    "</Part>",
    "<NextPartNumberMarker>",
    "</NextPartNumberMarker>",
    "<DeleteResult><Deleted>",
    "</Deleted></DeleteResult>",
    "<CopyPartResult><ETag>",
    "</ETag></CopyPartResult>",
    "<![CDATA[",
    "]]>",
    "&#x0;",
};

std::string in_words(const std::uint8_t* data, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] < std::size(kWords))
      out += kWords[data[i]];
    else
      out += static_cast<char>(data[i]);
  }
  return out;
}

void read_all(const http::Response& response) {
  for (const char* prefix : {"", "users/a/"}) {
    const oss::ListRequest request{.prefix = prefix};
    if (const auto page = oss::read_list(response, request, {})) check(*page, request);
  }
  (void)oss::read_written_xml(response, "CopyObjectResult", {});
  (void)oss::read_written_xml(response, "CompleteMultipartUploadResult", {});
  (void)oss::read_upload_id(response);
  (void)oss::read_copied_part(response, 1, {0, 10});
  if (const auto page = oss::read_parts(response, 5))
    if (page->next_marker != 0 && page->next_marker <= 5) std::abort();
  (void)oss::read_deleted(response);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_all({200, {}, std::string(reinterpret_cast<const char*>(data), size)});
  read_all({200, {}, in_words(data, size)});
  return 0;
}
