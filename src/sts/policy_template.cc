#include "stsfs/sts/policy_template.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <vector>

#include <nlohmann/json.hpp>

#include "policy_text.h"
#include "stsfs/base/text.h"
#include "stsfs/sign/strict_json.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::sts {
namespace {

using json = nlohmann::ordered_json;  // a policy is easier to read in the order it was written

constexpr std::size_t kTemplateMaxBytes = 16 * 1024;
constexpr int kDepthMax = 8;
constexpr std::size_t kStatementsMax = 32;
constexpr std::string_view kBucketResource = "acs:oss:*:*:${bucket}";
constexpr std::string_view kFolderResource = "acs:oss:*:*:${bucket}/${prefix}";
constexpr std::array<std::string_view, 3> kPlaceholders{"${user}", "${bucket}", "${prefix}"};

tl::unexpected<Error> wrong(const std::string& what) {
  return fail(Errc::kInvalid, "policy template: " + what);
}

/// The strings of a member that is one string or a list of some; empty when it is neither.
std::vector<std::string> strings_of(const json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> out;
  if (!value.is_array()) return out;
  for (const json& one : value) {
    if (!one.is_string()) return {};
    out.push_back(one.get<std::string>());
  }
  return out;
}

Result<void> check_placeholders(std::string_view text) {
  for (auto at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    const auto rest = text.substr(at);
    if (std::none_of(kPlaceholders.begin(), kPlaceholders.end(),
                     [&](auto name) { return rest.starts_with(name); }))
      return wrong("\"" + printable(text) +
                   "\" has a $ that begins none of ${user} ${bucket} ${prefix}");
  }
  return {};
}

Result<void> check_action(const std::string& action) {
  const bool good = action.starts_with("oss:") && action.size() > 4 &&
                    std::all_of(action.begin() + 4, action.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
                    });
  if (good) return {};
  return wrong("the action \"" + printable(action) + "\" is none of OSS");
}

/// `{"StringLike": {"oss:Prefix": ["${prefix}…"]}}` is among the conditions, and so the listing is
/// confined.
bool confines_listing(const json& statement) {
  const auto conditions = statement.find("Condition");
  if (conditions == statement.end()) return false;
  for (const char* name : {"StringLike", "StringEquals"}) {
    const auto block = conditions->find(name);
    if (block == conditions->end()) continue;
    const auto prefix = block->find("oss:Prefix");
    if (prefix == block->end()) continue;
    const auto values = strings_of(*prefix);
    if (!values.empty() && std::all_of(values.begin(), values.end(), [](const auto& value) {
          return value.starts_with("${prefix}");
        }))
      return true;
  }
  return false;
}

Result<void> check_on_bucket(const std::string& action, const json& statement) {
  if (action == "oss:ListObjects" || action == "oss:ListObjectVersions") {
    if (confines_listing(statement)) return {};
    return wrong(action + " needs a condition that oss:Prefix is like \"${prefix}*\"");
  }
  if (action.starts_with("oss:GetBucket") && action.find('*') == std::string::npos) return {};
  return wrong(action + " on the whole bucket is not confined to a folder");
}

Result<void> check_allowed(const json& statement, const std::vector<std::string>& actions,
                           const std::vector<std::string>& resources) {
  for (const std::string& resource : resources) {
    if (resource.starts_with(kFolderResource)) continue;
    if (resource != kBucketResource)
      return wrong("\"" + printable(resource) + "\" is neither " + std::string(kBucketResource) +
                   " nor below " + std::string(kFolderResource));
    for (const std::string& action : actions)
      if (auto good = check_on_bucket(action, statement); !good) return good;
  }
  return {};
}

Result<void> check_conditions(const json& conditions) {
  if (!conditions.is_object()) return wrong("Condition is no object");
  for (const auto& [operation, block] : conditions.items()) {
    if (!block.is_object()) return wrong("the condition " + printable(operation) + " is no object");
    for (const auto& [key, value] : block.items()) {
      const auto values = strings_of(value);
      if (values.empty()) return wrong("the condition on " + printable(key) + " has no strings");
      if (operation.find('$') != std::string::npos || key.find('$') != std::string::npos)
        return wrong("a name cannot be filled in");
      for (const auto& one : values)
        if (auto good = check_placeholders(one); !good) return good;
    }
  }
  return {};
}

Result<void> check_statement(const json& statement) {
  if (!statement.is_object()) return wrong("a statement is no object");
  for (const auto& [name, value] : statement.items())
    if (name != "Effect" && name != "Action" && name != "Resource" && name != "Condition")
      return wrong("a statement has Effect, Action, Resource and Condition, no " + printable(name));
  const std::string effect = statement.contains("Effect") && statement["Effect"].is_string()
                                 ? statement["Effect"].get<std::string>()
                                 : std::string();
  if (effect != "Allow" && effect != "Deny") return wrong("Effect is Allow or Deny");
  if (!statement.contains("Action") || !statement.contains("Resource"))
    return wrong("a statement needs Action and Resource");
  const auto actions = strings_of(statement["Action"]);
  const auto resources = strings_of(statement["Resource"]);
  if (actions.empty() || resources.empty())
    return wrong("Action and Resource are a string or a list of some");
  for (const auto& action : actions)
    if (auto good = check_action(action); !good) return good;
  for (const auto& resource : resources)
    if (auto good = check_placeholders(resource); !good) return good;
  if (statement.contains("Condition"))
    if (auto good = check_conditions(statement["Condition"]); !good) return good;
  if (effect == "Deny") return {};
  return check_allowed(statement, actions, resources);
}

std::string filled(std::string text, const PolicyValues& values) {
  const std::array<const std::string*, 3> by_place{&values.user, &values.bucket, &values.prefix};
  for (std::size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at))
    for (std::size_t i = 0; i < kPlaceholders.size(); ++i)
      if (text.compare(at, kPlaceholders[i].size(), kPlaceholders[i]) == 0) {
        text.replace(at, kPlaceholders[i].size(), *by_place[i]);
        at += by_place[i]->size();  // what was put in is not looked at again
        break;
      }
  return text;
}

void fill_strings(json& value, const PolicyValues& values) {
  if (value.is_string())
    value = filled(value.get<std::string>(), values);
  else if (value.is_structured())
    for (json& member : value) fill_strings(member, values);
}

}  // namespace

struct PolicyTemplate::Document {
  json document;
};

Result<PolicyTemplate> PolicyTemplate::parse(std::string_view text) {
  if (text.size() > kTemplateMaxBytes) return wrong("longer than 16 KiB");
  if (auto strict = sign::check_json_strictly(text, kDepthMax); !strict)
    return wrong(strict.error().message);
  json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (!document.is_object() || document.size() != 2 || !document.contains("Version") ||
      document["Version"] != "1" || !document.contains("Statement") ||
      !document["Statement"].is_array())
    return wrong("it reads {\"Version\":\"1\",\"Statement\":[…]}");
  const json& statements = document["Statement"];
  if (statements.empty() || statements.size() > kStatementsMax)
    return wrong("it has 1 to 32 statements");
  for (const json& statement : statements)
    if (auto good = check_statement(statement); !good) return fail(std::move(good.error()));
  return PolicyTemplate(std::make_shared<const Document>(Document{std::move(document)}));
}

Result<std::string> PolicyTemplate::fill(const PolicyValues& values) const {
  if (auto good = check_user_name(values.user); !good) return fail(std::move(good.error()));
  if (auto good = check_bucket_name(values.bucket); !good) return fail(std::move(good.error()));
  if (auto good = check_policy_prefix(values.prefix); !good) return fail(std::move(good.error()));
  json document = document_->document;
  fill_strings(document["Statement"], values);
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<void> check_bucket_name(std::string_view name) {
  const auto lower_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  const bool good =
      name.size() >= 3 && name.size() <= 63 && lower_or_digit(name.front()) &&
      lower_or_digit(name.back()) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return lower_or_digit(c) || c == '-'; });
  if (good) return {};
  return fail(Errc::kInvalid, "\"" + printable(name) + "\" is not a bucket name");
}

Result<void> check_source_address(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  in6_addr storage{};
  const bool four = inet_pton(AF_INET, address.c_str(), &storage) == 1;
  const bool six = !four && inet_pton(AF_INET6, address.c_str(), &storage) == 1;
  bool good = four || six;
  if (good && slash != std::string_view::npos) {
    const auto bits = parse_u64(text.substr(slash + 1));
    good = bits && *bits <= (four ? 32u : 128u);
  }
  if (good) return {};
  return fail(Errc::kInvalid, "\"" + printable(text) + "\" is neither an address nor a CIDR block");
}

}  // namespace stsfs::sts
