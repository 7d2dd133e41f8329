#pragma once

#include "stsfs/base/result.h"

namespace stsfs::fs {

/// The version that was asked for is not there: another one is, or none.
inline bool is_gone(const Error& error) {
  return error.code == Errc::kChanged || error.code == Errc::kNotFound;
}

/// As whoever has it open is told: stale, not absent.
inline Error as_stale(Error error) {
  if (is_gone(error)) error.code = Errc::kStale;
  return error;
}

}  // namespace stsfs::fs
