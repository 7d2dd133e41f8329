#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "requests.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/http/engine.h"

namespace stsfs::oss {

/// What the server said when it said no. Source: OSS API, "Error responses".
struct ServiceError {
  int status = 0;
  std::string code;  ///< Empty when the answer held no OSS error.
  std::string message;
  std::string ec;
  std::string request_id;
  std::string endpoint;                 ///< Where the bucket really is, on a wrong endpoint.
  std::optional<WallTime> server_time;  ///< ServerTime, or Date.
  std::chrono::milliseconds retry_after{0};
};

/// An error body is read up to here; what is longer is not OSS's.
inline constexpr std::size_t kErrorBodyMax = 64 * 1024;

/// Reads the body, or `x-oss-err` of a HEAD. Never fails: what cannot be read stays empty.
ServiceError read_service_error(const http::Response& response);

/// The one table from OSS's codes to ours.
Errc errc_of(const ServiceError& error, Operation operation);

/// The credential that signed is the reason: another may do.
bool names_credential(const ServiceError& error);

/// The whole message: what was tried on which key, status, code, EC, request id, the server's
/// words, and the remedy where a person has one. `now` is our clock, for the remedy of a skew.
Error to_error(const ServiceError& error, const RequestSpec& spec, WallTime now);

/// "PutObject users/a/x": how every message of this layer begins.
std::string what_was_tried(const RequestSpec& spec);

}  // namespace stsfs::oss
