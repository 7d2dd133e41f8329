#include <algorithm>
#include <array>

#include "object_parts.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kObjectTagsMax = 10;
constexpr std::array<std::string_view, 3> kRestoreTiers{"Expedited", "Standard", "Bulk"};

/// How long each kind of restore takes here: long enough to be seen, short enough to wait for.
constexpr std::chrono::seconds kRestoreTime{1};

Verdict<Answer> amend(Call& call, const std::function<void(Object&)>& change, int status = 200) {
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  auto amended = call.bucket->amend(call.key, call.query("versionId"), change);
  if (!amended) return tl::unexpected(std::move(amended.error()));
  if (!*amended) return no_such_key(call.key);  // gone since
  Answer answer;
  answer.status = status;
  if (call.bucket->options().versioning != Versioning::kOff)
    answer.headers.emplace_back("x-oss-version-id", (*found)->version_id);
  return answer;
}

}  // namespace

Verdict<Answer> put_symlink(Call& call) {
  if (call.bucket->options().hierarchical)
    return refuse(400, "OperationNotSupported",
                  "Symbolic links are not supported with a hierarchical namespace.",
                  "0016-00000702");
  const std::string sent(call.header("x-oss-symlink-target"));
  const auto target = percent_decode(sent);
  if (!target || target->empty() || target->size() > 1023)
    return invalid_argument("x-oss-symlink-target", sent, "The symlink target is not valid.",
                            sent.empty() ? "0043-00000001" : "");
  auto object = attributes_of(call);
  if (!object) return tl::unexpected(std::move(object.error()));
  object->kind = ObjectKind::kSymlink;
  object->symlink_target = sent;
  object->has_crc64 = false;
  object->etag = etag_of_md5(base64_encode(sign::md5(*target)));
  auto stored = store(call, call.key, *object, wants_forbid_overwrite(call));
  if (!stored) return tl::unexpected(std::move(stored.error()));
  Answer answer;
  answer.headers = {{"ETag", stored->object->etag}};
  add_stored(answer.headers, *stored);
  return answer;
}

Verdict<Answer> get_symlink(Call& call) {
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  const Object& object = **found;
  if (object.kind != ObjectKind::kSymlink)
    return refuse(400, "NotSymlink", "The object is not a symlink object.", "0043-00000101");
  Answer answer;
  std::string target = object.symlink_target;
  if (call.switches.symlink_target_encoded)
    target = percent_encode(percent_decode(target).value_or(target));
  answer.headers = {{"x-oss-symlink-target", target},
                    {"ETag", object.etag},
                    {"Last-Modified", format_http_date(object.last_modified)},
                    {"x-oss-object-type", "Symlink"}};
  for (const auto& [name, value] : object.user)
    answer.headers.emplace_back("x-oss-meta-" + name, value);
  return answer;
}

Verdict<Answer> put_object_acl(Call& call) {
  constexpr std::array<std::string_view, 4> kAcls{"default", "private", "public-read",
                                                  "public-read-write"};
  const std::string acl(call.header("x-oss-object-acl"));
  if (std::find(kAcls.begin(), kAcls.end(), acl) == kAcls.end())
    return invalid_argument("x-oss-object-acl", acl, "no such object access control exists");
  return amend(call, [&](Object& object) { object.acl = acl; });
}

Verdict<Answer> get_object_acl(Call& call) {
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  XmlDocument out("AccessControlPolicy");
  XmlElement owner = out.root().add("Owner");
  owner.add("ID", call.cloud.owner());
  owner.add("DisplayName", call.cloud.owner());
  out.root().add("AccessControlList").add("Grant", (*found)->acl);
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

Verdict<Answer> put_object_tagging(Call& call) {
  XmlDocument body;
  const bool well_formed = body.parse(call.text, "Tagging");
  Tags tags;
  if (well_formed)
    for (const XmlElement& set : body.root().children("TagSet"))
      for (const XmlElement& tag : set.children("Tag"))
        tags.emplace_back(tag.text("Key"), tag.text("Value"));
  if (auto refusal = authorize(call, "oss:PutObjectTagging", *call.bucket, call.key, tags))
    return tl::unexpected(std::move(*refusal));
  if (!well_formed) return malformed_xml();
  const bool long_name =
      std::any_of(tags.begin(), tags.end(), [](const auto& tag) { return tag.first.size() > 128; });
  const bool good =
      tags.size() <= kObjectTagsMax && std::all_of(tags.begin(), tags.end(), [](const auto& tag) {
        return !tag.first.empty() && tag.second.size() <= 256;
      });
  if (long_name || !good)
    return refuse(400, "InvalidTag", "The tag is not valid.",
                  long_name ? "0010-00000209" : "0010-00000217");
  return amend(call, [&](Object& object) { object.tags = tags; });
}

Verdict<Answer> get_object_tagging(Call& call) {
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  XmlDocument out("Tagging");
  XmlElement set = out.root().add("TagSet");
  for (const auto& [name, value] : (*found)->tags) {
    XmlElement tag = set.add("Tag");
    tag.add("Key", name);
    tag.add("Value", value);
  }
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

Verdict<Answer> delete_object_tagging(Call& call) {
  return amend(
      call, [](Object& object) { object.tags.clear(); }, 204);
}

Verdict<Answer> restore_object(Call& call) {
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  const Object& object = **found;
  if (object.storage_class.find("Archive") == std::string::npos)
    return refuse(400, "OperationNotSupported", "The operation is not supported for this resource",
                  "0016-00000702");
  if (object.restore.ready_at && *object.restore.ready_at > call.now)
    return refuse(409, "RestoreAlreadyInProgress", "The restore operation is in progress.",
                  "0016-00000701");
  std::uint64_t days = 1;
  XmlDocument body;
  if (!call.text.empty()) {
    if (!body.parse(call.text, "RestoreRequest")) return malformed_xml();
    if (const std::string text = body.root().text("Days"); !text.empty())
      days = parse_u64(text).value_or(0);
    if (days < 1 || days > 365)
      return refuse(400, "MalformedXML", "Days must be between 1 and 365.");
    for (const XmlElement& parameters : body.root().children("JobParameters"))
      if (const std::string tier = parameters.text("Tier");
          std::find(kRestoreTiers.begin(), kRestoreTiers.end(), tier) == kRestoreTiers.end())
        return refuse(400, "MalformedXML", "Tier must be Expedited, Standard or Bulk.");
  }
  const bool again = !check_readable(call, object);  // it is restored: the time is prolonged
  const WallTime ready = again ? *object.restore.ready_at : call.now + kRestoreTime;
  return amend(
      call,
      [&](Object& changed) {
        changed.restore = {ready, call.now + std::chrono::hours(24 * days)};
      },
      again ? 200 : 202);
}

}  // namespace stsfs::sim
