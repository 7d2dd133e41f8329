#pragma once

#include <string>
#include <string_view>

#include "stsfs/credentials/token_store.h"

namespace stsfs::credentials {

/// What stands in a token file. The caller wipes the text.
std::string write_token_file(const std::string& url, const LoginToken& token);
/// kProtocol, naming the member, when it is not ours.
Result<LoginToken> parse_token_file(std::string_view text);

}  // namespace stsfs::credentials
