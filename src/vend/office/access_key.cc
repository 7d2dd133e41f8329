#include "access_key.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr const char* kIdName = "ALIBABA_CLOUD_ACCESS_KEY_ID";
constexpr const char* kSecretName = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

bool is_key_text(std::string_view text) {
  return !text.empty() && text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// Moved out of the document, so that no copy stays behind.
Secret member(nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return Secret(std::move(found->get_ref<std::string&>()));
}

Result<sts::AccessKey> key_of(nlohmann::json& document, const std::string& file) {
  if (!document.is_object())
    return fail(Errc::kInvalid, "AccessKey: " + printable(file) + " is no JSON object");
  nlohmann::json& object = document.contains("AccessKey") && document["AccessKey"].is_object()
                               ? document["AccessKey"]
                               : document;
  const Secret id = member(object, "AccessKeyId");
  sts::AccessKey key{std::string(id.reveal()), member(object, "AccessKeySecret")};
  if (!is_key_text(key.id) || !is_key_text(key.secret.reveal()))
    return fail(Errc::kInvalid,
                "AccessKey: " + printable(file) + " must hold AccessKeyId and AccessKeySecret");
  return key;
}

Result<AccessKeys> from_file(const std::string& file) {
  const auto text = read_private_file(file);
  if (!text) return fail(text.error(), "AccessKey");
  nlohmann::json document = nlohmann::json::parse(text->reveal(), nullptr, false);
  if (!document.is_array()) document = nlohmann::json::array({std::move(document)});
  if (document.empty() || document.size() > kAccessKeysMax)
    return fail(Errc::kInvalid,
                "AccessKey: " + printable(file) + " holds one key, or a list of two");
  AccessKeys keys;
  for (nlohmann::json& one : document) {
    auto key = key_of(one, file);
    if (!key) return fail(std::move(key.error()));
    keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace

Result<AccessKeys> load_access_keys(const std::string& file, const Environment& environment) {
  if (!file.empty()) return from_file(file);
  const char* id = environment(kIdName);
  const char* secret = environment(kSecretName);
  if (id == nullptr || secret == nullptr)
    return fail(Errc::kInvalid,
                std::string("AccessKey: name a file with access_key_file, or set ") + kIdName +
                    " and " + kSecretName);
  AccessKeys keys;
  keys.push_back({id, Secret(std::string_view(secret))});
  if (!is_key_text(keys[0].id) || !is_key_text(keys[0].secret.reveal()))
    return fail(Errc::kInvalid, std::string("AccessKey: ") + kIdName + " or " + kSecretName +
                                    " has characters that no key has");
  return keys;
}

}  // namespace stsfs::vend
