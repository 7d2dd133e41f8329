#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "stsfs/sign/digest.h"
#include "stsfs/sign/request.h"

/// What several schemes do alike.
namespace stsfs::sign {

/// `name=value&…`, encoded, in the order of the encoded names. A value that is empty leaves its `=`
/// unless `is_bare` says so of its encoded name.
std::string sorted_query(
    const Pairs& query,
    const std::function<bool(std::string_view)>& is_bare = [](auto) { return false; });

/// Of OSS V4 and of AWS V4, which it was made after.
std::string string_to_sign(std::string_view algorithm, std::string_view date,
                           std::string_view scope, std::string_view canonical_request);
/// The secret behind the scheme's prefix, then one MAC for each part of the scope. Leaves none of
/// them in memory but the last.
Sha256 signing_key(std::string_view prefix, std::string_view secret,
                   std::initializer_list<std::string_view> scope);

}  // namespace stsfs::sign
