#include "sts_answer.h"

#include <nlohmann/json.hpp>

namespace stsfs::sim {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kJsonType = "application/json;charset=utf-8";
constexpr std::string_view kXmlType = "text/xml;charset=utf-8";

ordered_json json_of(const StsElements& elements) {
  ordered_json out = ordered_json::object();
  for (const StsElement& element : elements)
    out[element.name] =
        element.children.empty() ? ordered_json(element.text) : json_of(element.children);
  return out;
}

/// Control characters that XML 1.0 cannot hold become `?`.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r')
      out += '?';
    else
      out += c;
  }
  return out;
}

void append_xml(std::string& out, const StsElements& elements) {
  for (const StsElement& element : elements) {
    out += "<" + element.name + ">";
    out += escaped(element.text);
    append_xml(out, element.children);
    out += "</" + element.name + ">";
  }
}

StsBody render(StsFormat format, const StsElement& root) {
  if (format == StsFormat::kJson)
    return {std::string(kJsonType),
            json_of(root.children).dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
  std::string out = "<?xml version='1.0' encoding='UTF-8'?>";
  append_xml(out, {root});
  return {std::string(kXmlType), std::move(out)};
}

}  // namespace

StsBody render_answer(StsFormat format, std::string_view action, std::string_view request_id,
                      const StsElements& elements) {
  StsElement root{std::string(action) + "Response", "", {{"RequestId", std::string(request_id)}}};
  root.children.insert(root.children.end(), elements.begin(), elements.end());
  return render(format, root);
}

StsBody render_failure(StsFormat format, const StsFailure& failure, std::string_view request_id,
                       std::string_view host) {
  return render(format, {"Error",
                         "",
                         {{"RequestId", std::string(request_id)},
                          {"HostId", std::string(host.substr(0, host.rfind(':')))},
                          {"Code", failure.code},
                          {"Message", failure.message},
                          {"Recommend", "https://api.alibabacloud.com/troubleshoot?q=" +
                                            failure.code + "&product=Sts"}}});
}

}  // namespace stsfs::sim
