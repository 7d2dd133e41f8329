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

std::string_view host_of(std::string_view place) { return place.substr(0, place.find('/')); }

Errc errc_of(CURLcode code, bool deadline_passed) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return deadline_passed ? Errc::kTimedOut : Errc::kUnavailable;  // else: connect or stall
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
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
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Errc::kInvalid;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP_RETURNED_ERROR:
      return Errc::kProtocol;
    default:
      return Errc::kIo;
  }
}

std::string remedy_for(CURLcode code) {
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    return "; the server's certificate is not trusted: if it is signed by a CA of your own, name "
           "it with cacert=FILE";
  if (code == CURLE_SSL_CACERT_BADFILE) return "; check the file that cacert= names";
  if (code == CURLE_COULDNT_RESOLVE_HOST)
    return "; check the endpoint's name and this machine's name server";
  return "";
}

}  // namespace

Result<void> Exchange::check() const {
  if (has_control(request_.url))
    return fail(Errc::kInvalid, "a URL with a control character: " + place_of(request_.url));
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
  CURL* easy = easy_.get();
  if (request_.body != nullptr || request_.method == Method::kPut ||
      request_.method == Method::kPost) {
    const std::uint64_t size = request_.body ? request_.body->size_bytes() : 0;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Exchange::on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
    if (size > kSmallBody) curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kBufferSizeStreaming);
  }
  if (request_.method == Method::kHead)
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, name_of(request_.method));
}

void Exchange::set_limits(std::chrono::milliseconds time_left) {
  CURL* easy = easy_.get();
  const auto stall = std::chrono::ceil<std::chrono::seconds>(options_.stall_timeout);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(time_left.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall.count()));
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
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                   1L);  // or removing a handle joins a resolver that may hang
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_SHARE, share);
  if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (!options_.proxy.empty()) curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
}

Result<void> Exchange::prepare(CurlEasy easy, CURLSH* share, std::chrono::milliseconds time_left) {
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
  set_limits(time_left);
  set_connection(share);
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
  auto& exchange = *static_cast<Exchange*>(self);
  if (exchange.abandoned_) return CURL_READFUNC_ABORT;
  if (exchange.request_.body == nullptr) return 0;
  const auto got = exchange.request_.body->read(exchange.read_offset_,
                                                {reinterpret_cast<std::byte*>(data), size * count});
  if (!got) {
    exchange.own_error_ = got.error();
    return CURL_READFUNC_ABORT;
  }
  exchange.read_offset_ += *got;
  exchange.bytes_sent_ += *got;
  return *got;
}

int Exchange::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  static_cast<Exchange*>(self)->read_offset_ = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t Exchange::take_header(std::string_view line) {
  const std::size_t size = line.size();
  if (abandoned_) return 0;
  header_bytes_ += size;
  if (header_bytes_ > kHeadersMaxBytes) {
    own_error_ =
        Error{Errc::kProtocol, place_of(request_.url) + ": more than 64 KiB of headers", {}};
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
    own_error_ = Error{Errc::kProtocol,
                       place_of(request_.url) + ": an answer longer than " +
                           human_bytes(options_.response_body_max_bytes),
                       {}};
    return 0;
  }
  response_.body.append(as_text(bytes));
  return bytes.size();
}

Error Exchange::explain(CURLcode code, bool deadline_passed) const {
  const std::string place = place_of(request_.url);
  const std::string why = reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(code);
  return {errc_of(code, deadline_passed),
          std::string(name_of(request_.method)) + " " + place + ": " + printable(why, 512) +
              remedy_for(code),
          {}};
}

Result<Response> Exchange::finish(CURLcode code, bool deadline_passed) {
  if (own_error_) return fail(std::move(*own_error_));
  if (code != CURLE_OK) return fail(explain(code, deadline_passed));
  if (response_.status == 0)
    return fail(Errc::kProtocol,
                std::string(host_of(place_of(request_.url))) + " did not answer in HTTP");
  if (wants_sink())
    if (auto begun = begin_sink(); !begun) return fail(std::move(begun.error()));
  return std::move(response_);
}

}  // namespace stsfs::http
