#include "exchange.h"

#include <algorithm>
#include <charconv>

#include "stsfs/base/text.h"

namespace stsfs::http {
namespace {

// libcurl 7.88 hands bodies on in pieces of 16 KiB whatever this is, but reads from the socket in
// one of these: 16 KiB (its default) costs twice the CPU a byte of what 128 KiB and more do.
constexpr long kBufferSizeStreaming = 256 * 1024;
constexpr long kBufferSizeSmall = 32 * 1024;
constexpr std::uint64_t kSmallBody = 64 * 1024;
constexpr std::size_t kHeadersMaxBytes = 64 * 1024;
constexpr int kLooksPerStall = 4;
constexpr long kKeepAliveIdleSeconds = 30;
constexpr long kKeepAliveIntervalSeconds = 10;

// What OpenSSL found wrong with a certificate: X509_V_ERR_* of <openssl/x509_vfy.h>, which curl
// hands on as CURLINFO_SSL_VERIFYRESULT.
constexpr long kCertificateGood = 0;
constexpr long kCertificateNotJudged = 1;  // what curl has there until it has compared the name
constexpr long kCertificateNotYetValid = 9;
constexpr long kCertificateExpired = 10;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// "host/path" of an URL: what a message may show. The query can hold a signature.
std::string place_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  if (const auto query = url.find('?'); query != std::string_view::npos) url = url.substr(0, query);
  const auto user = url.substr(0, url.find('/')).rfind('@');
  if (user != std::string_view::npos) url.remove_prefix(user + 1);
  return printable(url, 512);
}

Errc errc_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:  // of connecting; deadlines and stalls are the loop's
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_AGAIN:
    case CURLE_NO_CONNECTION_AVAILABLE:
    case CURLE_PROXY:
      return Errc::kUnavailable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT:
      return Errc::kInvalid;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // an answer in HTTP/0.9: check() lets only http and https by
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP_RETURNED_ERROR:
      return Errc::kProtocol;
    default:
      return Errc::kIo;
  }
}

std::string certificate_remedy(long verify_result) {
  switch (verify_result) {
    case kCertificateExpired:
    case kCertificateNotYetValid:
      return "; the server's certificate is not valid now: check this machine's clock, else the "
             "server needs a new one";
    case kCertificateGood:
    case kCertificateNotJudged:
      return "; the server's certificate is for another name: check the endpoint";
    default:
      return "; the server's certificate is not trusted: if it is signed by a CA of your own, name "
             "its file with cacert=FILE; if it was trusted until now, ask whoever runs the server "
             "whether it was changed before you trust another";
  }
}

/// Whether it is a proxy that was not reached: libcurl says whom it meant, and not that. `place` is
/// that of the URL.
bool is_of_proxy(std::string_view why, std::string_view place) {
  constexpr std::string_view kUnreached = "Failed to connect to ";
  if (!why.starts_with(kUnreached)) return false;
  why.remove_prefix(kUnreached.size());
  const std::string_view meant = why.substr(0, why.find(" port "));
  if (place.starts_with('[')) return place.substr(1, place.find(']') - 1) != meant;
  return place.substr(0, place.find_first_of(":/")) != meant;
}

/// Whether it is about the text of a proxy's URL, which libcurl then shows, user and password and
/// all. No other URL of ours has a user (check_url).
bool shows_proxy_url(CURLcode code, std::string_view why) {
  if (why.starts_with("Unsupported proxy ")) return true;
  const bool names_host = code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
                          code == CURLE_COULDNT_RESOLVE_HOST;
  return names_host && why.find('@') != std::string_view::npos;
}

/// What a proxy said to CONNECT; 0 when none was asked, or it went well.
long refusal_of_proxy(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return status / 100 == 2 ? 0 : status;
}

std::string remedy_for(CURLcode code, CURL* easy, std::string_view why, std::string_view place) {
  if (refusal_of_proxy(easy) != 0)
    return "; that is the proxy's answer: check proxy= and the environment's https_proxy, and "
           "whether it may reach this host";
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION: {
      long verify_result = kCertificateGood;
      curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify_result);
      return certificate_remedy(verify_result);
    }
    case CURLE_SSL_CACERT_BADFILE:
      return "; cacert= must name a PEM file of CA certificates";
    case CURLE_COULDNT_RESOLVE_HOST:
      return "; check the endpoint's name and this machine's name server";
    case CURLE_COULDNT_CONNECT:
      if (is_of_proxy(why, place))
        return "; that is the proxy: check whether it is up, proxy= and the environment's "
               "http_proxy and https_proxy";
      return "; check the address and port, whether the server is up, and the way to it (proxy=)";
    case CURLE_SSL_CONNECT_ERROR:
      return "; check that this port speaks https";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "; check proxy= and the environment's http_proxy and https_proxy";
    default:
      return "";
  }
}

/// kInvalid for what is not an absolute URL of HTTP without a user in it.
Result<void> check_url(const std::string& url) {
  if (has_control(url))
    return fail(Errc::kInvalid, "a URL with a control character: " + place_of(url));
  const std::string_view text(url);
  const bool https = text.starts_with("https://");
  if (!https && !text.starts_with("http://"))
    return fail(Errc::kInvalid, "not a URL of http or https: " + place_of(url));
  const std::string_view rest = text.substr(https ? 8 : 7);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || authority.find('@') != std::string_view::npos)
    return fail(Errc::kInvalid, "a URL must name a host, and no user: " + place_of(url));
  return {};
}

}  // namespace

Result<void> Exchange::check() const {
  if (auto good = check_url(request_.url); !good) return good;
  for (const Header& header : request_.headers) {
    if (header.name.empty() || has_control(header.name) ||
        header.name.find(':') != std::string::npos)
      return fail(Errc::kInvalid, "a header with an impossible name: " + printable(header.name));
    if (has_control(header.value))
      return fail(Errc::kInvalid,
                  "a control character in the value of header " + printable(header.name));
  }
  return {};
}

bool Exchange::set_headers() {
  // "Expect:" takes curl's own header out: waiting for a 100 costs a round trip that OSS does not
  // ask for.
  std::string line = "Expect:";
  for (std::size_t i = 0;; ++i) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(headers_.release());
    headers_.reset(longer);
    if (i == request_.headers.size()) return true;
    const Header& header = request_.headers[i];
    // curl drops "name:", and sends an empty value for "name;".
    line = header.value.empty() ? header.name + ";" : header.name + ": " + header.value;
  }
}

void Exchange::set_method() {
  if (request_.body != nullptr || request_.method == Method::kPut ||
      request_.method == Method::kPost)
    set_upload();
  if (request_.method == Method::kHead)
    curl_easy_setopt(easy_.get(), CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(easy_.get(), CURLOPT_CUSTOMREQUEST, name_of(request_.method));
}

void Exchange::set_upload() {
  CURL* easy = easy_.get();
  body_size_ = request_.body ? request_.body->size_bytes() : 0;
  curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_size_));
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Exchange::on_read);
  curl_easy_setopt(easy, CURLOPT_READDATA, this);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
  if (body_size_ > kSmallBody)
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kBufferSizeStreaming);
}

void Exchange::set_limits() {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
                   request_.sink != nullptr ? kBufferSizeStreaming : kBufferSizeSmall);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN,
                   static_cast<long>(options_.idle_connection_max.count()));
}

void Exchange::set_connection(CURLSH* share) {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Or removing a handle joins the thread that waits for its name server.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_SHARE, share);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!options_.proxy.empty()) curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
}

void Exchange::set_trust() {
  CURL* easy = easy_.get();
  for (const CURLoption version : {CURLOPT_SSLVERSION, CURLOPT_PROXY_SSLVERSION})
    curl_easy_setopt(easy, version, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // Without the directory, for two reasons: a CA that the person names is then the only one that is
  // trusted, and curl keeps the parsed file for the next connection (it never does with a path).
  for (const CURLoption path : {CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH})
    curl_easy_setopt(easy, path, nullptr);
  if (!options_.client_certificate.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, options_.client_certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, options_.client_key.c_str());
    curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");  // or OpenSSL asks on the terminal
  }
  if (options_.ca_file.empty()) return;
  for (const CURLoption file : {CURLOPT_CAINFO, CURLOPT_PROXY_CAINFO})
    curl_easy_setopt(easy, file, options_.ca_file.c_str());
}

Result<void> Exchange::prepare(CurlEasy easy, CURLSH* share) {
  easy_ = std::move(easy);
  if (auto good = check(); !good) return good;
  if (!set_headers()) return fail(Errc::kIo, "out of memory");
  CURL* handle = easy_.get();
  curl_easy_setopt(handle, CURLOPT_PRIVATE, this);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason_.data());
  curl_easy_setopt(handle, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);  // "a/../b" is a key like any other
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  set_method();
  set_limits();
  set_connection(share);
  set_trust();
  return {};
}

CurlEasy Exchange::take_easy() {
  if (easy_) curl_easy_reset(easy_.get());
  return std::move(easy_);
}

std::size_t Exchange::on_header(char* data, std::size_t size, std::size_t count,
                                void* self) noexcept {
  return static_cast<Exchange*>(self)->take_header({data, size * count});
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  return static_cast<Exchange*>(self)->take_body(
      {reinterpret_cast<const std::byte*>(data), size * count});
}

std::size_t Exchange::on_read(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  return static_cast<Exchange*>(self)->give_body(
      {reinterpret_cast<std::byte*>(data), size * count});
}

int Exchange::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  exchange.read_offset_ = std::min(static_cast<std::uint64_t>(offset), exchange.body_size_);
  return CURL_SEEKFUNC_OK;
}

std::size_t Exchange::give_body(std::span<std::byte> room) {
  if (abandoned_) return CURL_READFUNC_ABORT;
  room = room.first(std::min<std::uint64_t>(room.size(), body_size_ - read_offset_));
  if (room.empty()) return 0;
  auto got = request_.body->read(read_offset_, room);
  // The server was told a length and would wait for the rest.
  if (got && *got == 0)
    got = fail(Errc::kIo, what() + ": what is to be sent ends at byte " +
                              std::to_string(read_offset_) + " of " + std::to_string(body_size_));
  if (!got) {
    own_error_ = std::move(got.error());
    return CURL_READFUNC_ABORT;
  }
  read_offset_ += *got;
  bytes_sent_ += *got;
  return *got;
}

std::size_t Exchange::take_header(std::string_view line) {
  const std::size_t size = line.size();
  if (abandoned_) return 0;
  header_bytes_ += size;
  if (header_bytes_ > kHeadersMaxBytes) {
    own_error_ =
        Error{Errc::kProtocol, what() + ": an answer with more than 64 KiB of headers", {}};
    return 0;
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of the last answer; an interim 100 comes before it
    response_.headers.clear();
    const auto space = line.find(' ');
    int status = 0;
    if (space != std::string_view::npos)
      std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
    response_.status = status;
    return size;
  }
  const auto colon = line.find(':');
  if (colon != std::string_view::npos)
    response_.headers.push_back(
        {std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))});
  return size;
}

Result<void> Exchange::begin_sink() {
  if (sink_begun_) return {};
  sink_begun_ = true;
  return request_.sink->begin({response_.status, response_.headers});
}

std::size_t Exchange::take_body(std::span<const std::byte> bytes) {
  if (abandoned_) return 0;
  bytes_received_ += bytes.size();
  if (wants_sink()) {
    auto taken = begin_sink();
    if (taken) taken = request_.sink->write(bytes);
    if (taken) return bytes.size();
    own_error_ = std::move(taken.error());
    return 0;
  }
  if (response_.body.size() + bytes.size() > options_.response_body_max_bytes) {
    own_error_ =
        Error{Errc::kProtocol,
              what() + ": an answer longer than " + human_bytes(options_.response_body_max_bytes),
              {}};
    return 0;
  }
  response_.body.append(as_text(bytes));
  return bytes.size();
}

std::string Exchange::what() const {
  return std::string(name_of(request_.method)) + " " + place_of(request_.url);
}

Error Exchange::explain(CURLcode code) const {
  const std::string why = reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(code);
  if (shows_proxy_url(code, why))
    return {Errc::kInvalid,
            what() +
                ": proxy= (or the environment's http_proxy or https_proxy) is no URL of a proxy; "
                "it reads http://[USER:PASSWORD@]HOST[:PORT], both percent-encoded",
            {}};
  const std::string remedy = remedy_for(code, easy_.get(), why, place_of(request_.url));
  return {errc_of(code), what() + ": " + printable(why, 512) + remedy, {}};
}

bool Exchange::is_sending_or_waiting() const {
  curl_off_t sending_since = 0;
  if (easy_) curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &sending_since);
  return sending_since > 0;
}

std::chrono::milliseconds Exchange::stall_timeout() const {
  return request_.stall_timeout.count() > 0 ? request_.stall_timeout : options_.stall_timeout;
}

std::chrono::nanoseconds Exchange::look_interval() const {
  return std::chrono::nanoseconds(stall_timeout()) / kLooksPerStall;
}

bool Exchange::stalls() {
  curl_off_t sent = 0;  // to the socket; bytes_sent_ runs ahead of it by a buffer
  if (easy_) curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  const std::uint64_t moved = static_cast<std::uint64_t>(sent) + header_bytes_ + bytes_received_;
  // Waiting for a connection is no stall: that has a time-out, or a queue, of its own.
  const bool idle = moved == moved_at_last_look_ && is_sending_or_waiting();
  moved_at_last_look_ = moved;
  idle_looks_ = idle ? idle_looks_ + 1 : 0;
  return idle_looks_ >= kLooksPerStall;
}

Error Exchange::stalled() const {
  return {Errc::kUnavailable,
          what() + ": nothing moved for " + std::to_string(stall_timeout().count()) + " ms",
          {}};
}

Error Exchange::too_late() const {
  std::string state = "no connection";
  if (response_.status != 0)
    state = "only " + human_bytes(bytes_received_) + " of the answer had come";
  else if (bytes_sent_ < body_size_)
    state = "only " + human_bytes(bytes_sent_) + " of " + human_bytes(body_size_) + " were sent";
  else if (is_sending_or_waiting())
    state = "no answer";
  return {Errc::kTimedOut, what() + ": " + state + " before the deadline", {}};
}

Result<Response> Exchange::finish(CURLcode code) {
  if (own_error_) return fail(std::move(*own_error_));
  if (code != CURLE_OK) return fail(explain(code));
  if (response_.status == 0) return fail(Errc::kProtocol, what() + ": the answer is not HTTP");
  if (wants_sink())
    if (auto begun = begin_sink(); !begun) return fail(std::move(begun.error()));
  return std::move(response_);
}

}  // namespace stsfs::http
