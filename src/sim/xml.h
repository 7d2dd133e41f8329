#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

namespace stsfs::sim {

/// One element of a document; valid while the document is.
class XmlElement {
 public:
  explicit XmlElement(pugi::xml_node node) : node_(node) {}
  /// There is no such element.
  bool is_null() const { return node_.empty(); }

  XmlElement add(const char* name) { return XmlElement(node_.append_child(name)); }
  void add(const char* name, std::string_view text) {
    node_.append_child(name).append_child(pugi::node_pcdata).set_value(std::string(text).c_str());
  }
  /// The text of the first child of that name; empty when there is none.
  std::string text(const char* name) const { return node_.child(name).text().get(); }
  std::vector<XmlElement> children(const char* name) const;

 private:
  pugi::xml_node node_;
};

/// What is sent and received as XML. Keeps white space, which keys may consist of.
class XmlDocument {
 public:
  XmlDocument() = default;
  explicit XmlDocument(const char* root) { document_.append_child(root); }

  /// False when `text` is no XML, and then there is no root, or when its root has another name.
  bool parse(const std::string& text, const char* root);
  XmlElement root() const { return XmlElement(document_.document_element()); }
  std::string to_string() const;

 private:
  pugi::xml_document document_;
};

}  // namespace stsfs::sim
