#include "json_strict.h"

#include <algorithm>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

namespace stsfs::sim {
namespace {

using nlohmann::json;

std::string place_of(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column =
      start == std::string_view::npos ? before.size() + 1 : before.size() - start;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// Watches the parser go by; `complaint` is set at the first thing that is not allowed.
struct Watcher {
  std::vector<std::set<std::string>> names = {};
  std::string complaint = {};

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    if (depth > kJsonDepthMax && complaint.empty()) complaint = "nested too deeply";
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end && !names.empty()) names.pop_back();
    if (event == json::parse_event_t::key && !names.empty()) {
      const auto* name = parsed.get_ptr<const std::string*>();
      if (!names.back().insert(*name).second && complaint.empty())
        complaint = "the name \"" + *name + "\" stands twice in one object";
    }
    return complaint.empty();
  }
};

}  // namespace

Result<json> parse_json_strictly(std::string_view text) {
  Watcher watcher;
  try {
    json out = json::parse(text.begin(), text.end(),
                           [&watcher](int depth, json::parse_event_t event, json& parsed) {
                             return watcher(depth, event, parsed);
                           });
    if (!watcher.complaint.empty()) return fail(Errc::kInvalid, watcher.complaint);
    return out;
  } catch (const json::parse_error& error) {
    return fail(Errc::kInvalid, "not JSON at " + place_of(text, error.byte));
  } catch (const std::exception&) {
    return fail(Errc::kInvalid, "not JSON");
  }
}

}  // namespace stsfs::sim
