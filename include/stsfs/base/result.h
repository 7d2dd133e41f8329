#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace stsfs {

/// What went wrong, in the terms of a filesystem over an object store. `fuse` turns it into an
/// errno (one `switch`, no `default`), the command lines into an exit code; nobody else knows
/// either.
enum class Errc {
  kNotFound,      ///< No such object, file, upload or version.
  kExists,        ///< The name is taken: forbid-overwrite, exclusive create, a directory over HNS.
  kDenied,        ///< The credential is good, but may not do this.
  kCredential,    ///< There is no usable credential, or OSS refused the one we signed with.
  kChanged,       ///< The object is no longer the version that the caller named.
  kThrottled,     ///< The server asks for fewer requests. Transient.
  kUnavailable,   ///< The network or the server failed before an answer came. Transient.
  kTimedOut,      ///< The deadline is spent.
  kInterrupted,   ///< The caller gave up: a signal, an unmount, a dropped transfer.
  kWouldWait,     ///< Only with `Wait::kNever`: the answer needs the network or the disk.
  kInvalid,       ///< An argument that can never be right.
  kNameTooLong,   ///< A component over 255 bytes or a key over 1,023.
  kTooLarge,      ///< Over a limit of OSS or of the file format.
  kNoSpace,       ///< The local staging area, or the quota of the folder, is full.
  kMetadataFull,  ///< More than 8 KB of user metadata on one object.
  kNoAttribute,   ///< No such extended attribute.
  kNotSupported,  ///< This bucket, server or build cannot do it.
  kNotPermitted,  ///< POSIX forbids it to this caller: sticky directories, immutable objects.
  kNotDirectory,  ///< A component is not a directory.
  kIsDirectory,   ///< A directory where a file is needed.
  kNotEmpty,      ///< The directory has entries.
  kLoop,          ///< Too many symbolic links, or a link to a link on the server.
  kCrossDevice,   ///< The two names are not in one folder.
  kBusy,          ///< In use, or being restored from an archive.
  kReadOnly,      ///< The mount or the permissions of the folder are read-only.
  kStale,         ///< What the handle was opened on is gone.
  kArchived,      ///< The object must be restored from its archive class first.
  kBadHandle,     ///< The handle was not opened for this.
  kRange,         ///< The requested range lies behind the end of the object.
  kCorrupt,       ///< A checksum or a length does not agree with what the server said.
  kBucketGone,    ///< The bucket does not exist or may not be used at all. Not "an empty folder".
  kClockSkew,     ///< Our clock and the server's are too far apart.
  kProtocol,      ///< The answer makes no sense: not ours, not XML, missing what must be there.
  kIo,            ///< Anything else.
};

/// The name of `code` without its `k`, for logs and for `status --json`.
const char* name_of(Errc code);

/// A failure as a value.
struct Error {
  Errc code = Errc::kIo;
  /// For the log and for the person: what was tried, on what, OSS's code and request id, the
  /// remedy. Never a secret.
  std::string message;
  /// How long the server asked us to wait before we try again; zero when it said nothing.
  std::chrono::milliseconds retry_after{0};
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Errc code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), {}});
}

/// Passes a failure on with what was being done put in front of it.
inline tl::unexpected<Error> fail(Error cause, const std::string& doing) {
  cause.message = doing + ": " + cause.message;
  return tl::unexpected<Error>(std::move(cause));
}

inline tl::unexpected<Error> fail(Error cause) { return tl::unexpected<Error>(std::move(cause)); }

/// The failure of a system call: "doing: strerror(errno)". ENOSPC is kNoSpace, ENOENT kNotFound,
/// EEXIST kExists, EACCES and EPERM kDenied; the rest is kIo.
tl::unexpected<Error> fail_errno(const std::string& doing);

}  // namespace stsfs
