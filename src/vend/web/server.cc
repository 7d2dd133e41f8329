#include "server.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>

#include "client_address.h"
#include "config/listen_address.h"
#include "connection_watch.h"
#include "stsfs/base/handle.h"
#include "stsfs/base/log.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"
#include "stsfs/base/worker_pool.h"

// A request comes in on libmicrohttpd's thread, is suspended, answered by a pool thread, and
// resumed. A pool thread touches nothing of it but its Call, which lives until the completion
// callback; that comes after the resume.
//
// A reload puts a second libmicrohttpd on the same listening socket and takes the first off it:
// that one serves the connections it has until they end. No connection is dropped, and no code of
// ours changes a certificate in use.
namespace stsfs::vend {
namespace {

constexpr std::size_t kHeadersMaxBytes = 16 * 1024;
constexpr std::size_t kBodyMaxBytes = 8 * 1024;
constexpr std::size_t kServeThreads = 32;
constexpr std::size_t kServeQueueMax = 4'096;
// A login waits in this queue for at most some seconds: 100 ms each on every CPU.
constexpr std::size_t kHashQueueMax = 64;
// When the server stops: whoever keeps a connection open may be sending on it at this moment.
constexpr std::chrono::milliseconds kLinger{1'000};
constexpr std::chrono::milliseconds kLookAgain{10};

using MhdDaemon = Handle<MHD_Daemon, MHD_stop_daemon>;
using MhdResponse = Handle<MHD_Response, MHD_destroy_response>;

/// One request on its way.
struct Call {
  ServiceRequest request;
  std::string body;
  bool too_large = false;
  bool stranger = false;  ///< Came without the certificate that it needs.
  bool started = false;
  std::atomic<bool> done = false;
  ServiceResponse response;

  ~Call() {
    wipe(body);
    wipe(response.body);
  }
};

std::string header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string() : std::string(value);
}

int fd_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

std::string address_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  return info == nullptr ? std::string() : host_of(info->client_addr);
}

void log_mhd(void*, const char* format, va_list arguments) noexcept {
  char line[512];
  std::vsnprintf(line, sizeof line, format, arguments);
  log_debug("vend", "libmicrohttpd: {}", printable(trim(line)));
}

/// libmicrohttpd decodes %-sequences as C strings end, at their first zero; ours stay as they came.
std::size_t leave_escaped(void*, MHD_Connection*, char* text) noexcept { return std::strlen(text); }

MHD_Result append_argument(void* query, MHD_ValueKind, const char* name,
                           const char* value) noexcept {
  auto& text = *static_cast<std::string*>(query);
  text += (text.empty() ? "" : "&") + std::string(name) + "=" + (value != nullptr ? value : "");
  return MHD_YES;
}

/// Whether the client's certificate is one of the CA's. Checked here: libmicrohttpd only asks for
/// it.
bool has_good_certificate(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  unsigned flaws = 0;
  return info != nullptr &&
         gnutls_certificate_verify_peers2(static_cast<gnutls_session_t>(info->tls_session),
                                          &flaws) == GNUTLS_E_SUCCESS &&
         flaws == 0;
}

class MhdServer final : public Server {
 public:
  MhdServer(ServerOptions options, UniqueFd listener, Service& service)
      : tls_(!options.tls_certificate.empty()),
        listener_(std::move(listener)),
        options_(std::make_shared<const ServerOptions>(std::move(options))),
        service_(service),
        watch_(options_->limits.request_timeout, options_->limits.idle_timeout),
        hash_pool_({.threads_max = std::clamp(std::thread::hardware_concurrency(), 1u, 4u),
                    .queue_max = kHashQueueMax}),
        serve_pool_({.threads_max = kServeThreads, .queue_max = kServeQueueMax}) {}
  ~MhdServer() override { stop(std::chrono::milliseconds(0)); }

  Result<void> open();
  std::string url() const override { return url_; }
  Result<void> reload(ServerOptions options) override;
  void stop(std::chrono::milliseconds grace) override;

 private:
  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url,
                               const char* method, const char* version, const char* upload,
                               std::size_t* upload_size, void** context) noexcept;
  static void on_completed(void* self, MHD_Connection* connection, void** context,
                           MHD_RequestTerminationCode code) noexcept;
  static void on_connection(void* self, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode code) noexcept;
  static void* on_uri(void* self, const char* uri, MHD_Connection* connection) noexcept;

  Result<MhdDaemon> start_daemon(const ServerOptions& options);
  std::shared_ptr<const ServerOptions> options() const;
  Call* begin(MHD_Connection* connection, const char* url, const char* method);
  MHD_Result take(Call& call, MHD_Connection* connection, const char* upload,
                  std::size_t* upload_size);
  void start_work(Call& call, MHD_Connection* connection);
  void let_go(std::chrono::milliseconds grace);
  MHD_Result send(MHD_Connection* connection, const ServiceResponse& response) const;

  const bool tls_;
  const UniqueFd listener_;
  mutable Mutex mutex_;  // a leaf, held for the copy of a pointer
  std::shared_ptr<const ServerOptions> options_ STSFS_GUARDED_BY(mutex_);
  Service& service_;
  ConnectionWatch watch_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;   ///< From their headers until the last byte of the answer.
  std::atomic<int> in_flight_ = 0;  ///< With a pool, so that the daemon must not go.
  std::string url_;
  WorkerPool hash_pool_;
  WorkerPool serve_pool_;
  MhdDaemon daemon_;
  std::vector<MhdDaemon> retired_;  ///< Until their connections have ended.
};

std::shared_ptr<const ServerOptions> MhdServer::options() const {
  MutexLock lock(mutex_);
  return options_;
}

Result<MhdDaemon> MhdServer::start_daemon(const ServerOptions& options) {
  // Of its own: whoever quiesces a daemon closes its socket.
  UniqueFd socket(fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0));
  if (!socket) return fail_errno("the listening socket");
  const std::string key(options.tls_key.reveal());
  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_EXTERNAL_LOGGER, reinterpret_cast<std::intptr_t>(&log_mhd), nullptr},
      {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<std::intptr_t>(&on_completed), this},
      {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<std::intptr_t>(&on_connection), this},
      {MHD_OPTION_URI_LOG_CALLBACK, reinterpret_cast<std::intptr_t>(&on_uri), this},
      {MHD_OPTION_UNESCAPE_CALLBACK, reinterpret_cast<std::intptr_t>(&leave_escaped), nullptr},
      {MHD_OPTION_LISTEN_SOCKET, socket.get(), nullptr},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, options.limits.connections_max, nullptr},
      {MHD_OPTION_PER_IP_CONNECTION_LIMIT, options.limits.connections_per_address_max, nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<std::intptr_t>(kHeadersMaxBytes), nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, options.limits.idle_timeout.count() + 60, nullptr}};
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (tls_) {
    flags |= MHD_USE_TLS;
    items.push_back(
        {MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(options.tls_certificate.c_str())});
    items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(key.c_str())});
    items.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0,
                     const_cast<char*>("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")});
    if (!options.tls_client_ca.empty())
      items.push_back(
          {MHD_OPTION_HTTPS_MEM_TRUST, 0, const_cast<char*>(options.tls_client_ca.c_str())});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  MhdDaemon daemon(MHD_start_daemon(flags, 0, nullptr, nullptr, &on_request, this, MHD_OPTION_ARRAY,
                                    items.data(), MHD_OPTION_END));
  if (!daemon)
    return fail(Errc::kIo, tls_ ? "the server did not start; remedy: check certificate and key"
                                : "the server did not start");
  socket.release();  // the daemon closes it
  return daemon;
}

Result<void> MhdServer::open() {
  url_ = (tls_ ? "https://" : "http://") + bound_address(listener_.get());
  auto daemon = start_daemon(*options());
  if (!daemon) return fail(std::move(daemon.error()));
  daemon_ = std::move(*daemon);
  return {};
}

Result<void> MhdServer::reload(ServerOptions options) {
  if (options.tls_certificate.empty() == tls_)
    return fail(Errc::kInvalid, "whether TLS is spoken takes a restart to change");
  auto daemon = start_daemon(options);
  if (!daemon) return fail(std::move(daemon.error()));
  {
    auto fresh = std::make_shared<const ServerOptions>(std::move(options));
    MutexLock lock(mutex_);
    options_.swap(fresh);
  }
  const UniqueFd socket(MHD_quiesce_daemon(daemon_.get()));
  retired_.push_back(std::exchange(daemon_, std::move(*daemon)));
  std::erase_if(retired_, [](const MhdDaemon& old) {
    const auto* info = MHD_get_daemon_info(old.get(), MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info != nullptr && info->num_connections == 0;
  });
  return {};
}

/// Waits until whoever is connected has what he asked for. An answer that was handed over is not
/// sent yet, and one who keeps his connection does not know that it ends: he may ask once more, and
/// is told then.
void MhdServer::let_go(std::chrono::milliseconds grace) {
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::steady_clock::now() - start; };
  while ((requests_ > 0 && passed() < grace) ||
         (connections_ > 0 && passed() < std::min(grace, kLinger)))
    std::this_thread::sleep_for(kLookAgain);
}

void MhdServer::stop(std::chrono::milliseconds grace) {
  if (!daemon_) return;
  stopping_ = true;
  const UniqueFd socket(MHD_quiesce_daemon(daemon_.get()));
  shutdown(socket.get(), SHUT_RDWR);  // refused from now on, and not kept waiting until the end
  let_go(grace);
  service_.interrupt();
  // What is suspended must be resumed before the daemon goes, and all of it will be: the pools'
  // waits are interrupted or bounded.
  while (in_flight_ > 0) std::this_thread::sleep_for(kLookAgain);
  let_go(std::min(grace, kLinger));  // what the interrupted ones are told
  retired_.clear();
  daemon_.reset();
}

void* MhdServer::on_uri(void* self, const char*, MHD_Connection* connection) noexcept {
  static_cast<MhdServer*>(self)->watch_.began(fd_of(connection));
  return nullptr;
}

void MhdServer::on_connection(void* self, MHD_Connection* connection, void**,
                              MHD_ConnectionNotificationCode code) noexcept {
  auto* server = static_cast<MhdServer*>(self);
  const int fd = fd_of(connection);
  const bool opened = code == MHD_CONNECTION_NOTIFY_STARTED;
  Metrics& metrics = server->service_.office().metrics;
  metrics.connections(opened ? 1 : -1);
  server->connections_ += opened ? 1 : -1;
  if (opened) {
    metrics.add(Count::kConnections);
    server->watch_.opened(fd);
  } else {
    server->watch_.closed(fd);
  }
}

void MhdServer::on_completed(void* self, MHD_Connection* connection, void** context,
                             MHD_RequestTerminationCode) noexcept {
  auto* server = static_cast<MhdServer*>(self);
  server->watch_.answered(fd_of(connection));
  if (*context == nullptr) return;
  delete static_cast<Call*>(std::exchange(*context, nullptr));
  --server->requests_;
}

MHD_Result MhdServer::on_request(void* self, MHD_Connection* connection, const char* url,
                                 const char* method, const char*, const char* upload,
                                 std::size_t* upload_size, void** context) noexcept {
  auto* server = static_cast<MhdServer*>(self);
  try {
    if (*context == nullptr) {
      *context = server->begin(connection, url, method);
      ++server->requests_;
      return MHD_YES;
    }
    const auto taken = server->take(*static_cast<Call*>(*context), connection, upload, upload_size);
    wipe_stack();
    return taken;
  } catch (const std::exception& error) {  // out of memory
    log_error("vend", "a request failed: {}", error.what());
    return MHD_NO;
  }
}

Call* MhdServer::begin(MHD_Connection* connection, const char* url, const char* method) {
  auto call = std::make_unique<Call>();
  const auto present = options();
  ServiceRequest& request = call->request;
  request.method = method;
  request.path = url;
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &append_argument, &request.query);
  const std::string peer = address_of(connection);
  request.address =
      client_address(peer, header(connection, "X-Forwarded-For"), present->trusted_proxies);
  request.tls = tls_ || (is_among(peer, present->trusted_proxies) &&
                         header(connection, "X-Forwarded-Proto") == "https");
  request.authorization = Secret(header(connection, "Authorization"));
  request.cookie = Secret(header(connection, "Cookie"));
  request.rejected = header(connection, "X-Stsfs-Rejected");
  request.content_type = header(connection, "Content-Type");
  request.origin = header(connection, "Origin");
  request.fetch_site = header(connection, "Sec-Fetch-Site");
  request.host = header(connection, "Host");
  const std::string length = header(connection, "Content-Length");
  const auto size = parse_u64(length);
  call->too_large = (size && *size > kBodyMaxBytes) || (!length.empty() && !size);
  call->stranger = !present->tls_client_ca.empty() && !has_good_certificate(connection);
  return call.release();
}

MHD_Result MhdServer::take(Call& call, MHD_Connection* connection, const char* upload,
                           std::size_t* upload_size) {
  if (*upload_size > 0) {
    if (call.body.size() + *upload_size > kBodyMaxBytes) call.too_large = true;
    if (!call.too_large) call.body.append(upload, *upload_size);
    *upload_size = 0;
    return MHD_YES;
  }
  if (call.done) return send(connection, call.response);
  if (call.started) return MHD_YES;
  call.started = true;
  watch_.received(fd_of(connection));
  if (call.too_large)
    return send(connection, error_response(413, "TooLarge", "the body is longer than 8 KiB"));
  if (call.stranger)
    return send(connection,
                error_response(403, "CertificateRequired",
                               "this server wants a client certificate of its CA; remedy: "
                               "client_cert= and client_key="));
  start_work(call, connection);
  return MHD_YES;
}

void MhdServer::start_work(Call& call, MHD_Connection* connection) {
  call.request.body = Secret(std::move(call.body));
  MHD_suspend_connection(connection);
  ++in_flight_;
  const bool hashes = Service::hashes(call.request);
  const auto finish = [this, &call, connection](ServiceResponse response) {
    call.response = std::move(response);
    call.done = true;
    MHD_resume_connection(connection);  // from here on the call may be gone
    --in_flight_;
  };
  const bool taken = (hashes ? hash_pool_ : serve_pool_).run([this, &call, finish] {
    ServiceResponse response = service_.handle(call.request);
    wipe_stack();
    finish(std::move(response));
  });
  if (taken) return;
  ServiceResponse busy = error_response(503, "Busy", "too many requests, try again");
  busy.headers.push_back({"Retry-After", "2"});
  finish(std::move(busy));
}

MHD_Result MhdServer::send(MHD_Connection* connection, const ServiceResponse& response) const {
  MhdResponse answer(MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY));
  if (!answer) return MHD_NO;
  for (const auto& header : response.headers)
    MHD_add_response_header(answer.get(), header.name.c_str(), header.value.c_str());
  if (stopping_) MHD_add_response_header(answer.get(), "Connection", "close");
  if (tls_) MHD_add_response_header(answer.get(), "Strict-Transport-Security", "max-age=31536000");
  return MHD_queue_response(connection, static_cast<unsigned>(response.status), answer.get());
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, UniqueFd listener,
                                              Service& service) {
  auto server = std::make_unique<MhdServer>(std::move(options), std::move(listener), service);
  if (auto open = server->open(); !open) return fail(std::move(open.error()));
  return server;
}

Result<UniqueFd> open_listener(const std::string& listen, bool tls) {
  if (auto good = check_listen(listen, tls); !good) return fail(std::move(good.error()));
  auto fd = listen_on(*parse_listen_address(listen));
  if (!fd) return fail(std::move(fd.error()), listen);
  return fd;
}

}  // namespace stsfs::vend
