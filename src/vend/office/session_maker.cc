#include "session_maker.h"

#include <algorithm>

#include "stsfs/base/log.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/random.h"

namespace stsfs::vend {
namespace {

constexpr int kAttemptsMax = 4;
constexpr std::chrono::milliseconds kBackoff{100};

bool is_transient(Errc code) { return code == Errc::kThrottled || code == Errc::kUnavailable; }

bool has_quotes(const Secret& text) {
  return text.reveal().find_first_of("\"\\") != std::string_view::npos;
}

/// Sleeps in real time; false when interrupted.
bool sleep_for(Interrupt& interrupt, std::chrono::milliseconds duration) {
  Mutex mutex;
  Condition wake;
  const auto listener = interrupt.listen([&] {
    MutexLock lock(mutex);
    wake.notify_all();
  });
  {
    MutexLock lock(mutex);
    const auto until = std::chrono::steady_clock::now() + duration;
    while (!interrupt.raised())
      if (wake.wait_until(mutex, until) == std::cv_status::timeout) break;
  }
  interrupt.unlisten(listener);
  return !interrupt.raised();
}

}  // namespace

bool SessionMaker::pause(int attempt, const Error& error, Deadline deadline) {
  if (!is_transient(error.code) || attempt >= kAttemptsMax) return false;
  const auto most = kBackoff * (1 << attempt);
  auto wait = std::chrono::milliseconds(random_below(static_cast<std::uint64_t>(most.count())));
  wait = std::max(wait, error.retry_after);  // STS knows best
  if (wait >= deadline.left(clock_)) return false;
  metrics_.add(Count::kStsRetries);
  return sleep_for(interrupt_, wait);
}

Result<sts::Session> SessionMaker::try_keys(const sts::AssumeRoleRequest& request,
                                            sts::Client& client, Deadline deadline) {
  const auto keys = keys_.get();
  Result<sts::Session> session = fail(Errc::kCredential, "there is no AccessKey");
  for (const sts::AccessKey& key : *keys) {
    metrics_.add(Count::kStsCalls);
    session = client.assume_role(key, request, deadline, interrupt_);
    if (session || session.error().code != Errc::kCredential) break;
    log_warning("vend", "AccessKey {}: {}", key.id, session.error().message);
  }
  return session;
}

Result<sts::Session> SessionMaker::make(const std::string& user, const FolderConfig& folder,
                                        const StsClients& clients, std::chrono::seconds timeout,
                                        const std::string& session_name) {
  auto policy = session_policy_of(folder, user);
  if (!policy) return fail(std::move(policy.error()));
  const auto client = clients.find(folder.sts_endpoint);
  if (client == clients.end())
    return fail(Errc::kInvalid, "there is no STS at " + folder.sts_endpoint);
  const sts::AssumeRoleRequest request{.role_arn = folder.role_arn,
                                       .session_name = session_name.empty() ? user : session_name,
                                       .duration = folder.duration,
                                       .policy = std::move(*policy),
                                       .external_id = folder.external_id};
  const Deadline deadline = Deadline::in(clock_, timeout);
  Result<sts::Session> session = try_keys(request, *client->second, deadline);
  for (int attempt = 1; !session && pause(attempt, session.error(), deadline); ++attempt)
    session = try_keys(request, *client->second, deadline);
  if (session && (has_quotes(session->access_key_secret) || has_quotes(session->security_token)))
    session = fail(Errc::kProtocol, "STS gave a key with quotes in it");
  if (!session) metrics_.add(Count::kStsFailures);
  metrics_.sts_is_well(session.has_value());
  return session;
}

}  // namespace stsfs::vend
