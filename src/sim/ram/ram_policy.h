#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ram_condition.h"
#include "stsfs/base/result.h"

namespace stsfs::sim {

enum class Effect { kAllow, kDeny };

/// What a policy hangs on. Trust and bucket policies name a Principal, the others may not; a trust
/// policy has no Resource.
enum class PolicyKind { kIdentity, kSession, kTrust, kBucket };

/// Whom a statement is about.
struct PrincipalPattern {
  enum class Kind { kRam, kService, kFederated };
  Kind kind = Kind::kRam;
  std::string text;  ///< `acs:ram::1:user/a`, an account or user id, `*`.
};

struct Statement {
  Effect effect = Effect::kDeny;
  bool not_action = false;
  std::vector<std::string> actions;
  bool not_resource = false;
  std::vector<std::string> resources;
  std::vector<PrincipalPattern> principals;
  std::vector<Condition> conditions;
};

struct Policy {
  std::string name;  ///< For messages.
  std::string text;  ///< As it was given.
  std::vector<Statement> statements;
};

/// Who asks, as trust and bucket policies see it.
struct PolicyPrincipal {
  PrincipalPattern::Kind kind = PrincipalPattern::Kind::kRam;
  std::string_view account_id;
  std::string_view id;           ///< Of the user; of the role for a session.
  std::string_view arn;          ///< Of the user, the role or the provider.
  std::string_view session_arn;  ///< `arn:sts::1:assumed-role/r/s`; empty when there is no session.
  bool root = false;
};

/// One thing that somebody wants to do.
struct PolicyQuestion {
  std::string_view action;
  std::string_view resource;  ///< `acs:oss:oss-cn-hangzhou:1:bucket/key`
  PolicyPrincipal principal;
  ConditionLookup value_of;
};

enum class Decision { kImplicitDeny, kAllow, kExplicitDeny };

inline constexpr std::size_t kPolicySizeMax = 6'144;         ///< Characters, of a custom policy.
inline constexpr std::size_t kSessionPolicySizeMax = 2'048;  ///< Of AssumeRole's Policy.
inline constexpr std::size_t kStatementsMax = 200;

/// The error says which statement and what is wrong with it. Sizes are the caller's to check.
/// Source: RAM, "Policy structure and syntax"; Version "1", all scalars are strings.
Result<Policy> parse_policy(std::string_view json, PolicyKind kind);

/// Any matching Deny, else any matching Allow, else an implicit deny.
Decision evaluate(const Policy& policy, const PolicyQuestion& question);
Decision evaluate(std::span<const std::shared_ptr<const Policy>> policies,
                  const PolicyQuestion& question);

}  // namespace stsfs::sim
