#include "stsfs/sign/strict_json.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace stsfs::sign {
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

/// Watches the text go by and keeps nothing but the names of the objects that are open: a document
/// of any depth costs no stack. Stops at the first thing that is not allowed.
class Watcher final : public nlohmann::json_sax<json> {
 public:
  Watcher(std::string_view text, int depth_max) : text_(text), depth_max_(depth_max) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (names_.back().insert(name).second) return true;
    complaint_ = "the name \"" + name + "\" stands twice in one object";
    return false;
  }
  bool parse_error(std::size_t byte, const std::string&, const json::exception&) override {
    complaint_ = "not JSON at " + place_of(text_, byte);
    return false;
  }

  const std::string& complaint() const { return complaint_; }

 private:
  bool enter() {
    names_.emplace_back();
    if (names_.size() <= static_cast<std::size_t>(depth_max_)) return true;
    complaint_ = "nested too deeply";
    return false;
  }
  bool leave() {
    names_.pop_back();
    return true;
  }

  const std::string_view text_;
  const int depth_max_;
  std::vector<std::set<std::string>> names_;
  std::string complaint_;
};

}  // namespace

Result<void> check_json_strictly(std::string_view text, int depth_max) {
  // The parser takes a zero byte for the end, and what stands behind it for nothing.
  if (text.find('\0') != std::string_view::npos)
    return fail(Errc::kInvalid, "not JSON: a zero byte");
  Watcher watcher(text, depth_max);
  try {
    if (json::sax_parse(text.begin(), text.end(), &watcher)) return {};
  } catch (const std::exception&) {
    return fail(Errc::kInvalid, "not JSON");
  }
  return fail(Errc::kInvalid, watcher.complaint().empty() ? "not JSON" : watcher.complaint());
}

}  // namespace stsfs::sign
