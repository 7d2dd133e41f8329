#include "stsfs/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>

#include "stsfs/base/clock.h"
#include "stsfs/base/log_format.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs {
namespace {

constexpr std::size_t kFileSizeMax = std::size_t{10} << 20;
constexpr std::size_t kFilesKept = 3;
constexpr std::array kLevelNames{"trace", "debug", "info", "warning", "error", "off"};

std::atomic<LogLevel> current_level{LogLevel::kInfo};
std::atomic<bool> as_json{false};

spdlog::level::level_enum spd_level(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

spdlog::sink_ptr make_sink(const LogOptions& options) {
  switch (options.target) {
    case LogTarget::kStderr:
      return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    case LogTarget::kSyslog:
      return std::make_shared<spdlog::sinks::syslog_sink_mt>(options.program, 0,
                                                             3 << 3 /* LOG_DAEMON */, false);
    case LogTarget::kJournal:
      return std::make_shared<spdlog::sinks::systemd_sink_mt>(options.program);
    case LogTarget::kFile:
      // Created here first, so that it is never readable by others, whatever the umask.
      close(open(options.file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(options.file, kFileSizeMax,
                                                                    kFilesKept);
  }
  return nullptr;
}

void install(spdlog::sink_ptr sink, LogTarget target) {
  auto logger = std::make_shared<spdlog::logger>("stsfs", std::move(sink));
  const bool stamps_itself = target == LogTarget::kSyslog || target == LogTarget::kJournal;
  logger->set_pattern(stamps_itself ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

/// A JSON string, quotes included; what is no UTF-8 comes as \xNN.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : printable(text, 4 * text.size() + 4)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// The sink's own pattern would stand before it.
void log_json_line(LogLevel level, std::string_view layer, std::string_view message) {
  static const bool bare = [] {
    spdlog::default_logger_raw()->set_pattern("%v");
    return true;
  }();
  (void)bare;
  spdlog::default_logger_raw()->log(
      spd_level(level), R"({{"time":"{}","level":"{}","layer":{},"message":{}}})",
      format_iso8601_millis(system_clock().wall()), kLevelNames[static_cast<std::size_t>(level)],
      json_text(layer), json_text(message));
}

}  // namespace

void log_as_json(bool json) { as_json = json; }

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i)
    if (name == kLevelNames[i]) return static_cast<LogLevel>(i);
  return std::nullopt;
}

bool start_log(const LogOptions& options) {
  current_level = options.level;
  try {  // spdlog reports a file it cannot open by throwing
    install(make_sink(options), options.target);
    return true;
  } catch (const spdlog::spdlog_ex&) {
    install(std::make_shared<spdlog::sinks::stderr_sink_mt>(), LogTarget::kStderr);
    return false;
  }
}

void set_log_level(LogLevel level) { current_level = level; }
LogLevel log_level() { return current_level.load(std::memory_order_relaxed); }
void flush_log() { spdlog::default_logger_raw()->flush(); }

void log_line(LogLevel level, std::string_view layer, std::string_view message) {
  if (level < log_level() || level == LogLevel::kOff) return;
  if (as_json.load(std::memory_order_relaxed)) return log_json_line(level, layer, message);
  spdlog::default_logger_raw()->log(spd_level(level), "{}: {}", layer, message);
}

}  // namespace stsfs
