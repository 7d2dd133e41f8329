#include "sts_service.h"

#include <utility>

#include "identity/sts_sessions.h"
#include "ram/ram_directory.h"
#include "sts_answer.h"
#include "sts_assume_role.h"
#include "sts_request.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kActionEchoMax = 64;

tl::unexpected<StsFailure> unknown_action() {
  return tl::unexpected(
      StsFailure{404, "InvalidAction.NotFound",
                 "Specified api is not found, please check your url and method."});
}

}  // namespace

struct StsService::State {
  State(std::shared_ptr<const Directory> given_directory,
        std::shared_ptr<SessionTable> given_sessions, StsOptions given_options)
      : directory(std::move(given_directory)),
        sessions(std::move(given_sessions)),
        options(std::move(given_options)),
        // A timestamp may be a window ahead and is good until a window behind.
        nonces(2 * options.timestamp_window, options.nonces_max) {}

  StsResult<StsElements> run(const StsCall& call, StsAnswer& answer) {
    const StsContext context{*directory, *sessions, options};
    if (call.action == "AssumeRoleWithOIDC") return assume_role_with_oidc(call, context);
    if (call.action != "AssumeRole" && call.action != "GetCallerIdentity") return unknown_action();
    const auto caller = authenticate(call, *directory, *sessions, nonces, options);
    if (!caller) return tl::unexpected(caller.error());
    answer.access_key_id = caller->access_key_id;
    if (call.action == "GetCallerIdentity") return caller_identity(*caller);
    return assume_role(call, *caller, context);
  }

  const std::shared_ptr<const Directory> directory;
  const std::shared_ptr<SessionTable> sessions;
  const StsOptions options;
  NonceTable nonces;
};

StsService::StsService(std::shared_ptr<const Directory> directory,
                       std::shared_ptr<SessionTable> sessions, StsOptions options)
    : state_(
          std::make_unique<State>(std::move(directory), std::move(sessions), std::move(options))) {}
StsService::~StsService() = default;

StsAnswer StsService::handle(const WireRequest& request, std::string_view body) {
  StsAnswer out;
  out.request_id = random_uuid_upper();
  const StsFormat format = format_of(request, body);
  const auto call = parse_sts_call(request, body);
  StsResult<StsElements> result = tl::unexpected(StsFailure{});
  if (call) {
    out.action = printable(call->action, kActionEchoMax);
    result = state_->run(*call, out);
  } else {
    result = tl::unexpected(call.error());
  }
  StsBody rendered;
  if (result) {
    rendered = render_answer(format, call->action, out.request_id, *result);
  } else {
    out.status = result.error().status;
    out.code = result.error().code;
    rendered = render_failure(format, result.error(), out.request_id, request.host);
  }
  out.content_type = std::move(rendered.content_type);
  out.body = std::move(rendered.text);
  return out;
}

}  // namespace stsfs::sim
