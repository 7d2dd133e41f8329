#include <algorithm>
#include <utility>

#include "answer.h"
#include "http_answer.h"
#include "stsfs/base/text.h"
#include "stsfs/base/this_machine.h"
#include "stsfs/credentials/sources.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kUrlMaxBytes = 4096;

struct UrlParts {
  std::string scheme;
  std::string host;       ///< In lower case, without the port.
  std::string authority;  ///< As written.
};

Result<UrlParts> take_apart(const std::string& url) {
  const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
  const auto scheme = url.find("://");
  if (url.size() > kUrlMaxBytes || scheme == std::string::npos ||
      !std::all_of(url.begin(), url.end(), visible))
    return fail(Errc::kInvalid, "the credentials URI is no URL");
  UrlParts parts;
  parts.scheme = to_lower(url.substr(0, scheme));
  const std::string rest = url.substr(scheme + 3);
  parts.authority = rest.substr(0, rest.find_first_of("/?#"));
  // Not printed: what stands before an "@" may be a password.
  if (parts.authority.empty() || parts.authority.find('@') != std::string::npos)
    return fail(Errc::kInvalid, "the credentials URI names no host, or a user, which it may not");
  const auto colon = parts.authority.rfind(':');
  const auto bracket = parts.authority.rfind(']');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  parts.host = to_lower(has_port ? parts.authority.substr(0, colon) : parts.authority);
  return parts;
}

/// 169.254.0.0/16 and Alibaba Cloud's own 100.100.100.200 do not leave the machine's host.
bool is_link_local(const std::string& host) {
  const auto parts = split(host, '.');
  const bool numbers = parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](auto part) {
                         const auto number = parse_u64(part);
                         return number && *number <= 255;
                       });
  return numbers && (host.starts_with("169.254.") || host == "100.100.100.200");
}

class UriSource final : public Source {
 public:
  UriSource(http::Engine& engine, const Clock& clock, std::string url, std::string name)
      : engine_(engine), clock_(clock), url_(std::move(url)), name_(std::move(name)) {}

  std::string describe() const override { return name_; }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                      Interrupt& interrupt) override {
    http::Request request{.method = http::Method::kGet,
                          .url = url_,
                          .headers = {{"Accept", "application/json"}},
                          .body = nullptr,
                          .deadline = deadline};
    auto response = answer_to(engine_, std::move(request), interrupt);
    if (!response) return fail(without_url(std::move(response.error())), name_);
    if (response->status != 200) return refusal(*response);
    auto grant = parse_grant(response->body, KeyKind::kTemporaryOnly);
    wipe(response->body);
    if (!grant) return fail(std::move(grant.error()), name_);
    if (grant->credential.access_key_id == rejected_access_key_id)
      return fail(Errc::kCredential, "OSS refused the key of the " + name_ +
                                         ", and it gives the same one again; remedy: restart "
                                         "whatever serves it");
    grant->server_time = date_of(response->headers);
    return grant;
  }

 private:
  /// The engine names host and path; the path may be what keeps others away.
  Error without_url(Error error) const {
    const auto scheme = url_.find("://") + 3;
    const auto slash = url_.find('/', scheme);
    if (slash == std::string::npos) return error;
    const std::string path = url_.substr(slash, url_.find('?', slash) - slash);
    for (auto at = error.message.find(path); path.size() > 1 && at != std::string::npos;
         at = error.message.find(path, at + 1))
      error.message.replace(at, path.size(), "/…");
    return error;
  }

  tl::unexpected<Error> refusal(const http::Response& response) const {
    const std::string reason = describe_refusal(response.body);
    return fail(Error{errc_of_status(response.status),
                      name_ + ": " + std::to_string(response.status) +
                          (reason.empty() ? "" : " " + reason) +
                          "; remedy: check credentials_uri and whatever serves it",
                      retry_after_of(response.headers, clock_)});
  }

  http::Engine& engine_;
  const Clock& clock_;
  const std::string url_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<Source>> uri_source(http::Engine& engine, const Clock& clock,
                                           UriOptions options) {
  if (options.url.empty())
    return fail(Errc::kInvalid,
                "credentials=uri needs credentials_uri=URL or ALIBABA_CLOUD_CREDENTIALS_URI");
  const auto parts = take_apart(options.url);
  if (!parts) return fail(parts.error());
  if (parts->scheme != "https" && parts->scheme != "http")
    return fail(Errc::kInvalid, "the credentials URI is neither https nor http");
  const bool near = is_this_machine(parts->host) || is_link_local(parts->host);
  if (parts->scheme == "http" && !near && !options.insecure_http)
    return fail(Errc::kInvalid,
                "the credentials URI is http:// to another machine, where everybody on the way "
                "reads the key; remedy: use https:// (or, on a network you trust, insecure_http)");
  return std::make_unique<UriSource>(
      engine, clock, std::move(options.url),
      "credentials URI at " + parts->scheme + "://" + printable(parts->authority));
}

}  // namespace stsfs::credentials
