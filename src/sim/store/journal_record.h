#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "object.h"
#include "storage.h"

/// The values of the journal's records. Contents of small blobs stand in them as they are, the rest
/// as places.
namespace stsfs::sim {

using nlohmann::json;

json to_record(const BucketOptions& options, WallTime created);
json to_record(const Object& object);
json to_record(const Versions& versions);
json to_record(const UploadedPart& part);
/// With its parts.
json to_record(const Upload& upload);

/// Makes objects of records again. Contents that shared a place share it again.
///
/// Errors: nlohmann's exceptions, when a record is not one of the above; the journal catches them.
class RecordReader {
 public:
  explicit RecordReader(std::shared_ptr<Storage> storage) : storage_(std::move(storage)) {}

  BucketOptions bucket(const json& record, WallTime& created) const;
  Object object(const json& record);
  Versions versions(const json& record);
  UploadedPart part(const json& record);
  Upload upload(const json& record);

  /// The places of all that was read and is still held.
  std::vector<Place> places() const;

 private:
  Content content(const json& record);
  std::shared_ptr<const Blob> blob(const json& record);

  const std::shared_ptr<Storage> storage_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::weak_ptr<const Blob>> blobs_;
};

}  // namespace stsfs::sim
