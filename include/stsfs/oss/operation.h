#pragma once

#include <cstddef>

namespace stsfs::oss {

/// The calls of an ObjectStore, one to one: for counters, faults and messages.
enum class Operation {
  kList,
  kHead,
  kBrief,
  kGet,
  kPut,
  kCopy,
  kDelete,
  kDeleteMany,
  kInitiate,
  kUploadPart,
  kCopyPart,
  kComplete,
  kAbort,
  kListParts,
  kPutSymlink,
  kGetSymlink,
  kGetAcl,
  kGetTagging,
  kRestore,
  kRename,
};
inline constexpr std::size_t kOperationCount = 20;

/// As OSS calls it: "ListObjectsV2", "HeadObject", …
const char* name_of(Operation operation);

}  // namespace stsfs::oss
