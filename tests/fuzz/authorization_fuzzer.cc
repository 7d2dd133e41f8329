// The credentials of a request, in each form: taken apart or refused. The first byte says where
// they stand; the rest is their text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "identity/access.h"
#include "identity/sts_sessions.h"
#include "identity/verify_parse.h"
#include "ram/ram_directory.h"
#include "sts/sts_service.h"
#include "stsfs/base/time_format.h"

namespace {

using namespace stsfs::sim;

struct Service {
  std::shared_ptr<const Directory> directory =
      read_ram_document("[[account]]\nid = \"1\"\naccess_key = { id = \"ak\", secret = \"sk\" }\n",
                        "fuzz")
          .value();
  std::shared_ptr<SessionTable> sessions = std::make_shared<SessionTable>();
  Access access{directory, sessions, {}};
  StsService sts{directory, sessions, {}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Service service;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  parse_oss_v4(text);
  parse_oss_v1(text);
  parse_aws_v4(text);
  parse_acs3(text);
  parse_credential(text);
  WireRequest request;
  request.method = data[0] % 2 == 0 ? "GET" : "POST";
  request.path = "/";
  request.now = *stsfs::parse_iso8601("2026-01-02T03:04:05Z");
  request.headers = {{"x-oss-date", "20260102T030405Z"},
                     {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}};
  static constexpr const char* kParameters[] = {"x-oss-credential", "X-Amz-Credential",
                                                "OSSAccessKeyId", "x-oss-expires"};
  if (data[0] < 128)
    request.headers.emplace_back("Authorization", text);
  else
    request.query = {{"x-oss-signature-version", "OSS4-HMAC-SHA256"},
                     {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                     {kParameters[data[0] / 2 % 4], text}};
  const std::vector<Target> candidates{{"b", "k"}};
  (void)service.access.verify(request, candidates);
  request.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
  service.sts.handle(request, text);
  return 0;
}
