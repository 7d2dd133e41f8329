#include "stsfs/http/engine.h"

#include <unistd.h>

#include "curl_handles.h"
#include "loop.h"
#include "stsfs/base/private_file.h"

namespace stsfs::http {
namespace {

class CurlEngine final : public Engine {
 public:
  explicit CurlEngine(std::shared_ptr<Loop> loop) : loop_(std::move(loop)) {}
  ~CurlEngine() override { loop_->stop(); }

  Transfer start(Request request, Callback<Response> done) override {
    return loop_->start(std::move(request), std::move(done));
  }
  Transfer after(std::chrono::milliseconds delay, UniqueFunction<void()> what) override {
    return loop_->after(delay, std::move(what));
  }
  EngineCounters counters() const override { return loop_->counters(); }
  void stop() override { loop_->stop(); }

 private:
  const std::shared_ptr<Loop> loop_;  // transfers hold it too: one dropped late finds it stopped
};

bool start_curl() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

Result<void> check_client_certificate(const EngineOptions& options) {
  if (options.client_certificate.empty() != options.client_key.empty())
    return fail(Errc::kInvalid, "client_cert and client_key belong together");
  if (options.client_certificate.empty()) return {};
  if (access(options.client_certificate.c_str(), R_OK) != 0) {
    auto failed = fail_errno("client_cert=" + options.client_certificate);
    failed.value().code = Errc::kInvalid;
    return failed;
  }
  if (auto key = read_private_file(options.client_key); !key)
    return fail(std::move(key.error()), "client_key");
  return {};
}

}  // namespace

const char* name_of(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPut:
      return "PUT";
    case Method::kPost:
      return "POST";
    case Method::kDelete:
      return "DELETE";
  }
  return "GET";
}

Result<void> EngineOptions::validate() const {
  if (connections_max < 1 || connections_per_host_max < 1)
    return fail(Errc::kInvalid, "the number of connections must be at least 1");
  if (connect_timeout.count() < 1 || stall_timeout.count() < 1)
    return fail(Errc::kInvalid, "connect and stall time-outs must be at least 1 ms");
  if (!ca_file.empty() && access(ca_file.c_str(), R_OK) != 0) {
    auto failed = fail_errno("cacert=" + ca_file);
    failed.value().code = Errc::kInvalid;
    return failed;
  }
  return check_client_certificate(*this);
}

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options, const Clock& clock) {
  if (auto valid = options.validate(); !valid) return fail(std::move(valid.error()));
  if (!start_curl()) return fail(Errc::kIo, "libcurl could not start");
  auto loop = Loop::create(options, clock);
  if (!loop) return fail(std::move(loop.error()));
  return std::make_unique<CurlEngine>(std::move(*loop));
}

}  // namespace stsfs::http
