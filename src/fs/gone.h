#pragma once

#include "stsfs/base/result.h"

namespace stsfs::fs {

/// The version that was asked for is not there: another one is, or none.
inline bool is_gone(const Error& error) {
  return error.code == Errc::kChanged || error.code == Errc::kNotFound;
}

/// There is nothing that a HEAD follows: no object, or a link that leads to none.
inline bool is_absent(const Error& error) {
  return error.code == Errc::kNotFound || error.code == Errc::kLoop;
}

/// Nobody has refused the request. It may have been done, now or at an earlier try, with its answer
/// lost; and it says nothing of this one object: the next would fare the same.
inline bool is_no_answer(const Error& error) {
  return error.code == Errc::kTimedOut || error.code == Errc::kUnavailable ||
         error.code == Errc::kThrottled || error.code == Errc::kCredential;
}

/// As whoever has it open is told: stale, not absent.
inline Error as_stale(Error error) {
  if (is_gone(error)) error.code = Errc::kStale;
  return error;
}

}  // namespace stsfs::fs
