#include "stsfs/base/result.h"

#include <cerrno>

#include <system_error>

namespace stsfs {

const char* name_of(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return "NotFound";
    case Errc::kExists:
      return "Exists";
    case Errc::kDenied:
      return "Denied";
    case Errc::kCredential:
      return "Credential";
    case Errc::kChanged:
      return "Changed";
    case Errc::kThrottled:
      return "Throttled";
    case Errc::kUnavailable:
      return "Unavailable";
    case Errc::kTimedOut:
      return "TimedOut";
    case Errc::kInterrupted:
      return "Interrupted";
    case Errc::kWouldWait:
      return "WouldWait";
    case Errc::kInvalid:
      return "Invalid";
    case Errc::kNameTooLong:
      return "NameTooLong";
    case Errc::kTooLarge:
      return "TooLarge";
    case Errc::kNoSpace:
      return "NoSpace";
    case Errc::kMetadataFull:
      return "MetadataFull";
    case Errc::kNoAttribute:
      return "NoAttribute";
    case Errc::kNotSupported:
      return "NotSupported";
    case Errc::kNotPermitted:
      return "NotPermitted";
    case Errc::kNotDirectory:
      return "NotDirectory";
    case Errc::kIsDirectory:
      return "IsDirectory";
    case Errc::kNotEmpty:
      return "NotEmpty";
    case Errc::kLoop:
      return "Loop";
    case Errc::kCrossDevice:
      return "CrossDevice";
    case Errc::kBusy:
      return "Busy";
    case Errc::kReadOnly:
      return "ReadOnly";
    case Errc::kStale:
      return "Stale";
    case Errc::kArchived:
      return "Archived";
    case Errc::kBadHandle:
      return "BadHandle";
    case Errc::kRange:
      return "Range";
    case Errc::kCorrupt:
      return "Corrupt";
    case Errc::kBucketGone:
      return "BucketGone";
    case Errc::kClockSkew:
      return "ClockSkew";
    case Errc::kProtocol:
      return "Protocol";
    case Errc::kIo:
      return "Io";
  }
  return "Io";
}

tl::unexpected<Error> fail_errno(const std::string& doing) {
  const int number = errno;
  Errc code = Errc::kIo;
  if (number == ENOSPC || number == EDQUOT) code = Errc::kNoSpace;
  if (number == ENOENT) code = Errc::kNotFound;
  if (number == EEXIST) code = Errc::kExists;
  if (number == EACCES || number == EPERM) code = Errc::kDenied;
  return fail(code, doing + ": " + std::generic_category().message(number));
}

}  // namespace stsfs
