#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/transfer.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Reads several ranges of one version of one object, many at once. `take` gets the bytes and their
/// offset in the object, each range in order, on the HTTP loop, one call at a time.
///
/// Errors: as ObjectStore::start_get; the first ends the rest.
Transfer fetch_ranges(oss::ObjectStore& store, const std::string& key, const std::string& etag,
                      std::vector<ByteRange> ranges, Deadline deadline,
                      std::function<Result<void>(std::span<const std::byte>, std::uint64_t)> take,
                      Callback<void> done);

}  // namespace stsfs::fs
