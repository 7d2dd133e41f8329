#include "status_text.h"

#include <fmt/core.h>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::daemon {
namespace {

std::string duration_text(std::chrono::seconds duration) {
  const auto total = duration.count();
  if (total < 120) return fmt::format("{} s", total);
  if (total < 7'200) return fmt::format("{} min", total / 60);
  if (total < 172'800) return fmt::format("{} h {} min", total / 3'600, total / 60 % 60);
  return fmt::format("{} days", total / 86'400);
}

std::string relative(WallTime time, WallTime now) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(time - now);
  if (seconds.count() == 0) return "now";
  if (seconds.count() > 0) return "in " + duration_text(seconds);
  return duration_text(-seconds) + " ago";
}

std::string line(const char* name, const std::string& value) {
  return fmt::format("  {:<12}{}\n", name, value);
}

/// Where a login may help, and which.
std::string login_hint(const std::string& source) {
  constexpr std::string_view kVending = "vending server ";
  if (!source.starts_with(kVending)) return "";
  return " If the login has ended: stsfs login " + printable(source.substr(kVending.size()), 512);
}

std::string credential_text(const control::Status& status, WallTime now) {
  const auto& credential = status.credential;
  std::string out = line("from", printable(credential.source));
  if (!credential.identity.empty()) out += line("of", printable(credential.identity));
  if (!credential.access_key_id.empty()) out += line("key", printable(credential.access_key_id));
  if (credential.expiration)
    out += line("expires", format_iso8601(*credential.expiration) + ", " +
                               relative(*credential.expiration, now));
  std::string renewed = fmt::format("{} times", credential.renewals);
  if (credential.renewals == 1) renewed = "once";
  if (credential.last_renewal) renewed += ", last " + relative(*credential.last_renewal, now);
  if (credential.next_renewal) renewed += ", next " + relative(*credential.next_renewal, now);
  out += line("obtained", renewed);
  if (credential.replacements != 0 || credential.failures != 0)
    out += line("", fmt::format("{} refused by OSS, {} requests sent again, {} renewals failed",
                                credential.replacements, credential.replays, credential.failures));
  if (!credential.last_error.empty()) {
    out += line("PROBLEM", printable(credential.last_error, 1'000));
    const bool alive = credential.expiration && *credential.expiration > now;
    out +=
        line("", alive ? "The present credential is used until it expires; renewal goes on."
                       : "Nothing can be read or written until this is mended; renewal goes on." +
                             login_hint(credential.source));
  }
  return out;
}

/// Those of `pending` that are aside, or those that are not, with their reasons.
std::string pending_files(const control::Pending& pending, bool aside, bool& failed) {
  std::string out;
  for (const auto& file : pending.some) {
    if (file.aside != aside) continue;
    out += fmt::format("    {} ({})\n", printable(file.path),
                       file.doing.empty() ? human_bytes(file.size_bytes) : printable(file.doing));
    if (file.last_error.empty()) continue;
    failed = true;
    out += fmt::format("      {}\n", printable(file.last_error, 1'000));
  }
  return out;
}

std::string pending_text(const control::Pending& pending) {
  std::string out;
  bool failed = false;
  if (pending.aside > 0) {
    out += line("ASIDE", count_of(pending.aside, "file") + " that cannot be brought to OSS");
    out += pending_files(pending, true, failed);
    out += line("", "What is here of it is kept; stsfs rescue copies it out.");
  }
  if (pending.files == 0) {
    const char* what =
        pending.aside > 0 ? "nothing else" : "nothing: all that was written is in OSS";
    return out + line("pending", what);
  }
  failed = false;
  out += line("PENDING", amount_text(pending.files, pending.bytes) + ", not in OSS yet");
  out += pending_files(pending, false, failed);
  if (failed)
    out +=
        line("", "It is kept and tried again; stsfs drain tries at once. Do not shut down before.");
  return out;
}

std::string traffic_text(const control::Status& status) {
  std::uint64_t started = 0, failed = 0;
  std::string each;
  for (const auto& [name, count] : status.operations) {
    started += count.started;
    failed += count.failed;
    if (count.started == 0) continue;
    each += fmt::format("    {:<24}{:>10}", name, count.started);
    if (count.failed != 0) each += fmt::format(", {} failed", count.failed);
    each += "\n";
  }
  std::string out = line("requests", fmt::format("{} ({} failed)", started, failed)) + each;
  const auto& memory = status.read_memory;
  std::string reading =
      fmt::format("{} of {} used, {} at most so far", human_bytes(memory.used_bytes),
                  human_bytes(memory.budget_bytes), human_bytes(memory.highest_bytes));
  if (memory.waiting != 0) reading += fmt::format(", {} reads wait for room", memory.waiting);
  out += line("read-ahead", reading);
  out += line("data", fmt::format("{} read, {} written", human_bytes(status.bytes_read),
                                  human_bytes(status.bytes_written)));
  const control::Status::DiskCache& cache = status.disk_cache;
  if (cache.size_max_bytes != 0) {
    std::string blocks =
        fmt::format("{} of {}, {} blocks found there, {} not", human_bytes(cache.used_bytes),
                    human_bytes(cache.size_max_bytes), cache.hits, cache.misses);
    if (cache.refused != 0) blocks += fmt::format(", {} without room on its disk", cache.refused);
    out += line("disk cache", blocks);
  }
  return out;
}

}  // namespace

std::string amount_text(std::uint64_t changes, std::uint64_t bytes) {
  std::string out = count_of(changes, "change");
  if (bytes > 0) out += ", " + human_bytes(bytes);
  return out;
}

std::string status_text(const control::Status& status, WallTime now) {
  std::string out = printable(status.mount_point, 4'096) + "\n";
  out += line("source", printable(status.source));
  out += line("folder", fmt::format("oss://{}/{} at {}{}", printable(status.bucket),
                                    printable(status.prefix, 1'100), printable(status.endpoint),
                                    status.read_only ? ", read-only" : ""));
  out += line("daemon",
              fmt::format("stsfs {}, pid {}, up {}, {} of memory", status.version, status.pid,
                          duration_text(status.uptime), human_bytes(status.memory_bytes)));
  out += " credential\n" + credential_text(status, now);
  out += " data\n" + pending_text(status.pending);
  if (status.names_left_out > 0)
    out += line("NOT SHOWN", count_of(status.names_left_out, "name") +
                                 " over 255 bytes, for which there is none here; see stsfs doctor");
  out += traffic_text(status);
  return out;
}

}  // namespace stsfs::daemon
