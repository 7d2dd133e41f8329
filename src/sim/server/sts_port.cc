// The STS port: bodies are small, the service itself is sts_service.h.

#include "oss/injected_error.h"
#include "service.h"
#include "sts/sts_request.h"
#include "stsfs/base/random.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kBodyMax = 64 * 1024;

class StsResponder final : public Responder {
 public:
  StsResponder(Services& services, WireRequest request)
      : services_(services), request_(std::move(request)) {
    request_.now = services_.cloud.now();
  }

  void take_body(std::string_view bytes) override {
    if (body_.size() + bytes.size() <= kBodyMax)
      body_.append(bytes);
    else
      too_long_ = true;
  }

  HttpAnswer answer() override {
    StsAnswer answered;
    if (too_long_)
      answered.status = 413;
    else
      fault_ = services_.faults.match(action(), "", "");
    const bool refused = fault_ && fault_->effect.status != 0;
    const bool apply = !too_long_ && !refused && !(fault_ && fault_->effect.reset_before);
    if (apply) answered = services_.cloud.sts().handle(request_, body_);
    if (refused) answered = injected();
    HttpAnswer out;
    out.status = answered.status;
    out.text = answered.body;
    out.headers = {{"Content-Type", answered.content_type},
                   {"Date", format_http_date(services_.cloud.now())},
                   {"Server", "stsfs-sim"},
                   {"x-acs-request-id", answered.request_id}};
    out.delivery = delivery_of(services_.present_profile(), fault_);
    out.delivery.reset = fault_ && (fault_->effect.reset_before || fault_->effect.reset_after);
    record(answered, out);
    return out;
  }

 private:
  /// As the request names it, whatever else is wrong with it.
  std::string action() const {
    const auto call = parse_sts_call(request_, body_);
    return call ? call->action : "Unknown";
  }

  StsAnswer injected() const {
    const StsFailure failure = injected_sts_error(fault_->effect);
    StsAnswer out{.status = failure.status, .code = failure.code, .action = action()};
    out.request_id = random_uuid_upper();
    StsBody body =
        render_failure(format_of(request_, body_), failure, out.request_id, request_.host);
    out.content_type = std::move(body.content_type);
    out.body = std::move(body.text);
    return out;
  }

  void record(const StsAnswer& answered, const HttpAnswer& out) {
    RequestRecord record;
    record.time = request_.now;
    record.service = "sts";
    record.operation = answered.action.empty() ? "Unknown" : answered.action;
    record.status = out.delivery.reset ? 0 : out.status;
    record.code = answered.code;
    record.access_key_id = answered.access_key_id;
    record.bytes_in = body_.size();
    record.bytes_out = out.text.size();
    if (fault_) record.fault = fault_->id;
    services_.records.add(std::move(record));
  }

  Services& services_;
  WireRequest request_;
  std::string body_;
  bool too_long_ = false;
  std::optional<FaultRule> fault_;
};

}  // namespace

std::unique_ptr<Responder> answer_sts(Services& services, WireRequest request) {
  return std::make_unique<StsResponder>(services, std::move(request));
}

}  // namespace stsfs::sim
