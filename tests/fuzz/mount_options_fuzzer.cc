// Option lists, configuration files and sources as anybody may write them: refused or taken, never
// a crash, and never taken in two ways.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config_file.h"
#include "mount_source.h"
#include "settings.h"

namespace {

using namespace stsfs::daemon;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\' || c == '=') out += '\\';
    out += c;
  }
  return out;
}

void check_list(const std::string& text) {
  const auto settings = parse_option_list(text);
  if (!settings) return;
  std::string again;
  for (const Setting& setting : *settings) {
    if (setting.name.empty()) abort();
    again += escaped(setting.name) + "=" + escaped(setting.value) + ",";
  }
  const auto second = parse_option_list(again);
  if (!second || second->size() != settings->size()) {
    if (again.size() < 64 * 1024) abort();
    return;
  }
  for (std::size_t i = 0; i < settings->size(); ++i)
    if ((*second)[i].name != (*settings)[i].name || (*second)[i].value != (*settings)[i].value)
      abort();
  (void)resolve(*settings);
}

void check_source(const std::string& text) {
  const auto source = parse_source(text);
  if (!source) return;
  if (const auto* bucket = std::get_if<BucketSource>(&*source)) {
    if (!bucket->prefix.empty() && (bucket->prefix.front() == '/' || bucket->prefix.back() != '/'))
      abort();
    if (("/" + bucket->prefix).find("/../") != std::string::npos) abort();
  }
  (void)fit_to_source(default_options(), *source);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check_list(text);
      break;
    case 1:
      if (const auto settings = parse_config(text, "f")) (void)resolve(*settings);
      break;
    default:
      check_source("oss://" + text);
  }
  return 0;
}
