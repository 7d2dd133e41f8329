#include "document_node.h"

#include <utility>

#include <toml++/toml.h>
#include <nlohmann/json.hpp>

#include "json_strict.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

std::string at(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}
std::string at(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

/// TOML as JSON, and on which line each thing stood. toml++ bounds the nesting itself.
class Translator {
 public:
  explicit Translator(std::map<std::string, unsigned>& lines) : lines_(lines) {}

  json translate(const toml::node& node, const std::string& path) {
    lines_[path] = node.source().begin.line;
    if (const auto* table = node.as_table()) return translate_table(*table, path);
    if (const auto* array = node.as_array()) return translate_array(*array, path);
    if (const auto text = node.value<std::string>(); text && node.is_string()) return *text;
    if (const auto* number = node.as_integer()) return number->get();
    if (const auto* flag = node.as_boolean()) return flag->get();
    if (const auto* real = node.as_floating_point()) return real->get();
    return nullptr;  // dates and times: nothing here takes one
  }

 private:
  json translate_table(const toml::table& table, const std::string& path) {
    json out = json::object();
    for (const auto& [key, value] : table) {
      const std::string name(key.str());
      out[name] = translate(value, at(path, name));
    }
    return out;
  }
  json translate_array(const toml::array& array, const std::string& path) {
    json out = json::array();
    for (std::size_t i = 0; i < array.size(); ++i)
      out.push_back(translate(*array.get(i), at(path, i)));
    return out;
  }
  std::map<std::string, unsigned>& lines_;
};

Result<json> parse_toml(std::string_view text, std::map<std::string, unsigned>& lines) {
  try {
    return Translator(lines).translate(toml::parse(text), "");
  } catch (const toml::parse_error& error) {
    return fail(Errc::kInvalid, "not TOML at line " + std::to_string(error.source().begin.line) +
                                    ", column " + std::to_string(error.source().begin.column) +
                                    ": " + std::string(error.description()));
  }
}

}  // namespace

struct Document::Content {
  json root;
};

Document::Document(std::string name, std::unique_ptr<Content> content)
    : name_(std::move(name)), content_(std::move(content)) {}
Document::~Document() = default;

Result<std::unique_ptr<Document>> Document::parse(std::string_view text, std::string name) {
  std::map<std::string, unsigned> lines;
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  const bool is_json = start != std::string_view::npos && text[start] == '{';
  auto root = is_json ? parse_json_strictly(text) : parse_toml(text, lines);
  if (!root) return fail(std::move(root.error()), name);
  auto content = std::make_unique<Content>(Content{std::move(*root)});
  std::unique_ptr<Document> out(new Document(std::move(name), std::move(content)));
  out->lines_ = std::move(lines);
  return out;
}

Node Document::root() { return Node(*this, &content_->root, ""); }

Result<void> Document::check() const {
  if (problem_) return fail(*problem_);
  return {};
}

namespace {
const json& object_of(const void* value) { return *static_cast<const json*>(value); }
}  // namespace

const void* Node::find(const std::string& name) {
  asked_.insert(name);
  const json& object = object_of(value_);
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool Node::has(const std::string& name) const { return object_of(value_).contains(name); }

void Node::complain(const std::string& name, const std::string& what) {
  if (document_->problem_) return;
  const std::string path = name.empty() ? path_ : at(path_, name);
  std::string place = document_->name_;
  auto line = document_->lines_.find(path);
  if (line == document_->lines_.end()) line = document_->lines_.find(path_);
  if (line != document_->lines_.end() && line->second > 0)
    place += ":" + std::to_string(line->second);
  if (!path.empty()) place += ": " + printable(path, 128);
  document_->problem_ = Error{Errc::kInvalid, place + ": " + what, {}};
}

std::string Node::text(const std::string& name, bool required) {
  const void* value = find(name);
  if (value == nullptr) {
    if (required) complain(name, "is missing");
    return "";
  }
  const auto* text = object_of(value).get_ptr<const std::string*>();
  if (text == nullptr) {
    complain(name, "must be a string");
    return "";
  }
  if (required && text->empty()) complain(name, "must not be empty");
  return *text;
}

std::string Node::text_or(const std::string& name, std::string fallback) {
  return has(name) ? text(name) : std::move(fallback);
}

std::int64_t Node::number_or(const std::string& name, std::int64_t fallback, std::int64_t min,
                             std::int64_t max) {
  const void* value = find(name);
  if (value == nullptr) return fallback;
  const json& number = object_of(value);
  if (number.is_number_integer()) {
    const auto out = number.get<std::int64_t>();
    if (out >= min && out <= max) return out;
  }
  complain(name, "must be a number from " + std::to_string(min) + " to " + std::to_string(max));
  return fallback;
}

bool Node::flag_or(const std::string& name, bool fallback) {
  const void* value = find(name);
  if (value == nullptr) return fallback;
  if (const auto* flag = object_of(value).get_ptr<const bool*>()) return *flag;
  complain(name, "must be true or false");
  return fallback;
}

std::vector<std::string> Node::texts(const std::string& name) {
  const void* value = find(name);
  if (value == nullptr) return {};
  const json& list = object_of(value);
  if (const auto* one = list.get_ptr<const std::string*>()) return {*one};
  std::vector<std::string> out;
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i)
    if (const auto* text = list[i].get_ptr<const std::string*>()) out.push_back(*text);
  if (!list.is_array() || out.size() != list.size()) complain(name, "must be a list of strings");
  return out;
}

std::vector<Node> Node::tables(const std::string& name) {
  const void* value = find(name);
  if (value == nullptr) return {};
  const json& list = object_of(value);
  if (list.is_object()) return {Node(*document_, value, at(path_, name))};
  std::vector<Node> out;
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i)
    if (list[i].is_object()) out.push_back(Node(*document_, &list[i], at(at(path_, name), i)));
  if (!list.is_array() || out.size() != list.size()) complain(name, "must be a list of tables");
  return out;
}

std::string Node::json_text(const std::string& name, bool required) {
  const void* value = find(name);
  if (value == nullptr || object_of(value).is_string()) return text(name, required);
  if (object_of(value).is_object())
    return object_of(value).dump(-1, ' ', false, json::error_handler_t::replace);
  complain(name, "must be a policy: JSON as a string, or a table");
  return "";
}

void Node::expect_no_more() {
  for (const auto& [name, value] : object_of(value_).items())
    if (!asked_.contains(name)) complain(name, "is not known here");
}

}  // namespace stsfs::sim
