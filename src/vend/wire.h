#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"
#include "stsfs/base/time_format.h"
#include "stsfs/http/body.h"

// What goes in and out of the service, without a socket.
namespace stsfs::vend {

/// What of a request the service looks at.
struct ServiceRequest {
  std::string method;
  std::string path;
  std::string query;     ///< Undecoded, without its `?`.
  Secret authorization;  ///< The value of `Authorization`.
  std::string rejected;  ///< `X-Stsfs-Rejected`
  Secret cookie;         ///< The value of `Cookie`.
  std::string content_type;
  std::string origin;      ///< `Origin`
  std::string fetch_site;  ///< `Sec-Fetch-Site`
  std::string host;        ///< `Host`
  bool tls = false;        ///< It came over TLS, to us or to a proxy that we trust.
  Secret body;
  std::string address;  ///< The client's, without its port.
};

struct ServiceResponse {
  int status = 200;
  std::vector<http::Header> headers;
  std::string body;  ///< May hold a secret: whoever sends it wipes it.
};

ServiceResponse json_response(std::string body);
/// 204: done, and nothing to say.
ServiceResponse no_content();
/// `{"StatusCode", "ErrorCode", "ErrorMessage"}`.
ServiceResponse error_response(int status, std::string_view code, std::string_view message);
/// What went wrong, as a client is to be told. What is not the client's doing is a 503 without a
/// word about it.
ServiceResponse failure_response(const Error& error);
void add_retry_after(ServiceResponse& response, std::chrono::milliseconds wait);

/// The text as JSON, quotes included.
std::string as_json(std::string_view text);

/// A member of the JSON object `body`, taken out of it without a copy that stays behind; nullopt
/// when the body is no object of strict JSON, or the member is not there or no string.
std::optional<Secret> json_member(const Secret& body, const char* name);

/// `a=1&b=2` of a query or a form; nullopt when `name` is not there, or not well encoded.
std::optional<std::string> form_value(std::string_view text, std::string_view name);

/// A cookie's value; empty when it is not there.
std::string_view cookie_value(std::string_view header, std::string_view name);

/// What `Authorization: Bearer …` carries; empty when it is something else, or longer than
/// `size_max`.
std::string_view bearer_of(const ServiceRequest& request, std::size_t size_max);

}  // namespace stsfs::vend
