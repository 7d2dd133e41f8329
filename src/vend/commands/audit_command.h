#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::vend {

struct AuditQuery {
  std::string user;     ///< Empty: everybody.
  std::string action;   ///< Empty: all.
  std::string since;    ///< `2026-01-02T03:04:05Z`; empty: from the beginning.
  bool denied = false;  ///< Only what was refused.
};

/// Prints the lines of an audit log that match, as they stand there.
/// Errors: kInvalid for a time that is none, or when the log is no file; those of reading it.
Result<void> print_audit(const std::string& file, const AuditQuery& query);

}  // namespace stsfs::vend
