#include "stsfs/oss/operation.h"

namespace stsfs::oss {

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::kList:
      return "ListObjectsV2";
    case Operation::kHead:
      return "HeadObject";
    case Operation::kBrief:
      return "GetObjectMeta";
    case Operation::kGet:
      return "GetObject";
    case Operation::kPut:
      return "PutObject";
    case Operation::kCopy:
      return "CopyObject";
    case Operation::kDelete:
      return "DeleteObject";
    case Operation::kDeleteMany:
      return "DeleteMultipleObjects";
    case Operation::kInitiate:
      return "InitiateMultipartUpload";
    case Operation::kUploadPart:
      return "UploadPart";
    case Operation::kCopyPart:
      return "UploadPartCopy";
    case Operation::kComplete:
      return "CompleteMultipartUpload";
    case Operation::kAbort:
      return "AbortMultipartUpload";
    case Operation::kListParts:
      return "ListParts";
    case Operation::kPutSymlink:
      return "PutSymlink";
    case Operation::kGetSymlink:
      return "GetSymlink";
    case Operation::kGetAcl:
      return "GetObjectAcl";
    case Operation::kGetTagging:
      return "GetObjectTagging";
    case Operation::kRestore:
      return "RestoreObject";
    case Operation::kRename:
      return "Rename";
  }
  return "?";
}

}  // namespace stsfs::oss
