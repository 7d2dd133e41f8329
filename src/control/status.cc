#include "stsfs/control/status.h"

#include <nlohmann/json.hpp>

#include "json_line.h"
#include "stsfs/base/time_format.h"

namespace stsfs::control {
namespace {

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(format_iso8601(*time)) : Json(nullptr);
}

Json credential_json(const credentials::RenewalStatus& status) {
  return {{"source", status.source},
          {"identity", status.identity},
          {"access_key_id", status.access_key_id},
          {"expiration", time_or_null(status.expiration)},
          {"last_renewal", time_or_null(status.last_renewal)},
          {"next_renewal", time_or_null(status.next_renewal)},
          {"last_error", status.last_error},
          {"renewals", status.renewals},
          {"failures", status.failures},
          {"replacements", status.replacements},
          {"replays", status.replays}};
}

Json pending_json(const Pending& pending) {
  Json some = Json::array();
  for (const PendingFile& file : pending.some)
    some.push_back({{"path", file.path},
                    {"bytes", file.size_bytes},
                    {"last_error", file.last_error},
                    {"doing", file.doing},
                    {"aside", file.aside}});
  return {{"files", pending.files},
          {"bytes", pending.bytes},
          {"aside", pending.aside},
          {"some", std::move(some)}};
}

Json operations_json(const std::map<std::string, OperationCount>& operations) {
  Json out = Json::object();
  for (const auto& [name, count] : operations)
    out[name] = {{"started", count.started}, {"failed", count.failed}};
  return out;
}

Json read_memory_json(const ReadMemory& memory) {
  return {{"budget_bytes", memory.budget_bytes},
          {"used_bytes", memory.used_bytes},
          {"highest_bytes", memory.highest_bytes},
          {"taken_away", memory.taken_away},
          {"waiting", memory.waiting}};
}

// --- and back ---

ReadMemory parse_read_memory(const Json& object) {
  return {.budget_bytes = number_member(object, "budget_bytes"),
          .used_bytes = number_member(object, "used_bytes"),
          .highest_bytes = number_member(object, "highest_bytes"),
          .taken_away = number_member(object, "taken_away"),
          .waiting = number_member(object, "waiting")};
}

std::optional<WallTime> time_member(const Json& object, const char* name) {
  return parse_iso8601(text_member(object, name));
}

credentials::RenewalStatus parse_credential(const Json& object) {
  return {.source = text_member(object, "source"),
          .identity = text_member(object, "identity"),
          .access_key_id = text_member(object, "access_key_id"),
          .expiration = time_member(object, "expiration"),
          .last_renewal = time_member(object, "last_renewal"),
          .next_renewal = time_member(object, "next_renewal"),
          .last_error = text_member(object, "last_error"),
          .renewals = number_member(object, "renewals"),
          .failures = number_member(object, "failures"),
          .replacements = number_member(object, "replacements"),
          .replays = number_member(object, "replays")};
}

Pending parse_pending(const Json& object) {
  Pending out{.files = number_member(object, "files"),
              .bytes = number_member(object, "bytes"),
              .aside = number_member(object, "aside")};
  for (const Json& file : list_member(object, "some"))
    out.some.push_back({.path = text_member(file, "path"),
                        .size_bytes = number_member(file, "bytes"),
                        .last_error = text_member(file, "last_error"),
                        .doing = text_member(file, "doing"),
                        .aside = bool_member(file, "aside")});
  return out;
}

std::map<std::string, OperationCount> parse_operations(const Json& object) {
  std::map<std::string, OperationCount> out;
  for (const auto& [name, count] : object.items())
    out[name] = {number_member(count, "started"), number_member(count, "failed")};
  return out;
}

}  // namespace

std::string to_json(const Status& status) {
  const Json object = {
      {"version", status.version},
      {"pid", status.pid},
      {"started_at", format_iso8601(status.started_at)},
      {"uptime_seconds", status.uptime.count()},
      {"log_level", status.log_level},
      {"mount_point", status.mount_point},
      {"state_directory", status.state_directory},
      {"source", status.source},
      {"folder",
       {{"endpoint", status.endpoint},
        {"region", status.region},
        {"bucket", status.bucket},
        {"prefix", status.prefix},
        {"read_only", status.read_only}}},
      {"credential", credential_json(status.credential)},
      {"pending", pending_json(status.pending)},
      {"operations", operations_json(status.operations)},
      {"bytes_read", status.bytes_read},
      {"bytes_written", status.bytes_written},
      {"http",
       {{"requests", status.http_requests},
        {"bytes_sent", status.http_bytes_sent},
        {"bytes_received", status.http_bytes_received},
        {"connections_opened", status.connections_opened},
        {"in_flight", status.http_in_flight}}},
      {"kernel",
       {{"requests", status.kernel_requests},
        {"errors", status.kernel_errors},
        {"under_way", status.kernel_under_way}}},
      {"memory_bytes", status.memory_bytes},
      {"disk_cache",
       {{"size_max_bytes", status.disk_cache.size_max_bytes},
        {"used_bytes", status.disk_cache.used_bytes},
        {"hits", status.disk_cache.hits},
        {"misses", status.disk_cache.misses},
        {"refused", status.disk_cache.refused}}},
      {"read_memory", read_memory_json(status.read_memory)},
      {"names_left_out", status.names_left_out},
  };
  return to_line(object);
}

Result<Status> parse_status(const std::string& json) {
  const auto object = parse_object(json);
  if (!object) return fail(Errc::kProtocol, "the daemon's status is no JSON object");
  const Json folder = object_member(*object, "folder");
  const Json http = object_member(*object, "http");
  const Json kernel = object_member(*object, "kernel");
  const Json disk_cache = object_member(*object, "disk_cache");
  return Status{
      .version = text_member(*object, "version"),
      .pid = static_cast<pid_t>(number_member(*object, "pid")),
      .started_at = time_member(*object, "started_at").value_or(WallTime{}),
      .uptime = std::chrono::seconds(number_member(*object, "uptime_seconds")),
      .log_level = text_member(*object, "log_level"),
      .mount_point = text_member(*object, "mount_point"),
      .state_directory = text_member(*object, "state_directory"),
      .source = text_member(*object, "source"),
      .endpoint = text_member(folder, "endpoint"),
      .region = text_member(folder, "region"),
      .bucket = text_member(folder, "bucket"),
      .prefix = text_member(folder, "prefix"),
      .read_only = bool_member(folder, "read_only"),
      .credential = parse_credential(object_member(*object, "credential")),
      .pending = parse_pending(object_member(*object, "pending")),
      .operations = parse_operations(object_member(*object, "operations")),
      .bytes_read = number_member(*object, "bytes_read"),
      .bytes_written = number_member(*object, "bytes_written"),
      .http_requests = number_member(http, "requests"),
      .http_bytes_sent = number_member(http, "bytes_sent"),
      .http_bytes_received = number_member(http, "bytes_received"),
      .connections_opened = number_member(http, "connections_opened"),
      .http_in_flight = static_cast<int>(number_member(http, "in_flight")),
      .kernel_requests = number_member(kernel, "requests"),
      .kernel_errors = number_member(kernel, "errors"),
      .kernel_under_way = static_cast<int>(number_member(kernel, "under_way")),
      .memory_bytes = number_member(*object, "memory_bytes"),
      .disk_cache = {.size_max_bytes = number_member(disk_cache, "size_max_bytes"),
                     .used_bytes = number_member(disk_cache, "used_bytes"),
                     .hits = number_member(disk_cache, "hits"),
                     .misses = number_member(disk_cache, "misses"),
                     .refused = number_member(disk_cache, "refused")},
      .read_memory = parse_read_memory(object_member(*object, "read_memory")),
      .names_left_out = number_member(*object, "names_left_out"),
  };
}

}  // namespace stsfs::control
