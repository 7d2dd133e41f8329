#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/result.h"

namespace pugi {
class xml_document;
struct xml_node_struct;
}  // namespace pugi

namespace stsfs::oss {

/// One element of an answer: its children by name. Only valid while its document is.
class XmlElement {
 public:
  explicit XmlElement(pugi::xml_node_struct* node) : node_(node) {}

  bool has(const char* name) const;
  /// Empty when there is none.
  std::string text(const char* name) const;
  /// kProtocol when there is none, or it is empty.
  Result<std::string> required(const char* name) const;
  Result<std::uint64_t> required_number(const char* name) const;
  Result<bool> required_bool(const char* name) const;
  /// Calls `visit` for every child `name`, in order, until one fails.
  Result<void> each(const char* name, const std::function<Result<void>(XmlElement)>& visit) const;
  /// What stands in the element itself.
  std::string own_text() const;

 private:
  pugi::xml_node_struct* node_;
};

/// An XML answer. Never more than the body: no entities but XML's own five are expanded, nothing
/// is loaded from elsewhere.
class XmlAnswer {
 public:
  /// kProtocol when it is not well-formed or its root is another.
  static Result<XmlAnswer> parse(std::string_view body, const char* root);
  XmlAnswer(XmlAnswer&&) noexcept;
  XmlAnswer& operator=(XmlAnswer&&) noexcept;
  ~XmlAnswer();

  XmlElement root() const;
  std::string text(const char* name) const { return root().text(name); }

 private:
  explicit XmlAnswer(std::unique_ptr<pugi::xml_document> document);
  std::unique_ptr<pugi::xml_document> document_;
};

}  // namespace stsfs::oss
