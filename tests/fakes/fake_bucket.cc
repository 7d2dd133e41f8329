#include "fake_bucket.h"

#include <algorithm>

#include <fmt/format.h>

#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::fakes {
namespace {

constexpr std::string_view kContinueAfterPrefix = "p";
constexpr std::string_view kContinueAfterKey = "k";

/// The first text, in byte order, that does not begin with `prefix`; nullopt when there is none.
std::optional<std::string> after_all_with(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string token_for(std::string_view kind, const std::string& name) {
  return std::string(kind) + hex_lower(as_bytes(name));
}

tl::unexpected<Error> no_such_key(const std::string& key) {
  return fail(Errc::kNotFound, "404 NoSuchKey: " + printable(key));
}

oss::ListEntry entry_of(const std::string& key, const oss::ObjectMeta& meta) {
  oss::ListEntry entry;
  entry.key = key;
  entry.size_bytes = meta.size_bytes;
  entry.etag = meta.etag;
  entry.last_modified = meta.last_modified;
  entry.type = meta.type;
  entry.storage_class = meta.storage_class;
  entry.restore = meta.restore;
  return entry;
}

bool is_archive(const std::string& storage_class) {
  return storage_class == "Archive" || storage_class == "ColdArchive" ||
         storage_class == "DeepColdArchive";
}

}  // namespace

std::string etag_of(std::string_view content) {
  const std::uint64_t first = crc64(0, as_bytes(content));
  const std::uint64_t second = crc64(first ^ content.size(), as_bytes(content));
  return fmt::format("\"{:016X}{:016X}\"", first, second);
}

WallTime FakeObjectStore::Bucket::now_in_seconds() const {
  return std::chrono::floor<std::chrono::seconds>(clock_.wall());
}

// --- listing ---

Result<oss::ListPage> FakeObjectStore::Bucket::list(const oss::ListRequest& request) const {
  if (request.keys_max < 1 || request.keys_max > 1000)
    return fail(Errc::kInvalid, "max-keys must be 1 to 1,000");
  MutexLock lock(mutex_);
  auto next = objects_.lower_bound(request.prefix);
  if (!request.continuation_token.empty()) {
    const auto bytes = hex_decode(request.continuation_token.substr(1));
    if (!bytes) return fail(Errc::kInvalid, "400 InvalidArgument: the continuation token is bad");
    const std::string name(as_text(*bytes));
    const auto bound = after_all_with(name);
    if (!request.continuation_token.starts_with(kContinueAfterPrefix))
      next = objects_.upper_bound(name);
    else
      next = bound ? objects_.lower_bound(*bound) : objects_.end();
  } else if (request.start_after >= request.prefix) {
    next = objects_.upper_bound(request.start_after);
  }

  oss::ListPage page;
  page.server_time = now_in_seconds();
  std::string last_token;
  for (int count = 0; next != objects_.end() && next->first.starts_with(request.prefix); ++count) {
    if (count == std::min(request.keys_max, options_.page_max)) {
      page.next_token = last_token;
      return page;
    }
    const std::string& key = next->first;
    const std::size_t cut = request.delimiter.empty()
                                ? std::string::npos
                                : key.find(request.delimiter, request.prefix.size());
    if (cut == std::string::npos) {
      page.objects.push_back(entry_of(key, next->second.meta));
      last_token = token_for(kContinueAfterKey, key);
      ++next;
      continue;
    }
    const std::string common = key.substr(0, cut + request.delimiter.size());
    page.common_prefixes.push_back(common);
    last_token = token_for(kContinueAfterPrefix, common);
    const auto bound = after_all_with(common);
    next = bound ? objects_.lower_bound(*bound) : objects_.end();
  }
  return page;
}

// --- one object ---

Result<const FakeObjectStore::Bucket::Object*> FakeObjectStore::Bucket::at(
    const std::string& key) const {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return no_such_key(key);
  return &found->second;
}

Result<const FakeObjectStore::Bucket::Object*> FakeObjectStore::Bucket::followed(
    const Object& object) const {
  if (object.meta.type != oss::ObjectType::kSymlink) return &object;
  const auto target = objects_.find(*object.content);
  if (target == objects_.end())
    return fail(Errc::kNotFound, "404 SymlinkTargetNotExist: " + printable(*object.content));
  if (target->second.meta.type == oss::ObjectType::kSymlink)
    return fail(Errc::kLoop, "400 InvalidTargetType: a link to a link");
  return &target->second;
}

Result<FakeObjectStore::Bucket::Seen> FakeObjectStore::Bucket::look(const std::string& key) const {
  const auto object = at(key);
  if (!object) return fail(object.error());
  const auto target = followed(**object);
  if (!target) return fail(target.error());
  oss::ObjectMeta meta = (*object)->meta;
  meta.size_bytes = (*target)->meta.size_bytes;
  meta.etag = (*target)->meta.etag;
  meta.crc64 = (*target)->meta.crc64;
  meta.last_modified = std::max(meta.last_modified, (*target)->meta.last_modified);
  meta.server_time = now_in_seconds();
  return Seen{*target, std::move(meta)};
}

Result<oss::ObjectMeta> FakeObjectStore::Bucket::head(const std::string& key) const {
  MutexLock lock(mutex_);
  auto seen = look(key);
  if (!seen) return fail(std::move(seen.error()));
  return std::move(seen->meta);
}

Result<oss::ObjectBrief> FakeObjectStore::Bucket::brief(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto object = at(key);
  if (!object) return fail(object.error());
  const oss::ObjectMeta& meta = (*object)->meta;
  oss::ObjectBrief brief;
  brief.size_bytes = meta.size_bytes;
  brief.etag = meta.etag;
  brief.last_modified = meta.last_modified;
  if (options_.type_in_brief) brief.type = meta.type;
  brief.version_id = meta.version_id;
  brief.server_time = now_in_seconds();
  return brief;
}

Result<FakeObjectStore::Bucket::Version> FakeObjectStore::Bucket::read(
    const std::string& key, const std::string& etag) const {
  MutexLock lock(mutex_);
  auto seen = look(key);
  if (!seen) return fail(std::move(seen.error()));
  if (!etag.empty() && seen->meta.etag != etag)
    return fail(Errc::kChanged, "412 PreconditionFailed: " + printable(key));
  if (is_archive(seen->target->meta.storage_class) && !seen->target->restored)
    return fail(Errc::kArchived, "403 InvalidObjectState: " + printable(key));
  return Version{seen->target->content, std::move(seen->meta)};
}

Result<void> FakeObjectStore::Bucket::may_write(const std::string& key,
                                                bool forbid_overwrite) const {
  if (forbid_overwrite && !options_.versioning && objects_.contains(key))
    return fail(Errc::kExists, "409 FileAlreadyExists: " + printable(key));
  return {};
}

void FakeObjectStore::Bucket::tag(Object& object, const std::string& tagging) {
  object.tagging = tagging;
  object.meta.tagging_count =
      1 + static_cast<std::uint64_t>(std::count(tagging.begin(), tagging.end(), '&'));
}

FakeObjectStore::Bucket::Object FakeObjectStore::Bucket::object_of(Bytes content,
                                                                   const oss::PutOptions& options,
                                                                   oss::ObjectType type) {
  Object object;
  object.meta.size_bytes = content->size();
  object.meta.etag = etag_of(*content);
  object.meta.crc64 = crc64(0, as_bytes(*content));
  object.meta.type = type;
  object.meta.storage_class =
      options.storage_class.empty() ? options_.storage_class : options.storage_class;
  object.meta.headers = options.headers;
  if (object.meta.headers.content_type.empty())
    object.meta.headers.content_type = "application/octet-stream";
  if (!options.tagging.empty()) tag(object, options.tagging);
  object.acl = options.acl;
  object.content = std::move(content);
  return object;
}

oss::Written FakeObjectStore::Bucket::store(const std::string& key, Object object) {
  object.meta.last_modified = now_in_seconds();
  if (options_.versioning) object.meta.version_id = fmt::format("version-{}", ++last_number_);
  const oss::Written written{object.meta.etag, object.meta.crc64, object.meta.version_id,
                             now_in_seconds()};
  objects_.insert_or_assign(key, std::move(object));
  if (options_.hierarchical_namespace) add_parents(key);
  return written;
}

Result<oss::Written> FakeObjectStore::Bucket::put(const std::string& key, std::string content,
                                                  const oss::PutOptions& options) {
  Object object = object_of(std::make_shared<const std::string>(std::move(content)), options,
                            oss::ObjectType::kNormal);
  MutexLock lock(mutex_);
  if (auto may = may_write(key, options.forbid_overwrite); !may) return fail(may.error());
  return store(key, std::move(object));
}

Result<const FakeObjectStore::Bucket::Object*> FakeObjectStore::Bucket::source(
    const std::string& key, const std::string& etag) const {
  const auto object = at(key);
  if (!object) return object;
  if (!etag.empty() && (*object)->meta.etag != etag)
    return fail(Errc::kChanged, "412 PreconditionFailed: the source " + printable(key));
  if (is_archive((*object)->meta.storage_class) && !(*object)->restored)
    return fail(Errc::kArchived, "403 InvalidObjectState: " + printable(key));
  return object;
}

Result<oss::Written> FakeObjectStore::Bucket::copy(const std::string& key,
                                                   const oss::CopyOptions& options) {
  MutexLock lock(mutex_);
  const auto from = source(options.source_key, options.source_etag);
  if (!from) return fail(from.error());
  if ((*from)->meta.size_bytes >= oss::kCopySizeMax)
    return fail(Errc::kTooLarge, "400 EntityTooLarge: the source has 1 GiB or more");
  if (auto may = may_write(key, options.put.forbid_overwrite); !may) return fail(may.error());
  Object object = **from;
  if (!options.put.tagging.empty()) tag(object, options.put.tagging);
  // Onto itself the metadata of the request counts, whatever the directive says.
  if (options.replace_metadata || key == options.source_key)
    object.meta.headers = options.put.headers;
  object.meta.headers.encryption = options.put.headers.encryption;  // not inherited
  object.meta.storage_class =
      options.put.storage_class.empty() ? options_.storage_class : options.put.storage_class;
  object.restored = false;
  object.acl = options.put.acl;
  if (object.meta.type != oss::ObjectType::kSymlink)
    object.meta.type = key == options.source_key ? object.meta.type : oss::ObjectType::kNormal;
  if (!options_.copy_keeps_etag) object.meta.etag = fmt::format("\"COPY{:028X}\"", ++last_number_);
  oss::Written written = store(key, std::move(object));
  if (!options_.crc_of_copies) written.crc64.reset();
  return written;
}

Result<void> FakeObjectStore::Bucket::erase(const std::string& key) {
  MutexLock lock(mutex_);
  if (options_.hierarchical_namespace && key.ends_with('/') && any_below(key))
    return fail(Errc::kNotEmpty, "409 FileAlreadyExists: " + printable(key));
  objects_.erase(key);
  return {};
}

// --- a hierarchical namespace ---

void FakeObjectStore::Bucket::add_parents(const std::string& key) {
  for (auto slash = key.find('/'); slash != std::string::npos && slash + 1 < key.size();
       slash = key.find('/', slash + 1)) {
    Object directory =
        object_of(std::make_shared<const std::string>(), {}, oss::ObjectType::kNormal);
    directory.meta.last_modified = now_in_seconds();
    objects_.emplace(key.substr(0, slash + 1), std::move(directory));
  }
}

bool FakeObjectStore::Bucket::any_below(const std::string& prefix) const {
  const auto next = objects_.upper_bound(prefix);
  return next != objects_.end() && next->first.starts_with(prefix);
}

Result<void> FakeObjectStore::Bucket::rename(const std::string& from, const std::string& to) {
  if (!options_.hierarchical_namespace)
    return fail(Errc::kNotSupported, "no rename without a hierarchical namespace");
  const bool is_directory = from.ends_with('/');
  MutexLock lock(mutex_);
  if (!objects_.contains(from)) return no_such_key(from);
  const std::string bare = to.ends_with('/') ? to.substr(0, to.size() - 1) : to;
  if (objects_.contains(bare) || objects_.contains(bare + "/"))
    return fail(Errc::kExists, "409 FileAlreadyExists: " + printable(to));
  const std::string above = bare.substr(0, bare.rfind('/') + 1);
  if (!above.empty() && !objects_.contains(above)) return no_such_key(above);
  if (is_directory && to.starts_with(from))
    return fail(Errc::kInvalid, "400 InvalidArgument: a directory cannot go below itself");
  auto next = objects_.find(from);
  while (next != objects_.end() &&
         (next->first == from || (is_directory && next->first.starts_with(from)))) {
    auto node = objects_.extract(next++);
    node.key() = to + node.key().substr(from.size());
    objects_.insert(std::move(node));
  }
  return {};
}

// --- multipart ---

Result<FakeObjectStore::Bucket::Upload*> FakeObjectStore::Bucket::upload(
    const std::string& key, const std::string& upload_id) {
  const auto found = uploads_.find(upload_id);
  if (found == uploads_.end() || found->second.key != key)
    return fail(Errc::kNotFound, "404 NoSuchUpload: " + printable(upload_id));
  return &found->second;
}

Result<std::string> FakeObjectStore::Bucket::initiate(const std::string& key,
                                                      const oss::PutOptions& options) {
  MutexLock lock(mutex_);
  if (auto may = may_write(key, options.forbid_overwrite); !may) return fail(may.error());
  std::string id = fmt::format("UPLOAD{:026X}", ++last_number_);
  uploads_[id] = Upload{key, options, {}};
  return id;
}

Result<oss::Part> FakeObjectStore::Bucket::upload_part(const std::string& key,
                                                       const std::string& upload_id, int number,
                                                       std::string content) {
  MutexLock lock(mutex_);
  const auto found = upload(key, upload_id);
  if (!found) return fail(found.error());
  const oss::Part part{number, etag_of(content), content.size(), crc64(0, as_bytes(content))};
  (*found)->parts.insert_or_assign(number, StoredPart{std::move(content), part});
  return part;
}

Result<oss::Part> FakeObjectStore::Bucket::copy_part(const std::string& key,
                                                     const std::string& upload_id, int number,
                                                     const std::string& source_key,
                                                     const std::string& source_etag,
                                                     ByteRange range) {
  MutexLock lock(mutex_);
  const auto found = upload(key, upload_id);
  if (!found) return fail(found.error());
  const auto from = source(source_key, source_etag);
  if (!from) return fail(from.error());
  if (range.end() > (*from)->content->size())
    return fail(Errc::kRange, "416 InvalidRange: the source is shorter");
  std::string content = (*from)->content->substr(range.offset, range.length);
  oss::Part part{number, etag_of(content), content.size(), crc64(0, as_bytes(content))};
  (*found)->parts.insert_or_assign(number, StoredPart{std::move(content), part});
  part.crc64.reset();  // UploadPartCopy does not tell
  return part;
}

Result<oss::Written> FakeObjectStore::Bucket::complete(const std::string& key,
                                                       const std::string& upload_id,
                                                       const std::vector<oss::Part>& parts,
                                                       const oss::PutOptions& options) {
  MutexLock lock(mutex_);
  const auto found = upload(key, upload_id);
  if (!found) return fail(found.error());
  Upload& from = **found;
  const bool forbid = options.forbid_overwrite || from.options.forbid_overwrite;
  if (auto may = may_write(key, forbid); !may) return fail(may.error());
  std::string content;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto stored = from.parts.find(parts[i].number);
    if (stored == from.parts.end() || stored->second.part.etag != parts[i].etag)
      return fail(Errc::kIo, fmt::format("400 InvalidPart: part {}", parts[i].number));
    if (i + 1 < parts.size() && stored->second.content.size() < oss::kPartSizeMin)
      return fail(Errc::kIo, fmt::format("400 EntityTooSmall: part {}", parts[i].number));
    content += stored->second.content;
  }
  Object object = object_of(std::make_shared<const std::string>(std::move(content)), from.options,
                            oss::ObjectType::kMultipart);
  object.meta.etag.insert(object.meta.etag.size() - 1, fmt::format("-{}", parts.size()));
  uploads_.erase(upload_id);
  return store(key, std::move(object));
}

Result<void> FakeObjectStore::Bucket::abort(const std::string& key, const std::string& upload_id) {
  MutexLock lock(mutex_);
  if (upload(key, upload_id)) uploads_.erase(upload_id);
  return {};
}

Result<std::vector<oss::Part>> FakeObjectStore::Bucket::list_parts(
    const std::string& key, const std::string& upload_id) const {
  MutexLock lock(mutex_);
  const auto found = uploads_.find(upload_id);
  if (found == uploads_.end() || found->second.key != key)
    return fail(Errc::kNotFound, "404 NoSuchUpload: " + printable(upload_id));
  std::vector<oss::Part> parts;
  for (const auto& [number, stored] : found->second.parts) parts.push_back(stored.part);
  return parts;
}

// --- links ---

Result<oss::Written> FakeObjectStore::Bucket::put_symlink(const std::string& key,
                                                          const std::string& target,
                                                          const oss::PutOptions& options) {
  Object object =
      object_of(std::make_shared<const std::string>(target), options, oss::ObjectType::kSymlink);
  // A listing shows how long the stored target is; it is stored encoded.
  object.meta.size_bytes = percent_encode(target).size();
  object.meta.crc64.reset();
  object.meta.headers.encryption = {};  // PutSymlink takes none
  MutexLock lock(mutex_);
  if (auto may = may_write(key, options.forbid_overwrite); !may) return fail(may.error());
  return store(key, std::move(object));
}

Result<oss::Symlink> FakeObjectStore::Bucket::symlink(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto object = at(key);
  if (!object) return fail(object.error());
  const oss::ObjectMeta& meta = (*object)->meta;
  if (meta.type != oss::ObjectType::kSymlink)
    return fail(Errc::kInvalid, "400 NotSymlink: " + printable(key));
  return oss::Symlink{*(*object)->content, meta.etag, meta.last_modified, meta.headers.user,
                      now_in_seconds()};
}

// --- for tests ---

std::optional<FakeObjectStore::Bucket::Object> FakeObjectStore::Bucket::find(
    const std::string& key) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> FakeObjectStore::Bucket::keys() const {
  MutexLock lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [key, object] : objects_) out.push_back(key);
  return out;
}

std::size_t FakeObjectStore::Bucket::open_uploads() const {
  MutexLock lock(mutex_);
  return uploads_.size();
}

void FakeObjectStore::Bucket::restore(const std::string& key) {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return;
  found->second.restored = true;
  found->second.meta.restore = "ongoing-request=\"false\"";
}

Result<void> FakeObjectStore::Bucket::amend(const std::string& key,
                                            const std::function<Result<void>(Object&)>& change) {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return fail(Errc::kNotFound, "no such object: " + key);
  return change(found->second);
}

}  // namespace stsfs::fakes
