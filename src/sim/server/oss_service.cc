// One OSS request: which object it means, whether its signature holds, what the policies say, its
// body, the operation, the answer. The order is the service's as far as it is known: key, token,
// time, signature, bucket, policy, operation.

#include <algorithm>
#include <array>

#include "identity/verify_payload.h"
#include "oss/injected_error.h"
#include "oss/object_parts.h"
#include "oss/operation.h"
#include "s3_dialect.h"
#include "service.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kContentMax = std::uint64_t{5} << 30;
constexpr std::size_t kTextBodyMax = std::size_t{4} << 20;

/// 24 hex digits, in upper case as OSS prints them.
std::string new_request_id() {
  std::array<std::byte, 12> bytes{};
  fill_random(bytes);
  return hex_upper(bytes);
}

bool is_address(std::string_view host) {
  return host == "localhost" || host.find_first_not_of("0123456789.") == std::string_view::npos ||
         host.starts_with('[');
}

std::string without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos &&
                        host.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  return std::string(has_port ? host.substr(0, colon) : host);
}

/// The readings of a request: bucket in the host name, and bucket as the first part of the path.
/// Clients with an IP endpoint do either, some both at once, so the signature decides.
std::vector<Target> candidates_of(const Cloud& cloud, const WireRequest& request) {
  const std::string path = percent_decode(request.path).value_or(request.path);
  const std::string whole = path.empty() ? "" : path.substr(1);
  const auto slash = whole.find('/');
  const Target by_path{whole.substr(0, slash),
                       slash == std::string::npos ? "" : whole.substr(slash + 1)};
  const std::string_view host = std::string_view(request.host).substr(0, request.host.find(':'));
  const auto dot = host.find('.');
  std::vector<Target> out;
  if (!is_address(host) && dot != std::string_view::npos) {
    const std::string first(host.substr(0, dot));
    if (cloud.find_bucket(first) || (!first.starts_with("oss") && first != "s3"))
      out.push_back({first, whole});
  }
  out.push_back(by_path);
  // An AWS signature covers both readings alike.
  if (s3::is_spoken_by(request) && !cloud.find_bucket(out.front().bucket) &&
      cloud.find_bucket(by_path.bucket))
    std::swap(out.front(), out.back());
  return out;
}

std::string error_xml(const Refusal& refusal, const std::string& request_id,
                      const std::string& host) {
  XmlDocument out("Error");
  XmlElement root = out.root();
  root.add("Code", refusal.code);
  root.add("Message", refusal.message);
  root.add("RequestId", request_id);
  root.add("HostId", host);
  for (const auto& [name, value] : refusal.extra) root.add(name.c_str(), value);
  if (!refusal.ec.empty()) {
    root.add("EC", refusal.ec);
    root.add("RecommendDoc", "https://api.aliyun.com/troubleshoot?q=" + refusal.ec);
  }
  return out.to_string();
}

class OssResponder final : public Responder {
 public:
  OssResponder(Services& services, WireRequest request)
      : services_(services), request_(std::move(request)), profile_(services.present_profile()) {
    request_.now = services_.cloud.now();
    record_.time = request_.now;
    record_.service = "oss";
    record_.operation = "Unknown";
    begin();
  }

  void take_body(std::string_view bytes) override;
  HttpAnswer answer() override;
  std::optional<HttpAnswer> timed_out() override {
    refuse_with({400, "RequestTimeout",
                 "Your socket connection to the server was not read from or written to within the "
                 "timeout period.",
                 ""});
    return answer();
  }
  std::uint64_t upload_bytes_per_second() const override {
    return fault_ && fault_->effect.bytes_per_second != 0 ? fault_->effect.bytes_per_second
                                                          : profile_.bytes_per_second;
  }

 private:
  void begin();
  void refuse_with(Refusal refusal) {
    if (!refusal_) refusal_ = std::move(refusal);
  }
  void choose_operation();
  std::uint64_t expected_size() const;
  std::optional<Refusal> injected() const;
  void keep_body(std::string_view bytes);
  Verdict<Answer> run();
  HttpAnswer finished(Verdict<Answer> result);
  HttpAnswer recorded(HttpAnswer answer);
  HttpAnswer error_answer(const Refusal& refusal) const;
  void add_common_headers(HttpAnswer& answer) const;
  void lie(HttpAnswer& answer) const;

  Services& services_;
  WireRequest request_;
  const NetworkProfile profile_;
  const bool s3_ = s3::is_spoken_by(request_);
  const std::string request_id_ = new_request_id();
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Target target_;
  Verified verified_;
  std::shared_ptr<Bucket> bucket_;
  const Operation* operation_ = nullptr;
  std::optional<Refusal> refusal_;
  std::optional<FaultRule> fault_;
  std::optional<AwsPayload> payload_;
  std::string text_;
  std::optional<ContentWriter> content_;  // when the body is an object's, or a part's
  std::uint64_t received_ = 0;
  RequestRecord record_;
};

void OssResponder::begin() {
  const std::vector<Target> candidates = candidates_of(services_.cloud, request_);
  target_ = candidates.front();
  auto verified = services_.cloud.access().verify(request_, candidates);
  if (verified) {
    verified_ = std::move(*verified);
    target_ = candidates[verified_.candidate];
    if (verified_.payload.kind != PayloadTerms::Kind::kPlain) payload_.emplace(verified_.payload);
  }
  record_.bucket = target_.bucket;
  record_.key = target_.key;
  record_.range = request_.header("range");
  record_.access_key_id = verified_.principal.access_key_id;
  if (s3_) s3::to_oss(request_, target_);
  operation_ = s3_ ? s3::find_operation(request_, target_) : find_operation(request_, target_);
  if (operation_ != nullptr) record_.operation = operation_->name;
  fault_ = services_.faults.match(record_.operation, target_.key, record_.access_key_id);
  if (fault_) record_.fault = fault_->id;
  if (auto refusal = injected()) refuse_with(std::move(*refusal));
  if (!percent_decode(request_.path))
    refuse_with({400, "InvalidURI", "Couldn't parse the specified URI.", ""});
  if (!verified) {
    refuse_with(std::move(verified.error()));
    return;
  }
  choose_operation();
  if (operation_ == nullptr || operation_->body != BodyUse::kContent) return;
  content_.emplace(services_.cloud.storage());
  content_->expect(expected_size());
}

/// What the client says will come, as far as it may; 0 when it does not say.
std::uint64_t OssResponder::expected_size() const {
  const std::string_view length = request_.has_header("x-amz-decoded-content-length")
                                      ? request_.header("x-amz-decoded-content-length")
                                      : request_.header("content-length");
  return std::min(parse_u64(length).value_or(0), kContentMax);
}

void OssResponder::choose_operation() {
  if (operation_ == nullptr) {
    refuse_with({405, "MethodNotAllowed",
                 "The specified method is not allowed against this resource.", ""});
    return;
  }
  if (!target_.bucket.empty()) {
    bucket_ = services_.cloud.find_bucket(target_.bucket);
    if (!bucket_ && operation_->run != put_bucket) {
      refuse_with(no_such_bucket(target_.bucket).value());
      return;
    }
  }
  if (!target_.key.empty())
    if (auto refusal = check_key(target_.key)) refuse_with(std::move(*refusal));
  const bool versioned = request_.parameter("versionId") != nullptr;
  std::string action = operation_->action;
  if (action.empty()) return;  // it asks by itself, once it has read the body
  if (versioned && (action == "oss:GetObject" || action == "oss:DeleteObject")) action += "Version";
  const Call call{services_.cloud,
                  request_,
                  verified_.principal,
                  target_.bucket,
                  target_.key,
                  bucket_,
                  {},
                  {},
                  {},
                  services_.cloud.switches(),
                  request_.now};
  if (auto refusal = authorize(call, action, target_.key)) refuse_with(std::move(*refusal));
}

std::optional<Refusal> OssResponder::injected() const {
  if (!fault_ || fault_->effect.status == 0) return std::nullopt;
  return injected_oss_error(fault_->effect);
}

void OssResponder::keep_body(std::string_view bytes) {
  if (!content_) {
    if (text_.size() + bytes.size() > kTextBodyMax)
      refuse_with({400, "MalformedXML", "The body is longer than 4 MB.", ""});
    else
      text_.append(bytes);
    return;
  }
  if (content_->size() + bytes.size() > kContentMax) {
    refuse_with({400, "EntityTooLarge",
                 "Your proposed upload exceeds the maximum allowed object size.", ""});
    return;
  }
  if (auto written = content_->write(bytes); !written)
    refuse_with(storage_failed(written.error().message).value());
}

void OssResponder::take_body(std::string_view bytes) {
  received_ += bytes.size();
  if (refusal_) return;
  if (!payload_) {
    keep_body(bytes);
    return;
  }
  std::string plain;
  if (auto refusal = payload_->feed(bytes, plain)) refuse_with(std::move(*refusal));
  keep_body(plain);
}

Verdict<Answer> OssResponder::run() {
  if (refusal_) return tl::unexpected(std::move(*refusal_));
  if (payload_)
    if (auto refusal = payload_->finish()) return tl::unexpected(std::move(*refusal));
  Call call{services_.cloud,
            request_,
            verified_.principal,
            target_.bucket,
            target_.key,
            bucket_,
            std::move(text_),
            {},
            {},
            services_.cloud.switches(),
            std::chrono::floor<std::chrono::seconds>(services_.cloud.now())};
  if (operation_->body == BodyUse::kText) call.content_md5 = base64_encode(sign::md5(call.text));
  if (content_) {
    if (!request_.has_header("content-length") && !request_.has_header("transfer-encoding"))
      return missing_content_length();
    call.content_md5 = base64_encode(content_->md5());
    call.content = content_->finish();
  }
  if (auto refusal = check_traffic_limit(call)) return tl::unexpected(std::move(*refusal));
  return operation_->run(call);
}

HttpAnswer OssResponder::error_answer(const Refusal& refusal) const {
  HttpAnswer out;
  out.status = refusal.status;
  out.headers = refusal.headers;
  if (refusal.status == 304) return out;
  const std::string host = without_port(request_.host);
  const std::string xml = s3_ ? s3::error_document(refusal, request_id_, host, target_)
                              : error_xml(refusal, request_id_, host);
  if (!refusal.ec.empty()) out.headers.emplace_back("x-oss-ec", refusal.ec);
  if (request_.method == "HEAD") {
    out.headers.emplace_back("x-oss-err", base64_encode(as_bytes(xml)));
    return out;
  }
  out.headers.emplace_back("Content-Type", "application/xml");
  out.text = xml;
  return out;
}

void OssResponder::add_common_headers(HttpAnswer& answer) const {
  const auto spent = std::chrono::steady_clock::now() - began_;
  answer.headers.emplace_back("Server", "AliyunOSS");
  answer.headers.emplace_back("Date", format_http_date(services_.cloud.now()));
  answer.headers.emplace_back("x-oss-request-id", request_id_);
  answer.headers.emplace_back(
      "x-oss-server-time",
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(spent).count()));
}

/// Faults that make the answer say what is not so.
void OssResponder::lie(HttpAnswer& answer) const {
  for (auto& [name, value] : answer.headers) {
    if (fault_->effect.wrong_crc && name == "x-oss-hash-crc64ecma") value = "1";
    if (fault_->effect.wrong_etag && name == "ETag") value = "\"00000000000000000000000000000000\"";
  }
}

HttpAnswer OssResponder::finished(Verdict<Answer> result) {
  if (!result) {
    record_.code = result.error().code;
    return error_answer(result.error());
  }
  HttpAnswer out;
  out.status = result->status;
  out.headers = std::move(result->headers);
  out.content = std::move(result->content);
  out.head_size = result->head_size;
  out.text = std::move(result->text);
  const bool typed = std::any_of(out.headers.begin(), out.headers.end(), [](const auto& header) {
    return equals_ignoring_case(header.first, "content-type");
  });
  if (!out.text.empty() && !typed) out.headers.emplace_back("Content-Type", "application/xml");
  return out;
}

HttpAnswer OssResponder::answer() {
  HttpAnswer out;
  const bool apply = !fault_ || !fault_->effect.reset_before;
  if (apply) {
    out = finished(run());
    add_common_headers(out);
    if (fault_) lie(out);
    if (s3_) s3::from_oss(out);
  }
  out.delivery = delivery_of(profile_, fault_);
  out.delivery.reset = !apply || (fault_ && fault_->effect.reset_after);
  return recorded(std::move(out));
}

/// Before the answer goes out, so that whoever has it finds it in the log.
HttpAnswer OssResponder::recorded(HttpAnswer answer) {
  record_.status = answer.delivery.reset ? 0 : answer.status;
  record_.bytes_in = received_;
  record_.bytes_out = answer.content ? answer.content->size() : answer.text.size();
  record_.duration = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - began_);
  services_.records.add(std::move(record_));
  return answer;
}

}  // namespace

std::unique_ptr<Responder> answer_oss(Services& services, WireRequest request) {
  return std::make_unique<OssResponder>(services, std::move(request));
}

Delivery delivery_of(const NetworkProfile& profile, const std::optional<FaultRule>& fault) {
  Delivery out;
  out.delay = profile.latency;
  out.bytes_per_second = profile.bytes_per_second;
  if (!fault) return out;
  const FaultEffect& effect = fault->effect;
  out.delay += effect.latency;
  if (effect.bytes_per_second != 0) out.bytes_per_second = effect.bytes_per_second;
  out.truncate_at = effect.truncate_at;
  out.corrupt_at = effect.corrupt_at;
  out.stall_at = effect.stall_at;
  out.stall = effect.stall;
  return out;
}

}  // namespace stsfs::sim
