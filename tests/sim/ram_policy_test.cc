#include "ram/ram_policy.h"

#include <gtest/gtest.h>

namespace stsfs::sim {
namespace {

std::string statement(std::string_view rest) {
  return R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*")" +
         std::string(rest) + "}]}";
}

Decision ask(std::string_view json, std::string_view action, std::string_view resource) {
  const auto policy = parse_policy(json, PolicyKind::kIdentity);
  EXPECT_TRUE(policy) << policy.error().message;
  return evaluate(*policy, {action, resource, {}, [](std::string_view) { return std::nullopt; }});
}

/// Whether `{operator: {"k": values}}` holds for a request where k is `given`.
bool condition(const std::string& op, const std::string& values, std::optional<std::string> given) {
  const auto policy = parse_policy(
      statement(",\"Condition\":{\"" + op + "\":{\"k\":" + values + "}}"), PolicyKind::kIdentity);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy &&
         evaluate(*policy, {"oss:GetObject", "acs:oss:r:1:b/k", {}, [&](std::string_view) {
                              return given;
                            }}) == Decision::kAllow;
}

TEST(RamPolicy, DenyWinsOverAllowAndNothingIsDenied) {
  constexpr std::string_view kPolicy =
      R"({"Version":"1","Statement":[
        {"Effect":"Allow","Action":["oss:Get*","oss:ListObjects"],"Resource":["acs:oss:*:*:b/*","acs:oss:*:*:b"]},
        {"Effect":"Deny","Action":"oss:*","Resource":"acs:oss:*:*:b/secret/*"}]})";
  EXPECT_EQ(ask(kPolicy, "oss:GetObject", "acs:oss:r:1:b/a"), Decision::kAllow);
  EXPECT_EQ(ask(kPolicy, "OSS:getobject", "acs:oss:r:1:b/a"), Decision::kAllow);
  EXPECT_EQ(ask(kPolicy, "oss:GetObject", "acs:oss:r:1:B/a"), Decision::kImplicitDeny);
  EXPECT_EQ(ask(kPolicy, "oss:GetObject", "acs:oss:r:1:b/secret/a"), Decision::kExplicitDeny);
  EXPECT_EQ(ask(kPolicy, "oss:PutObject", "acs:oss:r:1:b/a"), Decision::kImplicitDeny);
  EXPECT_EQ(ask(kPolicy, "oss:ListObjects", "acs:oss:r:1:b"), Decision::kAllow);
}

TEST(RamPolicy, NotActionIsEverythingElse) {
  constexpr std::string_view kPolicy =
      R"({"Version":"1","Statement":[{"Effect":"Allow","NotAction":["oss:Delete*","sts:*"],"Resource":"*"}]})";
  EXPECT_EQ(ask(kPolicy, "oss:GetObject", "acs:oss:r:1:b/a"), Decision::kAllow);
  EXPECT_EQ(ask(kPolicy, "oss:DeleteObject", "acs:oss:r:1:b/a"), Decision::kImplicitDeny);
}

TEST(RamPolicy, OperatorsCompareAsTheirNamesSay) {
  struct Row {
    const char* op;
    const char* values;
    const char* given;
    bool holds;
  };
  constexpr Row kRows[] = {
      {"StringEquals", R"(["a","b"])", "b", true},
      {"StringEquals", R"("a")", "A", false},
      {"StringEquals", R"("a*")", "ab", false},
      {"StringNotEquals", R"(["a","b"])", "b", false},
      {"StringNotEquals", R"(["a","b"])", "c", true},
      {"StringEqualsIgnoreCase", R"("aB")", "Ab", true},
      {"StringNotEqualsIgnoreCase", R"("aB")", "Ab", false},
      {"StringLike", R"("u/alice/*")", "u/alice/", true},
      {"StringLike", R"("u/alice/*")", "u/alicebob/", false},
      {"StringLike", R"("")", "", true},
      {"StringNotLike", R"("u/*")", "v/", true},
      {"NumericEquals", R"("10")", "10.0", true},
      {"NumericNotEquals", R"("10")", "11", true},
      {"NumericLessThan", R"("10")", "9", true},
      {"NumericLessThan", R"("10")", "10", false},
      {"NumericLessThanEquals", R"("10")", "10", true},
      {"NumericGreaterThan", R"("10")", "9", false},
      {"NumericGreaterThanEquals", R"("10")", "10", true},
      {"NumericGreaterThan", R"("10")", "many", false},
      {"DateLessThan", R"("2026-01-01T00:00:00Z")", "2025-12-31T23:59:59Z", true},
      {"DateGreaterThan", R"("2026-01-01T00:00:00Z")", "2025-12-31T23:59:59Z", false},
      {"DateEquals", R"("2026-01-01T08:00:00+08:00")", "2026-01-01T00:00:00Z", true},
      {"DateNotEquals", R"("2026-01-01T00:00:00Z")", "2026-01-01T00:00:00Z", false},
      {"DateLessThanEquals", R"("2026-01-01T00:00:00Z")", "2026-01-01T00:00:00Z", true},
      {"DateGreaterThanEquals", R"("2026-01-01T00:00:00Z")", "2026-01-01T00:00:01Z", true},
      {"Bool", R"("true")", "true", true},
      {"Bool", R"("false")", "true", false},
      {"IpAddress", R"("10.0.0.0/8")", "10.255.0.1", true},
      {"IpAddress", R"("10.0.0.0/8")", "11.0.0.1", false},
      {"IpAddress", R"("192.168.1.128/25")", "192.168.1.127", false},
      {"IpAddress", R"("127.0.0.1")", "::ffff:127.0.0.1", true},
      {"IpAddress", R"("::/0")", "127.0.0.1", false},
      {"IpAddress", R"("0.0.0.0/0")", "203.0.113.9", true},
      {"IpAddress", R"("fd00::/8")", "fd12::1", true},
      {"IpAddress", R"("*")", "anything", true},
      {"IpAddress", R"("10.0.0.1")", "no address", false},
      {"NotIpAddress", R"(["10.0.0.0/8","11.0.0.0/8"])", "11.0.0.1", false},
      {"NotIpAddress", R"("10.0.0.0/8")", "12.0.0.1", true},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(condition(row.op, row.values, row.given), row.holds)
        << row.op << " " << row.values << " given " << row.given;
}

TEST(RamPolicy, AnAbsentKeyIsFalseForPositiveOperatorsAndTrueForNegativeOnes) {
  for (const char* op : {"StringEquals", "StringLike", "StringEqualsIgnoreCase"})
    EXPECT_FALSE(condition(op, R"("*")", std::nullopt)) << op;
  EXPECT_FALSE(condition("NumericLessThan", R"("1")", std::nullopt));
  EXPECT_FALSE(condition("Bool", R"("false")", std::nullopt));
  EXPECT_FALSE(condition("IpAddress", R"("0.0.0.0/0")", std::nullopt));
  EXPECT_TRUE(condition("StringNotEquals", R"("a")", std::nullopt));
  EXPECT_TRUE(condition("StringNotLike", R"("*")", std::nullopt));
  EXPECT_TRUE(condition("NotIpAddress", R"("10.0.0.1")", std::nullopt));
}

TEST(RamPolicy, EveryLineOfAConditionMustHold) {
  const auto policy = parse_policy(
      statement(
          R"(,"Condition":{"StringEquals":{"a":"1","b":"2"},"Bool":{"acs:SecureTransport":"true"}})"),
      PolicyKind::kIdentity);
  ASSERT_TRUE(policy);
  const auto given = [&](std::string b, std::string secure) {
    return evaluate(*policy, {"oss:GetObject",
                              "acs:oss:r:1:b",
                              {},
                              [=](std::string_view key) -> std::optional<std::string> {
                                if (key == "a") return "1";
                                return key == "b" ? b : secure;
                              }}) == Decision::kAllow;
  };
  EXPECT_TRUE(given("2", "true"));
  EXPECT_FALSE(given("3", "true"));
  EXPECT_FALSE(given("2", "false"));
}

TEST(RamPolicy, WhatIsNotUnderstoodIsAnErrorWithItsPlace) {
  struct Row {
    std::string json;
    const char* message;
  };
  const Row rows[] = {
      {"{", "not JSON at line 1"},
      {"[]", "must be an object"},
      {R"({"Statement":[]})", "Version"},
      {R"({"Version":1,"Statement":[]})", "Version must be the string"},
      {R"({"Version":"2","Statement":[]})", "Version must be the string"},
      {R"({"Version":"1"})", "there is no Statement"},
      {R"({"Version":"1","Statement":{}})", "must be a list"},
      {R"({"Version":"1","Statement":[],"Id":"x"})", "Id is not known"},
      {R"({"Version":"1","Version":"1","Statement":[]})", "twice"},
      {R"({"Version":"1","Statement":[{"Action":"oss:*","Resource":"*"}]})", "has no Effect"},
      {R"({"Version":"1","Statement":[{"Effect":"allow","Action":"oss:*","Resource":"*"}]})",
       "Statement[0].Effect must be"},
      {R"({"Version":"1","Statement":[{"Effect":"Allow","Resource":"*"}]})", "neither Action"},
      {R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*"}]})", "no Resource"},
      {R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","NotAction":"oss:*","Resource":"*"}]})",
       "both Action and NotAction"},
      {R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"GetObject","Resource":"*"}]})",
       "is not <service>:<Operation>"},
      {R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"b/*"}]})",
       "is not acs:"},
      {statement(R"(,"Principal":"*")"), "may not have a Principal"},
      {statement(R"(,"Condition":{"StringIs":{"a":"b"}})"), "StringIs is no operator"},
      {statement(R"(,"Condition":{"Bool":{"a":"perhaps"}})"), "no value for this operator"},
      {statement(R"(,"Condition":{"Bool":{"a":true}})"), "must be a string"},
      {statement(R"(,"Condition":{"IpAddress":{"a":"10.0.0.0/33"}})"), "no value"},
      {statement(R"(,"Condition":{"DateLessThan":{"a":"tomorrow"}})"), "no value"},
      {statement(R"(,"Conditions":{})"), "Statement[0].Conditions is not known"},
  };
  for (const Row& row : rows) {
    const auto policy = parse_policy(row.json, PolicyKind::kIdentity);
    ASSERT_FALSE(policy) << row.json;
    EXPECT_NE(policy.error().message.find(row.message), std::string::npos)
        << row.json << "\n  " << policy.error().message;
  }
}

TEST(RamPolicy, DeepNestingIsRefused) {
  std::string deep = R"({"Version":)";
  for (int i = 0; i < 5'000; ++i) deep += '[';
  EXPECT_FALSE(parse_policy(deep, PolicyKind::kIdentity));
}

TEST(RamPolicy, PrincipalsAreUsersRolesAccountsAndEverybody) {
  const auto names = [](const std::string& principal, const PolicyPrincipal& who) {
    const auto policy = parse_policy(
        R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":)" +
            principal + "}]}",
        PolicyKind::kTrust);
    EXPECT_TRUE(policy) << policy.error().message;
    return evaluate(*policy, {"sts:AssumeRole", "acs:ram::1:role/r", who,
                              [](std::string_view) { return std::nullopt; }}) == Decision::kAllow;
  };
  const PolicyPrincipal user{.account_id = "1", .id = "7", .arn = "acs:ram::1:user/a"};
  const PolicyPrincipal session{.account_id = "1",
                                .id = "8",
                                .arn = "acs:ram::1:role/r",
                                .session_arn = "arn:sts::1:assumed-role/r/s"};
  EXPECT_TRUE(names(R"({"RAM":["acs:ram::1:user/a"]})", user));
  EXPECT_TRUE(names(R"({"RAM":"acs:ram::1:root"})", user));
  EXPECT_FALSE(names(R"({"RAM":"acs:ram::2:root"})", user));
  EXPECT_TRUE(names(R"(["7"])", user));
  EXPECT_TRUE(names(R"(["*"])", user));
  EXPECT_TRUE(names(R"({"RAM":"acs:ram::1:role/r"})", session));
  EXPECT_TRUE(names(R"(["arn:sts::1:assumed-role/r/*"])", session));
  EXPECT_FALSE(names(R"({"Service":["ecs.aliyuncs.com"]})", user));
  EXPECT_FALSE(names(R"(["7"])", PolicyPrincipal{}));
  EXPECT_TRUE(names(R"("*")", PolicyPrincipal{}));
}

}  // namespace
}  // namespace stsfs::sim
