#include <algorithm>
#include <array>

#include "stsfs/base/text.h"
#include "stsfs/base/this_machine.h"
#include "stsfs/credentials/vending_client.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kVendingUrlMaxBytes = 2048;

struct Url {
  std::string scheme;
  std::string host;  ///< In lower case; brackets stay around an IPv6 address.
  std::string port;  ///< Empty: the scheme's own.
  std::string path;  ///< Without a slash at the end.
};

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_path_char(char c) {
  return is_host_char(c) || (c >= 'A' && c <= 'Z') || c == '/' || c == '~' || c == '%';
}

bool is_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    });
  }
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), is_host_char);
}

tl::unexpected<Error> bad_url(const char* what) {
  return fail(Errc::kInvalid,
              std::string("the vending URL ") + what + "; it reads https://HOST[:PORT][/PATH]");
}

Result<Url> split_url(std::string_view text) {
  if (text.size() > kVendingUrlMaxBytes) return bad_url("is too long");
  Url url;
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return bad_url("has no scheme");
  url.scheme = to_lower(text.substr(0, scheme));
  if (url.scheme != "https" && url.scheme != "http") return bad_url("is neither https nor http");
  text.remove_prefix(scheme + 3);
  const auto slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  url.path = std::string(text.substr(slash));
  // Not printed: what stands before an "@" may be a password.
  if (text.find('@') != std::string_view::npos) return bad_url("must not contain a user");
  if (!std::all_of(url.path.begin(), url.path.end(), is_path_char))
    return bad_url("has a query or odd characters");
  while (url.path.ends_with('/')) url.path.pop_back();

  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto port = parse_u64(authority.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return bad_url("has a bad port");
    if (*port != (url.scheme == "https" ? 443U : 80U)) url.port = std::to_string(*port);
    authority = authority.substr(0, colon);
  }
  url.host = to_lower(authority);
  if (!is_host(url.host)) return bad_url("has a bad host name");
  return url;
}

}  // namespace

Result<std::string> normalize_vending_url(const VendingOptions& options) {
  auto url = split_url(options.url);
  if (!url) return fail(std::move(url.error()));
  if (url->scheme == "http" && !is_this_machine(url->host) && !options.insecure_http)
    return fail(Errc::kInvalid,
                "the vending URL is http:// to another machine, where everybody on the way reads "
                "the password; remedy: use https:// (or, on a network you trust, insecure_http)");
  return url->scheme + "://" + url->host + (url->port.empty() ? "" : ":" + url->port) + url->path;
}

}  // namespace stsfs::credentials
