#include "http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <new>
#include <queue>
#include <thread>
#include <unordered_map>

#include <microhttpd.h>

#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using std::chrono::steady_clock;

// Its buffers. libmicrohttpd clears all of them after each request, so more (256 KiB) cost a small
// request more than its signature did; less would hardly hold 8 KB of metadata and a long key.
constexpr std::size_t kConnectionMemory = 64 * 1024;
constexpr unsigned kConnectionsMax = 16'384;
constexpr unsigned kIdleSeconds = 120;
constexpr std::size_t kBlockSize = 256 * 1024;

/// Resumes suspended connections when their time has come.
class Resumer {
 public:
  Resumer() : thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Resumer() { stop(); }

  /// Resumes everybody; from now on nobody is suspended, which MHD wants before it is stopped.
  void stop() STSFS_EXCLUDES(mutex_) {
    thread_.request_stop();
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
    for (; !waiting_.empty(); waiting_.pop()) MHD_resume_connection(waiting_.top().connection);
  }

  /// Suspends `connection` (from a callback of it) and resumes it after `time`. False, and nothing
  /// is suspended, when the server is ending: whoever asked gives up its connection.
  bool suspend(MHD_Connection* connection, std::chrono::nanoseconds time) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (stopped_) return false;
    MHD_suspend_connection(connection);
    waiting_.push({steady_clock::now() + time, connection});
    changed_.notify_all();
    return true;
  }

 private:
  struct Entry {
    steady_clock::time_point due;
    MHD_Connection* connection;
    bool operator<(const Entry& other) const { return due > other.due; }
  };

  void run(const std::stop_token& stop) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!stop.stop_requested()) {
      if (waiting_.empty()) {
        changed_.wait(mutex_);
      } else if (const auto due = waiting_.top().due; due > steady_clock::now()) {
        changed_.wait_until(mutex_, due);
      } else {
        MHD_resume_connection(waiting_.top().connection);
        waiting_.pop();
      }
    }
  }

  Mutex mutex_;
  Condition changed_;
  std::priority_queue<Entry> waiting_ STSFS_GUARDED_BY(mutex_);
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

/// The pieces that a slowed body passes in: a twentieth of a second's worth, so that a short one is
/// slowed as well.
std::size_t piece_of(std::uint64_t bytes_per_second) {
  return std::clamp<std::uint64_t>(bytes_per_second / 20, 1'024, 64 * 1024);
}

/// Lets so many bytes a second through.
class Pace {
 public:
  explicit Pace(std::uint64_t bytes_per_second)
      : rate_(bytes_per_second), since_(steady_clock::now()) {}
  void passed(std::size_t bytes) { bytes_ += bytes; }
  /// Until the next byte may pass.
  std::chrono::nanoseconds wait() const {
    if (rate_ == 0) return {};
    const auto due = since_ + std::chrono::nanoseconds(bytes_ * 1'000'000'000 / rate_);
    return std::max<std::chrono::nanoseconds>(due - steady_clock::now(),
                                              std::chrono::nanoseconds(0));
  }

 private:
  std::uint64_t rate_;
  steady_clock::time_point since_;
  std::uint64_t bytes_ = 0;
};

/// Since when a client lets us wait for more of its body. The server's thread says so, the watch's
/// gives it up.
class BodyWait {
 public:
  void begin() { since_ = steady_clock::now().time_since_epoch().count(); }
  /// There is something to do. False: it was given up, and the exchange is no longer ours.
  bool end() {
    std::int64_t seen = since_;
    while (seen != kGivenUp)
      if (since_.compare_exchange_weak(seen, kBusy)) return true;
    return false;
  }
  bool is_longer_than(std::chrono::nanoseconds limit) const {
    const std::int64_t seen = since_;
    return seen > 0 && is_over(seen, limit);
  }
  /// True once, when the wait is that long.
  bool give_up(std::chrono::nanoseconds limit) {
    std::int64_t seen = since_;
    return seen > 0 && is_over(seen, limit) && since_.compare_exchange_strong(seen, kGivenUp);
  }

 private:
  static constexpr std::int64_t kBusy = 0;
  static constexpr std::int64_t kGivenUp = -1;
  static bool is_over(std::int64_t since, std::chrono::nanoseconds limit) {
    return steady_clock::now().time_since_epoch() - steady_clock::duration(since) >= limit;
  }
  std::atomic<std::int64_t> since_ = kBusy;
};

/// What belongs to one request on one connection.
struct Exchange {
  std::string target;
  std::unique_ptr<Responder> responder;
  std::optional<Pace> upload;
  std::size_t piece = SIZE_MAX;  ///< Of the body, at once.
  bool has_body = false;
  bool is_watched = false;
  std::uint64_t body_left = 0;  ///< As announced; without an end when it comes in chunks.
  BodyWait body_wait;
  std::optional<HttpAnswer> answer;
  bool delayed = false;
};

/// Gives the body of one answer, slowed and spoilt as its Delivery says.
struct BodyReader {
  Content content;
  std::string text;
  bool is_text = false;
  Delivery delivery;
  Pace pace{0};
  bool stalled = false;
  MHD_Connection* connection = nullptr;
  Resumer* resumer = nullptr;
  SharedLine* line = nullptr;

  std::uint64_t size() const { return is_text ? text.size() : content.size(); }
  ssize_t pause(std::chrono::nanoseconds time) {
    return resumer->suspend(connection, time) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
  }

  ssize_t read(std::uint64_t at, char* buffer, std::size_t max) {
    if (delivery.truncate_at && at >= *delivery.truncate_at)
      return MHD_CONTENT_READER_END_WITH_ERROR;
    if (delivery.stall_at && at >= *delivery.stall_at && !stalled) {
      stalled = true;
      return pause(delivery.stall);
    }
    if (const auto wait = pace.wait(); wait.count() > 0) return pause(wait);
    if (line != nullptr)
      if (const auto wait = line->out.wait(); wait.count() > 0) return pause(wait);
    if (delivery.truncate_at) max = std::min<std::size_t>(max, *delivery.truncate_at - at);
    if (delivery.stall_at && at < *delivery.stall_at)
      max = std::min<std::size_t>(max, *delivery.stall_at - at);
    if (delivery.bytes_per_second != 0) max = std::min(max, piece_of(delivery.bytes_per_second));
    if (line != nullptr) max = std::min<std::size_t>(max, 64 * 1024);
    std::size_t got = std::min<std::size_t>(max, size() - at);
    if (is_text)
      std::memcpy(buffer, text.data() + at, got);
    else
      got = content.read(at, {reinterpret_cast<std::byte*>(buffer), got}).value_or(0);
    if (got == 0) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (delivery.corrupt_at && *delivery.corrupt_at >= at && *delivery.corrupt_at < at + got)
      buffer[*delivery.corrupt_at - at] =
          static_cast<char>(buffer[*delivery.corrupt_at - at] ^ 0x20);
    pace.passed(got);
    if (line != nullptr) line->out.passed(got);
    return static_cast<ssize_t>(got);
  }
};

ssize_t read_body(void* self, std::uint64_t at, char* buffer, std::size_t max) noexcept {
  return static_cast<BodyReader*>(self)->read(at, buffer, max);
}
void free_body(void* self) noexcept { delete static_cast<BodyReader*>(self); }

bool is_plain(const Delivery& delivery) {
  return delivery.bytes_per_second == 0 && !delivery.truncate_at && !delivery.corrupt_at &&
         !delivery.stall_at;
}

/// Straight from where the bytes lie: by sendfile(2), or out of the blob's memory, which the
/// exchange's answer keeps alive until the response has gone. Null when the system cannot.
MHD_Response* response_of(const Content::Segment& segment) {
  const Blob& blob = *segment.blob;
  if (blob.storage() == nullptr)
    return MHD_create_response_from_buffer(segment.length,
                                           const_cast<char*>(blob.bytes().data() + segment.offset),
                                           MHD_RESPMEM_PERSISTENT);
  const int fd = fcntl(blob.storage()->fd(blob.place()), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  return MHD_create_response_from_fd_at_offset64(segment.length, fd,
                                                 blob.place().offset + segment.offset);
}

/// RST. Closing with SO_LINGER would not do: MHD shuts the connection down in order first.
void reset(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  if (info != nullptr) static_cast<void>(connect(info->connect_fd, &nobody, sizeof nobody));
}

/// Past libmicrohttpd, which answers only what it has read whole. It writes nothing by itself while
/// it waits for a body.
void send_raw(int fd, const HttpAnswer& answer) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  out += MHD_get_reason_phrase_for(static_cast<unsigned>(answer.status));
  for (const auto& [name, value] : answer.headers)
    out.append("\r\n").append(name).append(": ").append(value);
  out += "\r\nContent-Length: " + std::to_string(answer.text.size());
  out += "\r\nConnection: close\r\n\r\n" + answer.text;
  static_cast<void>(::send(fd, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

bool has_unread_bytes(int fd) {
  char byte = 0;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/// Gives up the requests whose bodies stop coming.
class BodyWatch {
 public:
  /// `secure`: nothing can be said past TLS, the connection just ends.
  BodyWatch(std::chrono::milliseconds limit, bool secure) : limit_(limit), secure_(secure) {
    if (limit.count() > 0)
      thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~BodyWatch() {
    thread_.request_stop();
    MutexLock lock(mutex_);
    changed_.notify_all();
  }

  void add(Exchange& exchange, int fd) STSFS_EXCLUDES(mutex_) {
    if (limit_.count() == 0) return;
    MutexLock lock(mutex_);
    watched_.emplace(&exchange, fd);
  }
  /// From now on it is not looked at.
  void remove(Exchange& exchange) STSFS_EXCLUDES(mutex_) {
    if (limit_.count() == 0) return;
    MutexLock lock(mutex_);
    watched_.erase(&exchange);
  }

 private:
  void run(const std::stop_token& stop) STSFS_EXCLUDES(mutex_) {
    const auto pause = std::max<std::chrono::nanoseconds>(limit_ / 8, std::chrono::milliseconds(5));
    MutexLock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_until(mutex_, steady_clock::now() + pause);
      for (const auto& [exchange, fd] : watched_) look_at(*exchange, fd);
    }
  }
  void look_at(Exchange& exchange, int fd) const STSFS_REQUIRES(mutex_) {
    // What has come and is only not read yet is not the client's to answer for.
    if (!exchange.body_wait.is_longer_than(limit_) || has_unread_bytes(fd)) return;
    if (!exchange.body_wait.give_up(limit_)) return;
    const auto answer = exchange.responder->timed_out();
    if (answer && !answer->delivery.reset && !secure_) send_raw(fd, *answer);
    static_cast<void>(shutdown(fd, SHUT_RDWR));  // libmicrohttpd sees its end
  }

  const std::chrono::milliseconds limit_;
  const bool secure_;
  mutable Mutex mutex_;
  Condition changed_;
  std::unordered_map<Exchange*, int> watched_ STSFS_GUARDED_BY(mutex_);
  std::jthread thread_;
};

std::string decode_query_part(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced).value_or(spaced);
}

void split_target(const std::string& target, WireRequest& request) {
  std::string_view rest = target;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos && rest[0] != '/') {
    const auto slash = rest.find('/', scheme + 3);  // absolute form, as a proxy gets it
    rest = slash == std::string_view::npos ? "/" : rest.substr(slash);
  }
  const auto mark = rest.find('?');
  request.path = rest.substr(0, mark);
  if (mark == std::string_view::npos) return;
  for (const std::string_view pair : split(rest.substr(mark + 1), '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    request.query.emplace_back(decode_query_part(pair.substr(0, equals)), decode_query_part(value));
  }
}

std::string address_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (info == nullptr || info->client_addr == nullptr) return "";
  if (info->client_addr->sa_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(info->client_addr)->sin_addr,
              text.data(), text.size());
  else
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(info->client_addr)->sin6_addr,
              text.data(), text.size());
  return text.data();
}

MHD_Result take_header(void* headers, MHD_ValueKind, const char* name, const char* value) noexcept {
  static_cast<sign::Pairs*>(headers)->emplace_back(name, value == nullptr ? "" : value);
  return MHD_YES;
}

std::size_t keep_escapes(void*, MHD_Connection*, char* text) noexcept { return std::strlen(text); }
void* begin_exchange(void*, const char* uri, MHD_Connection*) noexcept {
  return new (std::nothrow) Exchange{.target = uri};
}

class MhdServer final : public HttpServer {
 public:
  MhdServer(Handler handler, const HttpServerOptions& options)
      : handler_(std::move(handler)),
        secure_(!options.tls_certificate.empty()),
        line_(options.line),
        watch_(options.body_idle, secure_) {}
  ~MhdServer() override {
    resumer_.stop();
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  Result<void> open(const HttpServerOptions& options);
  std::uint16_t port() const override {
    const auto* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
    return info == nullptr ? 0 : info->port;
  }

 private:
  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url,
                               const char* method, const char* version, const char* data,
                               std::size_t* size, void** state) noexcept;
  static void on_end(void* self, MHD_Connection* connection, void** state,
                     MHD_RequestTerminationCode how) noexcept;

  MHD_Result serve(Exchange& exchange, MHD_Connection* connection, const char* method,
                   const char* data, std::size_t* size);
  void begin(Exchange& exchange, MHD_Connection* connection, const char* method);
  std::chrono::nanoseconds upload_wait(const Exchange& exchange) const;
  MHD_Result send(Exchange& exchange, MHD_Connection* connection, bool is_head);
  MHD_Response* response_for(Exchange& exchange, MHD_Connection* connection, bool is_head);

  const Handler handler_;
  const bool secure_;
  SharedLine* const line_;
  Resumer resumer_;
  BodyWatch watch_;
  MHD_Daemon* daemon_ = nullptr;
};

Result<void> MhdServer::open(const HttpServerOptions& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.address.c_str(), &address.sin_addr) != 1)
    return fail(Errc::kInvalid, "not an IPv4 address to listen on: " + printable(options.address));
  unsigned flags =
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
  if (secure_) flags |= MHD_USE_TLS;
  std::vector<MHD_OptionItem> more{
      {MHD_OPTION_SOCK_ADDR, 0, &address},
      {MHD_OPTION_URI_LOG_CALLBACK, reinterpret_cast<intptr_t>(&begin_exchange), nullptr},
      {MHD_OPTION_UNESCAPE_CALLBACK, reinterpret_cast<intptr_t>(&keep_escapes), nullptr},
      {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<intptr_t>(&MhdServer::on_end), this},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax, nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, nullptr}};
  if (options.threads > 1) more.push_back({MHD_OPTION_THREAD_POOL_SIZE, options.threads, nullptr});
  if (secure_) {
    more.push_back(
        {MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(options.tls_certificate.c_str())});
    more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(options.tls_key.c_str())});
  }
  more.push_back({MHD_OPTION_END, 0, nullptr});
  daemon_ = MHD_start_daemon(flags, options.port, nullptr, nullptr, &MhdServer::on_request, this,
                             MHD_OPTION_ARRAY, more.data(), MHD_OPTION_END);
  if (daemon_ == nullptr)
    return fail_errno("listen on " + options.address + ":" + std::to_string(options.port));
  return {};
}

MHD_Result MhdServer::on_request(void* self, MHD_Connection* connection, const char*,
                                 const char* method, const char*, const char* data,
                                 std::size_t* size, void** state) noexcept {
  if (*state == nullptr) return MHD_NO;  // no memory for it
  try {
    return static_cast<MhdServer*>(self)->serve(*static_cast<Exchange*>(*state), connection, method,
                                                data, size);
  } catch (const std::exception&) {
    return MHD_NO;  // no memory: the connection ends, the others go on
  }
}

void MhdServer::on_end(void* self, MHD_Connection*, void** state,
                       MHD_RequestTerminationCode) noexcept {
  auto* exchange = static_cast<Exchange*>(*state);
  if (exchange != nullptr && exchange->is_watched)
    static_cast<MhdServer*>(self)->watch_.remove(*exchange);
  delete exchange;
  *state = nullptr;
}

void MhdServer::begin(Exchange& exchange, MHD_Connection* connection, const char* method) {
  WireRequest request;
  request.method = method;
  split_target(exchange.target, request);
  MHD_get_connection_values(connection, MHD_HEADER_KIND, &take_header, &request.headers);
  request.host = request.header("host");
  request.secure = secure_;
  request.remote_address = address_of(connection);
  exchange.body_left = request.has_header("transfer-encoding")
                           ? UINT64_MAX
                           : parse_u64(request.header("content-length")).value_or(0);
  exchange.responder = handler_(std::move(request));
  const std::uint64_t rate = exchange.responder->upload_bytes_per_second();
  exchange.upload.emplace(rate);
  if (rate != 0) exchange.piece = piece_of(rate);
  if (line_ != nullptr && line_->in.is_limited())
    exchange.piece = std::min<std::size_t>(exchange.piece, 64 * 1024);
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (exchange.body_left == 0 || info == nullptr) return;
  exchange.is_watched = true;
  exchange.body_wait.begin();
  watch_.add(exchange, info->connect_fd);
}

/// Until the next piece of the body may come, or the answer go once it is whole.
std::chrono::nanoseconds MhdServer::upload_wait(const Exchange& exchange) const {
  const auto own = exchange.upload->wait();
  return line_ == nullptr ? own : std::max(own, line_->in.wait());
}

MHD_Result MhdServer::serve(Exchange& exchange, MHD_Connection* connection, const char* method,
                            const char* data, std::size_t* size) {
  if (!exchange.responder) {
    begin(exchange, connection, method);
    return MHD_YES;
  }
  if (!exchange.body_wait.end()) return MHD_NO;
  if (*size > 0) {
    if (const auto wait = upload_wait(exchange); wait.count() > 0) {
      // The same bytes come again.
      return resumer_.suspend(connection, wait) ? MHD_YES : MHD_NO;
    }
    const std::size_t taken = std::min(*size, exchange.piece);
    exchange.responder->take_body({data, taken});
    exchange.upload->passed(taken);
    if (line_ != nullptr) line_->in.passed(taken);
    exchange.has_body = true;
    *size -= taken;
    exchange.body_left -= std::min<std::uint64_t>(exchange.body_left, taken);
    if (*size == 0 && exchange.body_left > 0) exchange.body_wait.begin();
    if (*size == 0) return MHD_YES;
    // MHD gives the rest again only with what comes next, or when it is resumed.
    return resumer_.suspend(connection, upload_wait(exchange)) ? MHD_YES : MHD_NO;
  }
  if (exchange.has_body && !exchange.answer)
    if (const auto wait = upload_wait(exchange); wait.count() > 0)
      return resumer_.suspend(connection, wait) ? MHD_YES : MHD_NO;
  if (!exchange.answer) exchange.answer = exchange.responder->answer();
  if (exchange.answer->delivery.delay.count() > 0 && !exchange.delayed) {
    exchange.delayed = true;
    return resumer_.suspend(connection, exchange.answer->delivery.delay) ? MHD_YES : MHD_NO;
  }
  return send(exchange, connection, std::string_view(method) == "HEAD");
}

MHD_Response* MhdServer::response_for(Exchange& exchange, MHD_Connection* connection,
                                      bool is_head) {
  HttpAnswer& answer = *exchange.answer;
  if (is_head)
    return MHD_create_response_from_callback(answer.head_size, kBlockSize, &read_body, nullptr,
                                             nullptr);
  const std::uint64_t size = answer.content ? answer.content->size() : answer.text.size();
  SharedLine* const line = line_ != nullptr && line_->out.is_limited() ? line_ : nullptr;
  if (is_plain(answer.delivery) && line == nullptr) {
    if (!answer.content)
      return MHD_create_response_from_buffer(size, answer.text.data(), MHD_RESPMEM_PERSISTENT);
    if (const Content::Segment* segment = answer.content->only_segment())
      if (MHD_Response* response = response_of(*segment)) return response;
  }
  auto* reader = new BodyReader;
  if (answer.content) reader->content = *answer.content;
  reader->text = answer.text;
  reader->is_text = !answer.content;
  reader->delivery = answer.delivery;
  reader->pace = Pace(answer.delivery.bytes_per_second);
  reader->connection = connection;
  reader->resumer = &resumer_;
  reader->line = line;
  return MHD_create_response_from_callback(size, kBlockSize, &read_body, reader, &free_body);
}

MHD_Result MhdServer::send(Exchange& exchange, MHD_Connection* connection, bool is_head) {
  if (exchange.answer->delivery.reset) {
    reset(connection);
    return MHD_NO;
  }
  MHD_Response* response = response_for(exchange, connection, is_head);
  if (response == nullptr) return MHD_NO;
  for (const auto& [name, value] : exchange.answer->headers)
    MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result queued =
      MHD_queue_response(connection, static_cast<unsigned>(exchange.answer->status), response);
  MHD_destroy_response(response);
  return queued;
}

}  // namespace

void SharedPace::set_rate(std::uint64_t bytes_per_second) {
  MutexLock lock(mutex_);
  rate_ = bytes_per_second;
  free_at_ = steady_clock::now();
}

bool SharedPace::is_limited() const {
  MutexLock lock(mutex_);
  return rate_ != 0;
}

std::chrono::nanoseconds SharedPace::wait() const {
  MutexLock lock(mutex_);
  if (rate_ == 0) return {};
  return std::max<std::chrono::nanoseconds>(free_at_ - steady_clock::now(),
                                            std::chrono::nanoseconds(0));
}

void SharedPace::passed(std::size_t bytes) {
  MutexLock lock(mutex_);
  if (rate_ == 0) return;
  free_at_ = std::max(free_at_, steady_clock::now()) +
             std::chrono::nanoseconds(std::uint64_t{bytes} * 1'000'000'000 / rate_);
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      Handler handler) {
  auto server = std::make_unique<MhdServer>(std::move(handler), options);
  if (auto opened = server->open(options); !opened) return fail(std::move(opened.error()));
  return server;
}

}  // namespace stsfs::sim
