#include "errno_table.h"

#include <cerrno>

namespace stsfs::fuse {

// EBUSY and EAGAIN are kept away from what is merely transient: programs take them for states of
// the file and break. No default, so that a new Errc does not compile until it stands here.
int errno_of(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return ENOENT;
    case Errc::kExists:
      return EEXIST;
    case Errc::kDenied:
    case Errc::kCredential:
    case Errc::kArchived:
      return EACCES;
    case Errc::kChanged:
    case Errc::kStale:
      return ESTALE;
    case Errc::kTimedOut:
      return ETIMEDOUT;
    case Errc::kInterrupted:
      return EINTR;
    case Errc::kInvalid:
    case Errc::kRange:
      return EINVAL;
    case Errc::kNameTooLong:
      return ENAMETOOLONG;
    case Errc::kTooLarge:
      return EFBIG;
    case Errc::kNoSpace:
    case Errc::kMetadataFull:
      return ENOSPC;
    case Errc::kNoAttribute:
      return ENODATA;
    case Errc::kNotSupported:
      return EOPNOTSUPP;
    case Errc::kNotPermitted:
      return EPERM;
    case Errc::kNotDirectory:
      return ENOTDIR;
    case Errc::kIsDirectory:
      return EISDIR;
    case Errc::kNotEmpty:
      return ENOTEMPTY;
    case Errc::kLoop:
      return ELOOP;
    case Errc::kCrossDevice:
      return EXDEV;
    case Errc::kBusy:
      return EBUSY;
    case Errc::kReadOnly:
      return EROFS;
    case Errc::kBadHandle:
      return EBADF;
    case Errc::kThrottled:
    case Errc::kUnavailable:
    case Errc::kCorrupt:
    case Errc::kBucketGone:
    case Errc::kClockSkew:
    case Errc::kProtocol:
    case Errc::kIo:
    case Errc::kWouldWait:  // never leaves: whoever answers tries again where waiting is allowed
      return EIO;
  }
  return EIO;
}

bool is_everyday(Errc code) {
  switch (code) {
    case Errc::kNotFound:
    case Errc::kExists:
    case Errc::kInterrupted:
    case Errc::kInvalid:
    case Errc::kRange:
    case Errc::kNameTooLong:
    case Errc::kNoAttribute:
    case Errc::kNotSupported:
    case Errc::kNotPermitted:
    case Errc::kNotDirectory:
    case Errc::kIsDirectory:
    case Errc::kNotEmpty:
    case Errc::kLoop:
    case Errc::kCrossDevice:
    case Errc::kReadOnly:
    case Errc::kBadHandle:
      return true;
    case Errc::kDenied:
    case Errc::kCredential:
    case Errc::kArchived:
    case Errc::kChanged:
    case Errc::kStale:
    case Errc::kTimedOut:
    case Errc::kTooLarge:
    case Errc::kNoSpace:
    case Errc::kMetadataFull:
    case Errc::kBusy:
    case Errc::kThrottled:
    case Errc::kUnavailable:
    case Errc::kCorrupt:
    case Errc::kBucketGone:
    case Errc::kClockSkew:
    case Errc::kProtocol:
    case Errc::kIo:
    case Errc::kWouldWait:
      return false;
  }
  return false;
}

}  // namespace stsfs::fuse
