#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/transfer.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/staging_area.h"

namespace stsfs::staging {

struct UploadOptions {
  std::uint64_t put_size_max = std::uint64_t{16}
                               << 20;  ///< One PutObject up to here, a multipart upload above.
  std::uint64_t part_size_min = std::uint64_t{8} << 20;
  int parts_in_flight = 4;
  std::chrono::seconds progress_timeout{
      60};  ///< Without a finished request for so long it is given up.
};

/// Parts of one size that OSS takes for an object of `size` bytes: at most 9,000 of them.
std::uint64_t part_size_for(std::uint64_t size, const UploadOptions& options);

/// Puts the first `size` bytes of `file` as one object: a PutObject, or a multipart upload whose
/// parts go several at once. Nothing of it is visible before the last request; a failure aborts the
/// upload.
///
/// Errors: as ObjectStore says; kExists with `put.forbid_overwrite`; kTimedOut without progress.
/// Threads: `done` on the HTTP loop.
Transfer start_upload(oss::ObjectStore& store, const Clock& clock, std::string key,
                      std::shared_ptr<const StagedFile> file, std::uint64_t size,
                      oss::PutOptions put, const UploadOptions& options,
                      Callback<oss::Written> done);

/// Copies an object of any size on the server: CopyObject, or UploadPartCopy from 1 GiB on.
/// `copy.put.headers` must be complete when the metadata is replaced or the object is that large (a
/// multipart upload inherits nothing).
Transfer start_copy(oss::ObjectStore& store, const Clock& clock, std::string key,
                    oss::CopyOptions copy, std::uint64_t size, const UploadOptions& options,
                    Callback<oss::Written> done);

}  // namespace stsfs::staging
