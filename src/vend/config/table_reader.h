#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "stsfs/base/result.h"

namespace stsfs::vend {

/// Reads one table, remembers what it asked for, and complains about the rest.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name, const std::string& file,
              std::string& complaint)
      : table_(table), name_(std::move(name)), file_(file), complaint_(complaint) {}

  void read(const char* key, std::string& into, bool required = false) {
    if (const toml::node* node = find(key, required)) {
      if (const auto* value = node->as_string())
        into = value->get();
      else
        complain(key, node, "must be a string");
    }
    if (required && into.empty()) complain(key, nullptr, "must not be empty");
  }
  void read(const char* key, bool& into) {
    if (const toml::node* node = find(key, false)) {
      if (const auto* value = node->as_boolean())
        into = value->get();
      else
        complain(key, node, "must be true or false");
    }
  }
  void read(const char* key, int& into, std::int64_t least, std::int64_t most) {
    if (const toml::node* node = find(key, false)) {
      const auto* value = node->as_integer();
      if (value == nullptr || value->get() < least || value->get() > most)
        complain(key, node,
                 "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
      else
        into = static_cast<int>(value->get());
    }
  }
  void read(const char* key, std::chrono::seconds& into, std::int64_t least, std::int64_t most) {
    int seconds = static_cast<int>(into.count());
    read(key, seconds, least, most);
    into = std::chrono::seconds(seconds);
  }
  /// A list of strings.
  void read(const char* key, std::vector<std::string>& into) {
    const toml::node* node = find(key, false);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    into.clear();
    if (list != nullptr)
      for (const toml::node& one : *list)
        if (const auto* text = one.as_string()) into.push_back(text->get());
    if (list == nullptr || into.size() != list->size())
      complain(key, node, "must be a list of strings");
  }
  template <class T>
  void choose(const char* key, T& into,
              std::initializer_list<std::pair<std::string_view, T>> choices) {
    const toml::node* node = find(key, false);
    if (node == nullptr) return;
    const auto text = node->value<std::string_view>();
    std::string names;
    for (const auto& [name, value] : choices) {
      if (text == name) {
        into = value;
        return;
      }
      names += (names.empty() ? "" : " or ") + std::string(name);
    }
    complain(key, node, "must be " + names);
  }
  const toml::table* table(const char* key) {
    const toml::node* node = find(key, false);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) complain(key, node, "must be a table");
    return node->as_table();
  }
  /// The tables under `[[key]]`, in their order.
  std::vector<const toml::table*> tables(const char* key) {
    const toml::node* node = find(key, false);
    std::vector<const toml::table*> out;
    if (node == nullptr) return out;
    if (const toml::array* list = node->as_array())
      for (const toml::node& one : *list)
        if (one.is_table()) out.push_back(one.as_table());
    if (out.empty()) complain(key, node, "is written [[" + std::string(key) + "]]");
    return out;
  }
  bool has(const char* key) const { return table_.contains(key); }
  void check(const char* key, const Result<void>& result) {
    if (!result) complain(key, nullptr, ": " + result.error().message);
  }
  /// `node` may be null: then what stands under the key, or else the table itself is meant.
  void complain(const char* key, const toml::node* node, const std::string& what) {
    if (node == nullptr) node = table_.get(key);
    const auto line = node != nullptr ? node->source().begin.line : table_.source().begin.line;
    if (complaint_.empty())
      complaint_ = file_ + ":" + std::to_string(line) + ": " + name_ + key +
                   (what.starts_with(':') ? "" : " ") + what;
  }
  void refuse_unknown() {
    for (const auto& [key, node] : table_)
      if (!asked_.contains(std::string(key.str())))
        complain(std::string(key.str()).c_str(), &node, "is no key of this configuration");
  }

 private:
  const toml::node* find(const char* key, bool required) {
    asked_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr && required) complain(key, nullptr, "is missing");
    return node;
  }

  const toml::table& table_;
  const std::string name_;
  const std::string& file_;
  std::string& complaint_;
  std::set<std::string> asked_;
};

}  // namespace stsfs::vend
