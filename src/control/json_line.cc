#include "json_line.h"

namespace stsfs::control {
namespace {

constexpr int kDepthMax = 8;

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Json> parse_object(const std::string& text) {
  bool too_deep = false;
  const auto watch = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep |= depth > kDepthMax;
    return depth <= kDepthMax;
  };
  Json value = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (too_deep || value.is_discarded() || !value.is_object()) return std::nullopt;
  return value;
}

std::string to_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_number_unsigned()) return 0;
  return found->get<std::uint64_t>();
}

bool bool_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

Json object_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_object() ? *found : Json::object();
}

Json list_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_array() ? *found : Json::array();
}

}  // namespace stsfs::control
