#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace stsfs::sim {

/// Policies that every account has. Source: RAM console, "System policies".
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSystemPolicies{{
    {"AdministratorAccess",
     R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"AliyunOSSFullAccess",
     R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]})"},
    {"AliyunOSSReadOnlyAccess",
     R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:Get*","oss:List*"],"Resource":"*"}]})"},
    {"AliyunSTSAssumeRoleAccess",
     R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]})"},
}};

}  // namespace stsfs::sim
