// The body of an answer that says no, and its stand-in in a header. The first byte is the status.

#include <cstdlib>
#include <string>

#include "service_error.h"
#include "stsfs/base/text.h"

using namespace stsfs;  // NOLINT: a program of its own

namespace {

void check(const http::Response& response) {
  const oss::ServiceError error = oss::read_service_error(response);
  const oss::RequestSpec spec{.operation = oss::Operation::kGet, .key = "k"};
  const Error ours = oss::to_error(error, spec, {});
  if (ours.message.size() > 2'000) std::abort();
  if (ours.retry_after > std::chrono::minutes(1)) std::abort();
  for (const char c : ours.message)  // it goes to a log and to a terminal
    if (static_cast<unsigned char>(c) < 0x20) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int status = 300 + data[0] * 2;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  check({status, {}, text});
  for (const char* element : {"Code", "Message", "EC", "Endpoint", "ServerTime", "RequestId"}) {
    const std::string name(element);
    check({status, {}, "<Error><" + name + ">" + text + "</" + name + "></Error>"});
  }
  check({status, {{"x-oss-err", text}, {"x-oss-ec", text}, {"x-oss-request-id", text}}, {}});
  check({status, {{"x-oss-err", base64_encode(as_bytes(text))}, {"Date", text}}, {}});
  check({status, {{"Retry-After", text}, {"x-oss-qos-delay-time", text}}, {}});
  return 0;
}
