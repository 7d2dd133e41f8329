#include "xml.h"

#include <pugixml.hpp>

#include "stsfs/base/text.h"

namespace stsfs::oss {

bool XmlElement::has(const char* name) const { return !pugi::xml_node(node_).child(name).empty(); }

std::string XmlElement::text(const char* name) const {
  return pugi::xml_node(node_).child_value(name);
}

std::string XmlElement::own_text() const { return pugi::xml_node(node_).child_value(); }

Result<std::string> XmlElement::required(const char* name) const {
  std::string value = text(name);
  if (value.empty()) return fail(Errc::kProtocol, std::string("the answer has no ") + name);
  return value;
}

Result<std::uint64_t> XmlElement::required_number(const char* name) const {
  const auto value = required(name);
  if (!value) return fail(value.error());
  const auto number = parse_u64(*value);
  if (!number)
    return fail(Errc::kProtocol,
                std::string(name) + " in the answer is no number: " + printable(*value, 32));
  return *number;
}

Result<bool> XmlElement::required_bool(const char* name) const {
  const auto value = required(name);
  if (!value) return fail(value.error());
  if (*value == "true") return true;
  if (*value == "false") return false;
  return fail(Errc::kProtocol, std::string(name) + " in the answer is " + printable(*value, 32));
}

Result<void> XmlElement::each(const char* name,
                              const std::function<Result<void>(XmlElement)>& visit) const {
  for (const pugi::xml_node child : pugi::xml_node(node_).children(name))
    if (auto visited = visit(XmlElement(child.internal_object())); !visited) return visited;
  return {};
}

XmlAnswer::XmlAnswer(std::unique_ptr<pugi::xml_document> document)
    : document_(std::move(document)) {}
XmlAnswer::XmlAnswer(XmlAnswer&&) noexcept = default;
XmlAnswer& XmlAnswer::operator=(XmlAnswer&&) noexcept = default;
XmlAnswer::~XmlAnswer() = default;

Result<XmlAnswer> XmlAnswer::parse(std::string_view body, const char* root) {
  auto document = std::make_unique<pugi::xml_document>();
  const pugi::xml_parse_result parsed =
      document->load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed)
    return fail(Errc::kProtocol, std::string("the answer is not XML: ") + parsed.description());
  const pugi::xml_node found = document->document_element();
  if (std::string_view(found.name()) != root)
    return fail(Errc::kProtocol, std::string("the answer is <") + printable(found.name(), 64) +
                                     ">, not <" + root + ">");
  return XmlAnswer(std::move(document));
}

XmlElement XmlAnswer::root() const {
  return XmlElement(document_->document_element().internal_object());
}

}  // namespace stsfs::oss
