#include "http_answer.h"

#include <algorithm>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::credentials {
namespace {

constexpr std::chrono::seconds kRetryAfterMax{3'600};

}  // namespace

Errc errc_of_status(int status) {
  switch (status) {
    case 401:
      return Errc::kCredential;
    case 403:
      return Errc::kDenied;
    case 408:
      return Errc::kUnavailable;
    case 429:
      return Errc::kThrottled;
    default:
      return status >= 500 ? Errc::kUnavailable : Errc::kProtocol;
  }
}

std::chrono::milliseconds retry_after_of(const http::Headers& headers, const Clock& clock) {
  const std::string* value = http::find_header(headers, "Retry-After");
  if (value == nullptr) return {};
  if (const auto seconds = parse_u64(trim(*value)))
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, kRetryAfterMax.count()));
  const auto date = parse_http_date(*value);
  if (!date || *date <= clock.wall()) return {};
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*date - clock.wall());
  return std::min<std::chrono::milliseconds>(wait, kRetryAfterMax);
}

std::optional<WallTime> date_of(const http::Headers& headers) {
  const std::string* date = http::find_header(headers, "Date");
  return date == nullptr ? std::nullopt : parse_http_date(*date);
}

Result<http::Response> answer_to(http::Engine& engine, http::Request request,
                                 Interrupt& interrupt) {
  return await<http::Response>(&interrupt, [&](Callback<http::Response> done) {
    return engine.start(std::move(request), std::move(done));
  });
}

}  // namespace stsfs::credentials
