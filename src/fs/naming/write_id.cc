// An answer may be lost, and a loss of power may take the journal's last second along. What is
// found in OSS then is told from another client's by the line of its number, and its age by the
// rest.

#include "write_id.h"

#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {

std::string write_id(const staging::WriteNumbers& writes) {
  return writes.line + '-' + std::to_string(writes.last);
}

Maker maker_of(const oss::ObjectMeta& meta, const staging::WriteNumbers& writes,
               std::uint64_t size) {
  const auto id = meta.headers.user.find(oss::kWriteIdName);
  if (id == meta.headers.user.end() || writes.line.empty()) return Maker::kAnother;
  const auto parts = split(id->second, '-');
  if (parts.size() != 2 || parts[0] != writes.line) return Maker::kAnother;
  const auto number = parse_u64(parts[1]);
  // A number before the base's is that of an old version, which somebody has brought back.
  if (!number || *number < writes.first) return Maker::kAnother;
  if (*number < writes.last) return Maker::kEarlier;
  const bool noted = *number == writes.last && meta.size_bytes == size;
  return noted ? Maker::kNoted : Maker::kLater;
}

}  // namespace stsfs::fs
