#include "audit_command.h"

#include <cstdio>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::vend {
namespace {

std::string text_at(const nlohmann::json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_string() ? found->get<std::string>() : "";
}

bool matches(const nlohmann::json& line, const AuditQuery& query, WallTime since) {
  if (!line.is_object()) return false;
  if (!query.user.empty() && text_at(line, "user") != query.user) return false;
  if (!query.action.empty() && text_at(line, "action") != query.action) return false;
  if (query.denied && text_at(line, "decision") != "deny") return false;
  if (query.since.empty()) return true;
  const auto time = parse_iso8601(text_at(line, "time"));
  return time && *time >= since;
}

}  // namespace

Result<void> print_audit(const std::string& file, const AuditQuery& query) {
  if (file.empty())
    return fail(Errc::kInvalid,
                "the audit log goes with the rest of the log; remedy: set audit_log");
  const std::optional<WallTime> since =
      query.since.empty() ? WallTime{} : parse_iso8601(query.since);
  if (!since) return fail(Errc::kInvalid, "--since reads 2026-01-02T03:04:05Z");
  std::ifstream lines(file);
  if (!lines) return fail_errno("open " + printable(file));
  for (std::string line; std::getline(lines, line);)
    if (matches(nlohmann::json::parse(line, nullptr, false), query, *since))
      std::printf("%s\n", line.c_str());
  return {};
}

}  // namespace stsfs::vend
