// Directories of a bucket with a hierarchical namespace. One is an entry whose key ends in `/`; all
// above an entry are there, and no name is a file and a directory at once.

#include "bucket.h"
#include "identity/refusals.h"

namespace stsfs::sim {
namespace {

std::string as_directory(std::string key) {
  if (!key.ends_with('/')) key += '/';
  return key;
}

std::string as_file(std::string key) {
  if (key.ends_with('/')) key.pop_back();
  return key;
}

std::string parent_of(const std::string& key) {
  const auto slash = as_file(key).rfind('/');
  return slash == std::string::npos ? "" : key.substr(0, slash + 1);
}

Versions new_directory(WallTime now) {
  auto object = std::make_shared<Object>();
  become_directory(*object);
  object->etag = "\"null\"";
  object->last_modified = now;
  return {object};
}

}  // namespace

void become_directory(Object& object) {
  object.directory = true;
  std::erase_if(object.headers, [](const auto& header) { return header.first == "content-type"; });
  object.headers.emplace_back("content-type", "application/x-directory");
}

bool Bucket::has_below(const std::string& prefix) const {
  const auto at = objects_.upper_bound(prefix);
  return at != objects_.end() && at->first.starts_with(prefix);
}

Verdict<void> Bucket::add_parents(const std::string& key, WallTime now, Changes& changes) {
  if (key.find("//") != std::string::npos)
    return refuse(400, "InvalidObjectName", "The specified object is not valid.");
  // The same name as the other kind of entry.
  if (current(key.ends_with('/') ? as_file(key) : as_directory(key))) return already_exists();
  for (auto slash = key.find('/'); slash != std::string::npos && slash + 1 < key.size();
       slash = key.find('/', slash + 1)) {
    if (current(key.substr(0, slash))) return already_exists();
    const std::string directory = key.substr(0, slash + 1);
    if (!current(directory)) changes.keys.emplace_back(directory, new_directory(now));
  }
  return {};
}

Verdict<void> Bucket::make_directory(const std::string& key, WallTime now) {
  MutexLock lock(mutex_);
  Changes changes;
  if (auto added = add_parents(key, now, changes); !added) return added;
  if (!current(key)) changes.keys.emplace_back(key, new_directory(now));
  return commit(std::move(changes));
}

Verdict<void> Bucket::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  const bool is_directory = current(as_directory(from)) != nullptr;
  if (!is_directory && !current(from)) return no_such_key(from);
  const std::string source = is_directory ? as_directory(from) : from;
  const std::string target = is_directory ? as_directory(to) : to;
  if (current(as_file(to)) || current(as_directory(to))) return already_exists();
  if (const std::string parent = parent_of(to); !parent.empty() && !current(parent))
    return no_such_key(parent);
  if (is_directory && target.starts_with(source))
    return invalid_argument("x-oss-rename-source", from, "A directory cannot go below itself.");
  Changes changes;
  for (auto at = objects_.find(source);
       at != objects_.end() &&
       (at->first == source || (is_directory && at->first.starts_with(source)));
       ++at) {
    changes.keys.emplace_back(target + at->first.substr(source.size()), at->second);
    changes.keys.emplace_back(at->first, Versions{});
  }
  return commit(std::move(changes));
}

Verdict<std::size_t> Bucket::remove_directory(const std::string& key, bool recursive,
                                              std::size_t entries_max) {
  MutexLock lock(mutex_);
  if (!current(key)) return no_such_key(key);
  if (!recursive && has_below(key))
    return refuse(409, "FileAlreadyExists", "The directory is not empty.");
  // From the end: what is below a directory stands behind it, so that what is left is a tree.
  std::string behind = key;
  behind.back() = '/' + 1;
  auto at = objects_.lower_bound(behind);
  Changes changes;
  while (changes.keys.size() < entries_max && at != objects_.begin()) {
    --at;
    if (!at->first.starts_with(key)) break;
    changes.keys.emplace_back(at->first, Versions{});
  }
  const std::size_t removed = changes.keys.size();
  if (auto done = commit(std::move(changes)); !done) return tl::unexpected(std::move(done.error()));
  return removed;
}

}  // namespace stsfs::sim
