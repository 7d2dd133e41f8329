#include "metrics.h"

#include <fmt/core.h>

namespace stsfs::vend {
namespace {

struct Name {
  Count count;
  const char* family;
  const char* labels;
  const char* help;
};
// Those of one family stand together, as the format wants it.
constexpr std::array<Name, static_cast<std::size_t>(Count::kEnd)> kNames{{
    {Count::kLoginsAllowed, "logins_total", "{result=\"allowed\"}",
     "Logins with a password, by their result."},
    {Count::kLoginsRefused, "logins_total", "{result=\"refused\"}", ""},
    {Count::kLoginsThrottled, "logins_total", "{result=\"throttled\"}", ""},
    {Count::kTokensRefused, "tokens_total", "{what=\"refused\"}", "Login tokens."},
    {Count::kTokensRotated, "tokens_total", "{what=\"rotated\"}", ""},
    {Count::kTokensReused, "tokens_total", "{what=\"reused\"}", ""},
    {Count::kCredentialsHandedOut, "credentials_total", "{result=\"handed_out\"}",
     "Requests for a credential."},
    {Count::kCredentialsFailed, "credentials_total", "{result=\"failed\"}", ""},
    {Count::kDeviceCodes, "devices_total", "{what=\"asked\"}", "The device-code flow."},
    {Count::kDeviceAllowed, "devices_total", "{what=\"allowed\"}", ""},
    {Count::kDeviceDenied, "devices_total", "{what=\"denied\"}", ""},
    {Count::kStsCalls, "sts_calls_total", "", "Calls of AssumeRole."},
    {Count::kStsRetries, "sts_retries_total", "", "Calls of AssumeRole that were repeats."},
    {Count::kStsFailures, "sts_failures_total", "", "Sessions that could not be made."},
    {Count::kUsageCounted, "usage_counts_total", "{result=\"counted\"}",
     "Folders with a quota that were listed."},
    {Count::kUsageFailed, "usage_counts_total", "{result=\"failed\"}", ""},
    {Count::kRateLimited, "rate_limited_total", "", "Requests refused for their number."},
    {Count::kAnswers2xx, "answers_total", "{class=\"2xx\"}", "Answers, by their status."},
    {Count::kAnswers3xx, "answers_total", "{class=\"3xx\"}", ""},
    {Count::kAnswers4xx, "answers_total", "{class=\"4xx\"}", ""},
    {Count::kAnswers5xx, "answers_total", "{class=\"5xx\"}", ""},
    {Count::kConnections, "connections_total", "", "Connections that were accepted."},
    {Count::kReloads, "reloads_total", "", "Times the configuration was read anew."},
}};

}  // namespace

void Metrics::answered(int status, std::chrono::nanoseconds took) {
  add(status < 300   ? Count::kAnswers2xx
      : status < 400 ? Count::kAnswers3xx
      : status < 500 ? Count::kAnswers4xx
                     : Count::kAnswers5xx);
  std::size_t bucket = 0;
  while (bucket < kSeconds.size() && std::chrono::duration<double>(took).count() > kSeconds[bucket])
    ++bucket;
  took_[bucket].fetch_add(1, std::memory_order_relaxed);
  took_nanoseconds_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

std::string Metrics::text() const {
  std::string out;
  for (const Name& name : kNames) {
    if (*name.help != '\0')
      out += fmt::format("# HELP stsfs_vend_{0} {1}\n# TYPE stsfs_vend_{0} counter\n", name.family,
                         name.help);
    out += fmt::format("stsfs_vend_{}{} {}\n", name.family, name.labels, value(name.count));
  }
  out += fmt::format(
      "# HELP stsfs_vend_connections Connections that are open.\n# TYPE stsfs_vend_connections "
      "gauge\n"
      "stsfs_vend_connections {}\n"
      "# HELP stsfs_vend_sts_up Whether the last call of AssumeRole worked.\n# TYPE "
      "stsfs_vend_sts_up gauge\n"
      "stsfs_vend_sts_up {}\n"
      "# HELP stsfs_vend_answer_seconds From a whole request to its answer.\n"
      "# TYPE stsfs_vend_answer_seconds histogram\n",
      open_.load(), sts_well() ? 1 : 0);
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < took_.size(); ++i) {
    so_far += took_[i].load();
    const std::string bound = i < kSeconds.size() ? fmt::format("{}", kSeconds[i]) : "+Inf";
    out += fmt::format("stsfs_vend_answer_seconds_bucket{{le=\"{}\"}} {}\n", bound, so_far);
  }
  out += fmt::format("stsfs_vend_answer_seconds_sum {}\nstsfs_vend_answer_seconds_count {}\n",
                     static_cast<double>(took_nanoseconds_.load()) / 1e9, so_far);
  return out;
}

}  // namespace stsfs::vend
