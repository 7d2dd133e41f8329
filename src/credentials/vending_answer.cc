#include "vending_answer.h"

#include "answer.h"
#include "http_answer.h"
#include "json_reader.h"
#include "stsfs/base/text.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kLoginTokenMaxBytes = 16 * 1024;

std::string remedy_for(int status, const std::string& url, Proof proof) {
  if (status == 401 && proof == Proof::kPassword) return "";
  if (status == 401) return "; remedy: stsfs login " + printable(url, 512);
  if (status == 403) return "; remedy: ask who runs the vending server";
  if (status == 404) return "; remedy: check the URL, there seems to be no vending server";
  if (status >= 300 && status < 400)
    return "; a redirect is not followed with a login; remedy: use the final URL";
  return "";
}

}  // namespace

tl::unexpected<Error> refusal(const http::Response& response, const std::string& url,
                              const Clock& clock, Proof proof) {
  const std::string reason = describe_refusal(response.body);
  Error error{errc_of_status(response.status),
              "vending server " + printable(url, 512) + ": " + std::to_string(response.status) +
                  (reason.empty() ? "" : " " + reason) + remedy_for(response.status, url, proof),
              retry_after_of(response.headers, clock)};
  return fail(std::move(error));
}

std::string bearer(const Secret& token) { return "Bearer " + std::string(token.reveal()); }

Result<LoginToken> read_token(http::Response& response, const std::string& username,
                              const Clock& clock) {
  auto document = parse_object(response.body, kAnswerMaxBytes);
  wipe(response.body);
  if (!document) return fail(std::move(document.error()));
  MemberReader reader(*document);
  LoginToken token;
  token.token = reader.secret("token", kLoginTokenMaxBytes, true);
  const auto expires = reader.time("expires_at", true);
  if (token.token.reveal().find_first_of("\"\\") != std::string_view::npos)
    reader.complain("token", "contains characters that no token has");
  if (auto read = reader.result(); !read) return fail(std::move(read.error()));
  token.expires_at = *expires;
  token.obtained_at = date_of(response.headers).value_or(clock.wall());
  token.username = username;
  return token;
}

}  // namespace stsfs::credentials
