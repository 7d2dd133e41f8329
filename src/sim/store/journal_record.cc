#include "journal_record.h"

#include <stdexcept>

namespace stsfs::sim {
namespace {

std::int64_t to_number(WallTime time) { return time.time_since_epoch().count(); }
WallTime to_time(const json& number) {
  return WallTime(std::chrono::nanoseconds(number.get<std::int64_t>()));
}

// Strings are bytes here: MessagePack, unlike JSON's text, keeps them as they are.
template <class Map>
json to_pairs(const Map& map) {
  json out = json::array();
  for (const auto& [name, value] : map) out.push_back(json::array({name, value}));
  return out;
}
std::vector<std::pair<std::string, std::string>> from_pairs(const json& pairs) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const json& pair : pairs) out.emplace_back(pair.at(0), pair.at(1));
  return out;
}

json to_record(const Content& content) {
  json segments = json::array();
  for (const Content::Segment& segment : content.segments()) {
    if (segment.blob->storage() == nullptr) {
      segments.push_back(
          json::array({segment.blob->bytes().substr(segment.offset, segment.length)}));
      continue;
    }
    const Place& place = segment.blob->place();
    segments.push_back(
        json::array({place.file, place.offset, place.length, segment.offset, segment.length}));
  }
  return {{"crc", content.crc64()}, {"in", std::move(segments)}};
}

std::optional<WallTime> optional_time(const json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end()) return std::nullopt;
  return to_time(*found);
}

}  // namespace

json to_record(const BucketOptions& options, WallTime created) {
  return {{"name", options.name},
          {"acl", options.acl},
          {"class", options.storage_class},
          {"versioning", static_cast<int>(options.versioning)},
          {"hierarchical", options.hierarchical},
          {"created", to_number(created)}};
}

json to_record(const Object& object) {
  json out{{"etag", object.etag},
           {"time", to_number(object.last_modified)},
           {"kind", static_cast<int>(object.kind)},
           {"class", object.storage_class},
           {"content", to_record(object.content)},
           {"has_crc", object.has_crc64},
           {"md5", object.content_md5},
           {"headers", to_pairs(object.headers)},
           {"user", to_pairs(object.user)},
           {"acl", object.acl},
           {"tags", to_pairs(object.tags)},
           {"target", object.symlink_target},
           {"sealed", object.sealed},
           {"directory", object.directory},
           {"deleted", object.delete_marker},
           {"version", object.version_id}};
  if (!object.encryption.empty()) out["encryption"] = to_pairs(object.encryption);
  if (object.restore.ready_at) out["restore"] = to_number(*object.restore.ready_at);
  if (object.restore.expires) out["restore_until"] = to_number(*object.restore.expires);
  return out;
}

json to_record(const Versions& versions) {
  json out = json::array();
  for (const ObjectPointer& object : versions) out.push_back(to_record(*object));
  return out;
}

json to_record(const UploadedPart& part) {
  return {{"etag", part.etag},
          {"content", to_record(part.content)},
          {"time", to_number(part.last_modified)}};
}

json to_record(const Upload& upload) {
  json parts = json::array();
  for (const auto& [number, part] : upload.parts)
    parts.push_back(json::array({number, to_record(part)}));
  return {{"key", upload.key},
          {"id", upload.id},
          {"time", to_number(upload.initiated)},
          {"object", to_record(upload.attributes)},
          {"forbid", upload.forbid_overwrite},
          {"parts", std::move(parts)}};
}

BucketOptions RecordReader::bucket(const json& record, WallTime& created) const {
  created = to_time(record.at("created"));
  return {record.at("name"), record.at("acl"), record.at("class"),
          static_cast<Versioning>(record.at("versioning").get<int>()), record.at("hierarchical")};
}

std::shared_ptr<const Blob> RecordReader::blob(const json& record) {
  const Place place{record.at(0), record.at(1), record.at(2)};
  if (!storage_->holds(place)) throw std::runtime_error("it names bytes that are not there");
  auto& known = blobs_[{place.file, place.offset}];
  auto blob = known.lock();
  if (!blob) known = blob = std::make_shared<Blob>(storage_, place, 0);
  return blob;
}

Content RecordReader::content(const json& record) {
  Content out;
  for (const json& segment : record.at("in")) {
    if (segment.size() == 1) {
      auto bytes = std::make_shared<Blob>(segment.at(0).get<std::string>());
      const std::uint64_t size = bytes->size();
      out.append(Content::Segment{std::move(bytes), 0, size});
      continue;
    }
    const std::uint64_t offset = segment.at(3);
    const std::uint64_t length = segment.at(4);
    auto bytes = blob(segment);
    if (offset > bytes->size() || length > bytes->size() - offset)
      throw std::runtime_error("it names bytes that are not there");
    out.append(Content::Segment{std::move(bytes), offset, length});
  }
  out.set_crc64(record.at("crc"));
  return out;
}

Object RecordReader::object(const json& record) {
  Object out;
  out.etag = record.at("etag");
  out.last_modified = to_time(record.at("time"));
  out.kind = static_cast<ObjectKind>(record.at("kind").get<int>());
  out.storage_class = record.at("class");
  out.content = content(record.at("content"));
  out.has_crc64 = record.at("has_crc");
  out.content_md5 = record.at("md5");
  out.headers = from_pairs(record.at("headers"));
  if (const auto found = record.find("encryption"); found != record.end())
    out.encryption = from_pairs(*found);
  for (auto& [name, value] : from_pairs(record.at("user"))) out.user.emplace(name, value);
  out.acl = record.at("acl");
  out.tags = from_pairs(record.at("tags"));
  out.symlink_target = record.at("target");
  out.sealed = record.at("sealed");
  out.directory = record.at("directory");
  out.delete_marker = record.at("deleted");
  out.version_id = record.at("version");
  out.restore = {optional_time(record, "restore"), optional_time(record, "restore_until")};
  return out;
}

Versions RecordReader::versions(const json& record) {
  Versions out;
  for (const json& one : record) out.push_back(std::make_shared<Object>(object(one)));
  return out;
}

UploadedPart RecordReader::part(const json& record) {
  return {record.at("etag"), content(record.at("content")), to_time(record.at("time"))};
}

Upload RecordReader::upload(const json& record) {
  Upload out;
  out.key = record.at("key");
  out.id = record.at("id");
  out.initiated = to_time(record.at("time"));
  out.attributes = object(record.at("object"));
  out.forbid_overwrite = record.at("forbid");
  for (const json& one : record.at("parts"))
    out.parts.emplace(one.at(0).get<int>(), part(one.at(1)));
  return out;
}

std::vector<Place> RecordReader::places() const {
  std::vector<Place> out;
  for (const auto& [where, blob] : blobs_)
    if (const auto held = blob.lock()) out.push_back(held->place());
  return out;
}

}  // namespace stsfs::sim
