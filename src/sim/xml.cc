#include "xml.h"

namespace stsfs::sim {
namespace {

class StringWriter final : public pugi::xml_writer {
 public:
  void write(const void* data, std::size_t size) override {
    // Raw, a parser would read it as a line feed. pugixml escapes the other control characters.
    for (const char c : std::string_view(static_cast<const char*>(data), size))
      c == '\r' ? text.append("&#13;") : text.append(1, c);
  }
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
};

}  // namespace

std::vector<XmlElement> XmlElement::children(const char* name) const {
  std::vector<XmlElement> out;
  for (const pugi::xml_node child : node_.children(name)) out.emplace_back(child);
  return out;
}

bool XmlDocument::parse(const std::string& text, const char* root) {
  constexpr unsigned kOptions = pugi::parse_default | pugi::parse_ws_pcdata_single;
  if (!document_.load_buffer(text.data(), text.size(), kOptions)) {
    document_.reset();  // of what was read until then
    return false;
  }
  return std::string_view(document_.document_element().name()) == root;
}

std::string XmlDocument::to_string() const {
  StringWriter writer;
  document_.save(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return writer.text;
}

}  // namespace stsfs::sim
