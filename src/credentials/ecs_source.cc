// The metadata service of an ECS instance. With a token (v2) a request that some other program was
// tricked into making is of no use; where the service knows no tokens, or is told not to want them,
// the plain requests of v1 do. Source: sts-and-ram reference, 5.3.
#include <algorithm>
#include <utility>

#include "answer.h"
#include "http_answer.h"
#include "stsfs/base/text.h"
#include "stsfs/credentials/sources.h"

namespace stsfs::credentials {
namespace {

constexpr const char* kAddress = "http://100.100.100.200";
constexpr const char* kTokenPath = "/latest/api/token";
constexpr const char* kRolePath = "/latest/meta-data/ram/security-credentials/";
constexpr const char* kTokenSeconds = "21600";
constexpr std::size_t kTokenMaxBytes = 4096;
constexpr std::size_t kRoleMaxBytes = 64;

bool is_role_name(std::string_view name) {
  return !name.empty() && name.size() <= kRoleMaxBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

bool is_token(std::string_view token) {
  return !token.empty() && token.size() <= kTokenMaxBytes &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

class EcsSource final : public Source {
 public:
  EcsSource(http::Engine& engine, const Clock& clock, EcsOptions options)
      : engine_(engine), clock_(clock), options_(std::move(options)) {
    if (options_.address.empty()) options_.address = kAddress;
  }

  std::string describe() const override {
    return "ECS metadata" +
           (options_.role.empty() ? "" : " (role " + printable(options_.role) + ")");
  }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                      Interrupt& interrupt) override {
    const auto token = ask_for_token(deadline, interrupt);
    if (!token) return fail(token.error(), describe());
    auto role = options_.role.empty() ? ask_for_role(*token, deadline, interrupt) : options_.role;
    if (!role) return fail(std::move(role.error()), describe());
    auto answer = get(kRolePath + *role, *token, deadline, interrupt);
    if (!answer) return fail(std::move(answer.error()), describe());
    auto grant = parse_grant(answer->body, KeyKind::kTemporaryOnly);
    wipe(answer->body);
    if (!grant) return fail(std::move(grant.error()), describe());
    if (grant->credential.access_key_id == rejected_access_key_id)
      return fail(Errc::kCredential, "OSS refused the key of the role " + printable(*role) +
                                         ", and the metadata service gives the same one again; "
                                         "remedy: check the role's policies");
    grant->server_time = date_of(answer->headers);
    grant->identity = "RAM role " + *role;
    return grant;
  }

 private:
  http::Request request(http::Method method, const std::string& path, Deadline deadline) const {
    const Deadline soon = Deadline::in(clock_, options_.answer_timeout);
    return {.method = method,
            .url = options_.address + path,
            .headers = {},
            .body = nullptr,
            .deadline = std::min(soon, deadline)};
  }

  /// Empty: there is none, and requests without one will do.
  Result<Secret> ask_for_token(Deadline deadline, Interrupt& interrupt) {
    http::Request put = request(http::Method::kPut, kTokenPath, deadline);
    put.headers.push_back({"X-aliyun-ecs-metadata-token-ttl-seconds", kTokenSeconds});
    put.body = http::memory_body({});
    auto answer = answer_to(engine_, std::move(put), interrupt);
    if (answer && answer->status == 200 && is_token(trim(answer->body)))
      return Secret(std::string(trim(answer->body)));
    if (!answer && answer.error().code == Errc::kInterrupted) return fail(answer.error());
    if (options_.may_fall_back) return Secret();
    if (!answer) return fail(not_there(answer.error()));
    return fail(Errc::kCredential, "no token: " + std::to_string(answer->status) +
                                       ", and requests without one are not allowed "
                                       "(ALIBABA_CLOUD_IMDSV1_DISABLED)");
  }

  Result<std::string> ask_for_role(const Secret& token, Deadline deadline, Interrupt& interrupt) {
    auto answer = get(kRolePath, token, deadline, interrupt);
    if (!answer) return fail(std::move(answer.error()));
    std::string role(trim(answer->body));
    while (role.ends_with('\n') || role.ends_with('\r')) role.pop_back();
    if (is_role_name(role)) return role;
    return fail(Errc::kCredential,
                "no RAM role is attached to this instance; remedy: attach one in the ECS console");
  }

  Result<http::Response> get(const std::string& path, const Secret& token, Deadline deadline,
                             Interrupt& interrupt) {
    http::Request get = request(http::Method::kGet, path, deadline);
    if (!token.empty())
      get.headers.push_back({"X-aliyun-ecs-metadata-token", std::string(token.reveal())});
    auto answer = answer_to(engine_, std::move(get), interrupt);
    if (!answer) return fail(not_there(std::move(answer.error())));
    if (answer->status == 200) return answer;
    const bool unknown = answer->status == 404;
    return fail(Error{unknown ? Errc::kCredential : errc_of_status(answer->status),
                      std::to_string(answer->status) +
                          (unknown ? ": no such role is attached to this instance; remedy: attach "
                                     "it in the ECS console"
                                   : ""),
                      retry_after_of(answer->headers, clock_)});
  }

  static Error not_there(Error error) {
    if (error.code == Errc::kTimedOut) error.code = Errc::kUnavailable;
    error.message += "; remedy: this works on an ECS instance only";
    return error;
  }

  http::Engine& engine_;
  const Clock& clock_;
  EcsOptions options_;
};

}  // namespace

std::unique_ptr<Source> ecs_source(http::Engine& engine, const Clock& clock, EcsOptions options) {
  return std::make_unique<EcsSource>(engine, clock, std::move(options));
}

}  // namespace stsfs::credentials
