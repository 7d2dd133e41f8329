#include "audit.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::vend {
namespace {

Result<UniqueFd> open_file(const std::string& path) {
  if (path.empty()) return UniqueFd();
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno("open the audit log " + printable(path));
  return fd;
}

std::string line_of(const AuditEvent& event, WallTime now) {
  nlohmann::ordered_json line = {{"time", format_iso8601_millis(now)},
                                 {"action", event.action},
                                 {"decision", event.allowed ? "allow" : "deny"}};
  const std::pair<const char*, const std::string&> members[] = {
      {"user", event.user},
      {"address", event.address},
      {"reason", event.reason},
      {"access_key_id", event.access_key_id},
      {"session", event.session},
      {"expiration", event.expiration},
      {"request_id", event.request_id}};
  for (const auto& [name, value] : members)
    if (!value.empty()) line[name] = printable(value, 512);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::string& path, const Clock& clock,
                                                 bool sync) {
  auto fd = open_file(path);
  if (!fd) return fail(std::move(fd.error()));
  return std::unique_ptr<AuditLog>(new AuditLog(path, std::move(*fd), clock, sync));
}

Result<void> AuditLog::reopen() {
  auto fd = open_file(path_);
  if (!fd) return fail(std::move(fd.error()));
  MutexLock lock(mutex_);
  fd_ = std::move(*fd);
  return {};
}

void AuditLog::record(const AuditEvent& event) {
  const std::string line = line_of(event, clock_.wall());
  if (path_.empty()) {
    log_info("audit", "{}", line);
    return;
  }
  const std::string whole = line + "\n";
  MutexLock lock(mutex_);
  const ssize_t written = write(fd_.get(), whole.data(), whole.size());
  if (written != static_cast<ssize_t>(whole.size()))
    log_error("audit", "could not write {}; the line: {}", printable(path_), line);
  else if (sync_ && fdatasync(fd_.get()) != 0)
    log_error("audit", "could not bring {} to the disk", printable(path_));
}

}  // namespace stsfs::vend
