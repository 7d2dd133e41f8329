#pragma once

#include <string>

#include "stsfs/staging/journal.h"

/// How a journal entry's members look in a column of the database. Pure. What cannot be read back
/// is kCorrupt, with the member's name.
namespace stsfs::staging {

std::string encode_extents(const std::vector<Extent>& extents);
Result<std::vector<Extent>> decode_extents(std::string_view text);

/// With them stands whether the version has tags: an earlier daemon reads over what it does not
/// know.
std::string encode_headers(const oss::ObjectHeaders& headers, bool tagged);
bool says_tagged(std::string_view headers);
Result<oss::ObjectHeaders> decode_headers(std::string_view text);

std::string encode_writes(const WriteNumbers& writes);
/// What is not to be understood, as of an earlier version, counts as no write.
WriteNumbers decode_writes(std::string_view text);

}  // namespace stsfs::staging
