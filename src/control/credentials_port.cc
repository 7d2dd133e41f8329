#include "stsfs/control/credentials_port.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>

#include "json_line.h"
#include "stsfs/base/handle.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::control {
namespace {

using MhdDaemon = Handle<MHD_Daemon, MHD_stop_daemon>;

constexpr unsigned kConnectionsMax = 64;
constexpr unsigned kIdleSecondsMax = 10;
constexpr std::size_t kConnectionMemoryMax = 16 * 1024;
constexpr std::size_t kPathBytes = 16;
constexpr const char* kBase = "http://127.0.0.1:";

bool is_path(const std::string& path) {
  const auto bytes = hex_decode(path);
  return bytes && bytes->size() == kPathBytes && path == to_lower(path);
}

/// The host that the client believes to talk to, without its port.
bool names_this_machine(const char* host) {
  const std::string_view name = host == nullptr ? "" : host;
  const auto bare = name.substr(0, name.rfind(':'));
  return bare == "127.0.0.1" || equals_ignoring_case(bare, "localhost");
}

MHD_Result send(MHD_Connection* connection, unsigned status, std::string body) {
  MHD_Response* response =
      MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  wipe(body);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", "application/json");
  MHD_add_response_header(response, "Cache-Control", "no-store");
  const MHD_Result sent = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return sent;
}

std::string refusal(unsigned status, const char* code, const std::string& message) {
  return to_line({{"StatusCode", status},
                  {"Code", code},
                  {"ErrorCode", code},
                  {"ErrorMessage", message},
                  {"Message", message}});
}

class LoopbackPort final : public CredentialsPort {
 public:
  LoopbackPort(credentials::Provider& provider, std::string path)
      : provider_(provider), path_("/" + path) {}

  Result<void> listen(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    daemon_.reset(MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, nullptr, nullptr, &LoopbackPort::asked,
        this, MHD_OPTION_SOCK_ADDR, reinterpret_cast<sockaddr*>(&address),
        MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax, MHD_OPTION_CONNECTION_TIMEOUT,
        kIdleSecondsMax, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemoryMax, MHD_OPTION_END));
    if (!daemon_)
      return fail(Errc::kBusy,
                  "port " + std::to_string(port) + " of 127.0.0.1 cannot be listened on");
    const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_BIND_PORT);
    port_ = info->port;
    return {};
  }

  std::string uri() const override {
    return kBase + std::to_string(port_) + std::string(path_.reveal());
  }

 private:
  // Called once with the head of a request and once with its end; what a GET has beside is refused
  // with the first.
  static MHD_Result asked(void* self, MHD_Connection* connection, const char* url,
                          const char* method, const char*, const char*, std::size_t* body_size,
                          void**) noexcept {
    if (*body_size != 0) return MHD_NO;
    return static_cast<LoopbackPort*>(self)->answer(connection, url, method);
  }

  MHD_Result answer(MHD_Connection* connection, const char* url, const std::string& method) {
    const char* host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    if (!names_this_machine(host))
      return send(connection, MHD_HTTP_FORBIDDEN, refusal(403, "Forbidden", "ask for 127.0.0.1"));
    if (!(Secret(std::string_view(url)) == path_))
      return send(connection, MHD_HTTP_NOT_FOUND,
                  refusal(404, "NotFound", "there is nothing here"));
    if (method != MHD_HTTP_METHOD_GET)
      return send(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                  refusal(405, "MethodNotAllowed", "only GET"));
    const auto credential = provider_.current();
    if (!credential)
      return send(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                  refusal(503, name_of(credential.error().code), credential.error().message));
    return send(connection, MHD_HTTP_OK, credential_json(**credential));
  }

  credentials::Provider& provider_;
  const Secret path_;
  std::uint16_t port_ = 0;
  MhdDaemon daemon_;  // last: its threads use all of the above
};

}  // namespace

// What each reader expects in one answer: the SDKs of Alibaba Cloud and ossfs 2, the command line
// tool aliyun (lower case), and what speaks S3 (Version, SecretAccessKey; SessionToken of a
// process, Token of a URI). All pass over what they do not know.
std::string credential_json(const credentials::Credential& credential) {
  const std::string secret(credential.access_key_secret.reveal());
  Json object = {{"StatusCode", 200},
                 {"Code", "Success"},
                 {"Version", 1},
                 {"AccessKeyId", credential.access_key_id},
                 {"AccessKeySecret", secret},
                 {"SecretAccessKey", secret},
                 {"mode", "AK"},
                 {"access_key_id", credential.access_key_id},
                 {"access_key_secret", secret}};
  if (!credential.security_token.empty()) {
    for (const char* name : {"SecurityToken", "sts_token", "SessionToken", "Token"})
      object[name] = credential.security_token.reveal();
    object["mode"] = "StsToken";
  }
  if (credential.expiration)
    object["Expiration"] = object["expiration"] = format_iso8601(*credential.expiration);
  return to_line(object);
}

std::optional<CredentialsPort::Options> parse_credentials_uri(const std::string& uri) {
  if (!uri.starts_with(kBase)) return std::nullopt;
  const std::string_view rest = std::string_view(uri).substr(std::string_view(kBase).size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto port = parse_u64(rest.substr(0, slash));
  std::string path(rest.substr(slash + 1));
  if (!port || *port == 0 || *port > 65'535 || !is_path(path)) return std::nullopt;
  return CredentialsPort::Options{static_cast<std::uint16_t>(*port), std::move(path)};
}

Result<std::unique_ptr<CredentialsPort>> CredentialsPort::start(credentials::Provider& provider,
                                                                const Options& options) {
  const std::string path = options.path.empty() ? random_hex(kPathBytes) : options.path;
  if (!is_path(path)) return fail(Errc::kInvalid, "the path of a credentials URI is 32 hex digits");
  auto port = std::make_unique<LoopbackPort>(provider, path);
  if (auto listening = port->listen(options.port); !listening)
    return fail(std::move(listening.error()));
  return port;
}

}  // namespace stsfs::control
