// A policy is read once into patterns and asked often. Reading is strict: what is not understood is
// an error, never skipped, because a skipped Condition or a misspelt Effect would widen what it
// grants.

#include "ram_policy.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "json_strict.h"
#include "ram_match.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

const std::string* text_of(const json& value) { return value.get_ptr<const std::string*>(); }

/// "a" or ["a", "b"]; at least one.
Result<std::vector<std::string>> strings_of(const json& value, const std::string& where) {
  if (const auto* one = text_of(value)) return std::vector<std::string>{*one};
  if (!value.is_array() || value.empty())
    return fail(Errc::kInvalid, where + " must be a string or a list of strings");
  std::vector<std::string> out;
  for (const json& item : value) {
    const auto* text = text_of(item);
    if (text == nullptr) return fail(Errc::kInvalid, where + " holds something that is no string");
    out.push_back(*text);
  }
  return out;
}

Result<Effect> effect_of(const json& value, const std::string& where) {
  const auto* text = text_of(value);
  if (text != nullptr && *text == "Allow") return Effect::kAllow;
  if (text != nullptr && *text == "Deny") return Effect::kDeny;
  return fail(Errc::kInvalid, where + " must be \"Allow\" or \"Deny\"");
}

Result<void> check_actions(const std::vector<std::string>& actions, const std::string& where) {
  for (const std::string& action : actions) {
    const std::size_t colon = action.find(':');
    const bool good =
        action == "*" || (colon != std::string::npos && colon > 0 && colon + 1 < action.size());
    if (!good)
      return fail(Errc::kInvalid,
                  where + ": \"" + printable(action, 64) + "\" is not <service>:<Operation>");
  }
  return {};
}

Result<void> check_resources(const std::vector<std::string>& resources, const std::string& where) {
  for (const std::string& resource : resources) {
    const bool good = resource == "*" || (resource.starts_with("acs:") &&
                                          std::count(resource.begin(), resource.end(), ':') >= 4);
    if (!good)
      return fail(Errc::kInvalid, where + ": \"" + printable(resource, 64) +
                                      "\" is not acs:<service>:<region>:<owner>:<what>");
  }
  return {};
}

Result<std::vector<Condition>> conditions_of(const json& block, const std::string& where) {
  if (!block.is_object()) return fail(Errc::kInvalid, where + " must be an object");
  std::vector<Condition> out;
  for (const auto& [operator_name, keys] : block.items()) {
    const auto op = parse_condition_operator(operator_name);
    const std::string place = where + "." + printable(operator_name, 64);
    if (!op) return fail(Errc::kInvalid, place + " is no operator");
    if (!keys.is_object()) return fail(Errc::kInvalid, place + " must be an object");
    for (const auto& [key, value] : keys.items()) {
      auto values = strings_of(value, place + "." + printable(key, 64));
      if (!values) return fail(std::move(values.error()));
      for (const std::string& one : *values)
        if (!is_value_for(op->type, one))
          return fail(Errc::kInvalid, place + "." + printable(key, 64) + ": \"" +
                                          printable(one, 64) + "\" is no value for this operator");
      out.push_back({*op, key, std::move(*values)});
    }
  }
  return out;
}

Result<std::vector<PrincipalPattern>> principals_of(const json& value, const std::string& where) {
  using Kind = PrincipalPattern::Kind;
  std::vector<PrincipalPattern> out;
  const auto add = [&](const json& list, Kind kind) -> Result<void> {
    auto texts = strings_of(list, where);
    if (!texts) return fail(std::move(texts.error()));
    for (std::string& text : *texts) out.push_back({kind, std::move(text)});
    return {};
  };
  if (!value.is_object()) {
    if (auto added = add(value, Kind::kRam); !added) return fail(std::move(added.error()));
    return out;
  }
  for (const auto& [name, list] : value.items()) {
    Kind kind = Kind::kRam;
    if (name == "Service")
      kind = Kind::kService;
    else if (name == "Federated")
      kind = Kind::kFederated;
    else if (name != "RAM")
      return fail(Errc::kInvalid, where + "." + printable(name, 64) + " is no kind of principal");
    if (auto added = add(list, kind); !added) return fail(std::move(added.error()));
  }
  if (out.empty()) return fail(Errc::kInvalid, where + " names nobody");
  return out;
}

/// Fills one Statement, element by element.
class StatementReader {
 public:
  StatementReader(std::string where, PolicyKind kind) : where_(std::move(where)), kind_(kind) {}

  Result<Statement> read(const json& value) {
    if (!value.is_object()) return fail(Errc::kInvalid, where_ + " must be an object");
    for (const auto& [name, element] : value.items())
      if (auto read = read_element(name, element); !read) return fail(std::move(read.error()));
    if (auto whole = check_whole(); !whole) return fail(std::move(whole.error()));
    return std::move(out_);
  }

 private:
  Result<void> read_element(const std::string& name, const json& element) {
    const std::string place = where_ + "." + printable(name, 64);
    if (name == "Effect") return take(effect_of(element, place), out_.effect, has_effect_);
    if (name == "Action" || name == "NotAction") {
      if (has_action_) return fail(Errc::kInvalid, where_ + " has both Action and NotAction");
      out_.not_action = name == "NotAction";
      if (auto r = take(strings_of(element, place), out_.actions, has_action_); !r) return r;
      return check_actions(out_.actions, place);
    }
    if (name == "Resource" || name == "NotResource") {
      if (has_resource_) return fail(Errc::kInvalid, where_ + " has both Resource and NotResource");
      out_.not_resource = name == "NotResource";
      if (auto r = take(strings_of(element, place), out_.resources, has_resource_); !r) return r;
      return check_resources(out_.resources, place);
    }
    if (name == "Principal") return take(principals_of(element, place), out_.principals, has_who_);
    bool seen = false;
    if (name == "Condition") return take(conditions_of(element, place), out_.conditions, seen);
    return fail(Errc::kInvalid, place + " is not known here");
  }

  template <class T>
  static Result<void> take(Result<T>&& from, T& to, bool& seen) {
    if (!from) return fail(std::move(from.error()));
    to = std::move(*from);
    seen = true;
    return {};
  }

  Result<void> check_whole() const {
    if (!has_effect_) return fail(Errc::kInvalid, where_ + " has no Effect");
    if (!has_action_) return fail(Errc::kInvalid, where_ + " has neither Action nor NotAction");
    const bool wants_who = kind_ == PolicyKind::kTrust || kind_ == PolicyKind::kBucket;
    if (wants_who && !has_who_) return fail(Errc::kInvalid, where_ + " has no Principal");
    if (!wants_who && has_who_)
      return fail(Errc::kInvalid, where_ + " may not have a Principal in this kind of policy");
    if (kind_ != PolicyKind::kTrust && !has_resource_)
      return fail(Errc::kInvalid, where_ + " has no Resource");
    return {};
  }

  std::string where_;
  PolicyKind kind_;
  Statement out_;
  bool has_effect_ = false;
  bool has_action_ = false;
  bool has_resource_ = false;
  bool has_who_ = false;
};

bool names(const PrincipalPattern& pattern, const PolicyPrincipal& who) {
  if (pattern.text == "*") return pattern.kind != PrincipalPattern::Kind::kFederated;
  if (pattern.kind != who.kind) return false;
  if (pattern.kind != PrincipalPattern::Kind::kRam)
    return !who.arn.empty() && pattern.text == who.arn;
  if (who.account_id.empty()) return false;  // anonymous: only `*`
  // The account as a whole: all of its users and roles.
  if (pattern.text == "acs:ram::" + std::string(who.account_id) + ":root") return true;
  if (pattern.text == who.account_id || (!who.id.empty() && pattern.text == who.id)) return true;
  return matches_wildcard(pattern.text, who.arn) ||
         (!who.session_arn.empty() && matches_wildcard(pattern.text, who.session_arn));
}

bool applies(const Statement& statement, const PolicyQuestion& question) {
  const auto action_matches = [&](const std::string& pattern) {
    return matches_wildcard(pattern, question.action, Case::kIgnored);
  };
  if (std::any_of(statement.actions.begin(), statement.actions.end(), action_matches) ==
      statement.not_action)
    return false;
  const auto resource_matches = [&](const std::string& pattern) {
    return matches_resource(pattern, question.resource);
  };
  if (!statement.resources.empty() &&
      std::any_of(statement.resources.begin(), statement.resources.end(), resource_matches) ==
          statement.not_resource)
    return false;
  const auto names_them = [&](const PrincipalPattern& p) { return names(p, question.principal); };
  if (!statement.principals.empty() &&
      std::none_of(statement.principals.begin(), statement.principals.end(), names_them))
    return false;
  return std::all_of(statement.conditions.begin(), statement.conditions.end(),
                     [&](const Condition& c) { return holds(c, question.value_of); });
}

Result<std::vector<Statement>> statements_of(const json& list, PolicyKind kind) {
  if (!list.is_array() || list.empty())
    return fail(Errc::kInvalid, "Statement must be a list of at least one");
  if (list.size() > kStatementsMax) return fail(Errc::kInvalid, "too many statements");
  std::vector<Statement> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto statement = StatementReader("Statement[" + std::to_string(i) + "]", kind).read(list[i]);
    if (!statement) return fail(std::move(statement.error()));
    out.push_back(std::move(*statement));
  }
  return out;
}

}  // namespace

Result<Policy> parse_policy(std::string_view text, PolicyKind kind) {
  auto root = parse_json_strictly(text);
  if (!root) return fail(std::move(root.error()));
  if (!root->is_object()) return fail(Errc::kInvalid, "a policy must be an object");
  for (const auto& [name, value] : root->items())
    if (name != "Version" && name != "Statement")
      return fail(Errc::kInvalid, printable(name, 64) + " is not known here");
  const auto* version = root->contains("Version") ? text_of((*root)["Version"]) : nullptr;
  if (version == nullptr || *version != "1")
    return fail(Errc::kInvalid, "Version must be the string \"1\"");
  if (!root->contains("Statement")) return fail(Errc::kInvalid, "there is no Statement");
  auto statements = statements_of((*root)["Statement"], kind);
  if (!statements) return fail(std::move(statements.error()));
  return Policy{"", std::string(text), std::move(*statements)};
}

Decision evaluate(const Policy& policy, const PolicyQuestion& question) {
  Decision out = Decision::kImplicitDeny;
  for (const Statement& statement : policy.statements) {
    if (out == Decision::kAllow && statement.effect == Effect::kAllow) continue;
    if (!applies(statement, question)) continue;
    if (statement.effect == Effect::kDeny) return Decision::kExplicitDeny;
    out = Decision::kAllow;
  }
  return out;
}

Decision evaluate(std::span<const std::shared_ptr<const Policy>> policies,
                  const PolicyQuestion& question) {
  Decision out = Decision::kImplicitDeny;
  for (const auto& policy : policies) {
    const Decision one = evaluate(*policy, question);
    if (one == Decision::kExplicitDeny) return one;
    if (one == Decision::kAllow) out = one;
  }
  return out;
}

}  // namespace stsfs::sim
