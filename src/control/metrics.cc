#include "stsfs/control/metrics.h"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stsfs::control {
namespace {

using Labels = std::vector<std::pair<const char*, std::string>>;

/// As the format wants a label's value: backslash, quote and line break escaped.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string sample(const char* name, const Status& status, const Labels& more, double value) {
  std::string labels = "mount=\"" + escaped(status.mount_point) + "\"";
  for (const auto& [label, text] : more) labels += fmt::format(",{}=\"{}\"", label, escaped(text));
  return fmt::format("{}{{{}}} {}\n", name, labels, value);
}

std::optional<double> seconds_of(const std::optional<WallTime>& time) {
  if (!time) return std::nullopt;
  return std::chrono::duration<double>(time->time_since_epoch()).count();
}

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  std::function<std::optional<double>(const Status&)> value;
};

template <class T>
std::function<std::optional<double>(const Status&)> number(T Status::*member) {
  return [member](const Status& status) { return static_cast<double>(status.*member); };
}
std::function<std::optional<double>(const Status&)> renewal(
    std::uint64_t credentials::RenewalStatus::*member) {
  return [member](const Status& status) { return static_cast<double>(status.credential.*member); };
}

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> kMetrics{
      {"stsfs_credential_expiration_seconds", "gauge", "When the present credential expires",
       [](const Status& s) { return seconds_of(s.credential.expiration); }},
      {"stsfs_credential_last_renewal_seconds", "gauge", "When the present credential was obtained",
       [](const Status& s) { return seconds_of(s.credential.last_renewal); }},
      {"stsfs_credential_next_renewal_seconds", "gauge", "When the next renewal is due",
       [](const Status& s) { return seconds_of(s.credential.next_renewal); }},
      {"stsfs_credential_healthy", "gauge", "1 while the last renewal went well, else 0",
       [](const Status& s) { return s.credential.last_error.empty() ? 1.0 : 0.0; }},
      {"stsfs_credential_renewals_total", "counter", "Credentials obtained",
       renewal(&credentials::RenewalStatus::renewals)},
      {"stsfs_credential_renewal_failures_total", "counter", "Renewals that failed",
       renewal(&credentials::RenewalStatus::failures)},
      {"stsfs_credential_replacements_total", "counter", "Credentials that OSS refused",
       renewal(&credentials::RenewalStatus::replacements)},
      {"stsfs_credential_replays_total", "counter",
       "Requests sent again with the successor of a refused credential",
       renewal(&credentials::RenewalStatus::replays)},
      {"stsfs_pending_files", "gauge", "Files written and not in OSS yet",
       [](const Status& s) { return static_cast<double>(s.pending.files); }},
      {"stsfs_pending_bytes", "gauge", "Bytes written and not in OSS yet",
       [](const Status& s) { return static_cast<double>(s.pending.bytes); }},
      {"stsfs_aside_files", "gauge", "Files written that can never be brought to OSS",
       [](const Status& s) { return static_cast<double>(s.pending.aside); }},
      {"stsfs_read_bytes_total", "counter", "Object contents read", number(&Status::bytes_read)},
      {"stsfs_written_bytes_total", "counter", "Object contents written",
       number(&Status::bytes_written)},
      {"stsfs_http_requests_total", "counter", "HTTP requests sent",
       number(&Status::http_requests)},
      {"stsfs_http_in_flight", "gauge", "HTTP requests under way", number(&Status::http_in_flight)},
      {"stsfs_http_connections_total", "counter", "Connections opened",
       number(&Status::connections_opened)},
      {"stsfs_kernel_requests_total", "counter", "Requests of the kernel",
       number(&Status::kernel_requests)},
      {"stsfs_kernel_errors_total", "counter", "Requests of the kernel that failed",
       number(&Status::kernel_errors)},
      {"stsfs_memory_bytes", "gauge", "Resident memory of the daemon",
       number(&Status::memory_bytes)},
      {"stsfs_uptime_seconds", "gauge", "Since the mount",
       [](const Status& s) { return static_cast<double>(s.uptime.count()); }}};
  return kMetrics;
}

std::string heading(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

std::string info_text(std::span<const Status> mounts) {
  std::string out = heading("stsfs_credential_info", "gauge",
                            "Where the credential comes from and whose it is; always 1");
  for (const Status& status : mounts)
    out +=
        sample("stsfs_credential_info", status,
               {{"source", status.credential.source}, {"identity", status.credential.identity}}, 1);
  return out;
}

std::string operations_text(std::span<const Status> mounts) {
  constexpr const char* kStarted = "stsfs_oss_operations_total";
  constexpr const char* kFailed = "stsfs_oss_operation_failures_total";
  std::string started = heading(kStarted, "counter", "Operations of OSS, by OSS's name of them");
  std::string failed = heading(kFailed, "counter", "Operations of OSS that failed");
  for (const Status& status : mounts)
    for (const auto& [operation, count] : status.operations) {
      started +=
          sample(kStarted, status, {{"operation", operation}}, static_cast<double>(count.started));
      failed +=
          sample(kFailed, status, {{"operation", operation}}, static_cast<double>(count.failed));
    }
  return started + failed;
}

}  // namespace

std::string prometheus_text(std::span<const Status> mounts) {
  std::string out = info_text(mounts);
  for (const Metric& metric : metrics()) {
    out += heading(metric.name, metric.type, metric.help);
    for (const Status& status : mounts)
      if (const auto value = metric.value(status)) out += sample(metric.name, status, {}, *value);
  }
  return out + operations_text(mounts);
}

}  // namespace stsfs::control
