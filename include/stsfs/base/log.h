#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

/// One line an event: `log_info("oss", "retrying {} after {} ms", key, ms)`. The first word names
/// the layer.
///
/// A message never carries a secret (Secret prints as ***) and never the whole of untrusted input
/// (`printable()`). An error is logged once, where it stops travelling.
///
/// Threads: every call on any thread. `start_log` before the first thread starts.
namespace stsfs {

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError, kOff };

std::optional<LogLevel> parse_log_level(std::string_view name);

enum class LogTarget { kStderr, kSyslog, kJournal, kFile };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogTarget target = LogTarget::kStderr;
  std::string file;     ///< Only for kFile. Created 0600, rotated at 10 MiB, three kept.
  std::string program;  ///< The syslog identifier.
};

/// Returns false when the target cannot be opened; the log then goes to stderr.
bool start_log(const LogOptions& options);
void set_log_level(LogLevel level);
LogLevel log_level();
/// Writes out what is buffered, before `_exit` or fork.
void flush_log();

void log_line(LogLevel level, std::string_view layer, std::string_view message);

template <class... Args>
void log_debug(std::string_view layer, fmt::format_string<Args...> format, Args&&... args) {
  if (log_level() <= LogLevel::kDebug)
    log_line(LogLevel::kDebug, layer, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(std::string_view layer, fmt::format_string<Args...> format, Args&&... args) {
  if (log_level() <= LogLevel::kInfo)
    log_line(LogLevel::kInfo, layer, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(std::string_view layer, fmt::format_string<Args...> format, Args&&... args) {
  if (log_level() <= LogLevel::kWarning)
    log_line(LogLevel::kWarning, layer, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(std::string_view layer, fmt::format_string<Args...> format, Args&&... args) {
  if (log_level() <= LogLevel::kError)
    log_line(LogLevel::kError, layer, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace stsfs
