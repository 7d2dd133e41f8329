// What only buckets with a hierarchical namespace can do. A directory is an entry whose key ends in
// `/`.

#include "object_parts.h"
#include "stsfs/base/text.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

tl::unexpected<Refusal> taken() {
  return refuse(409, "FileAlreadyExists",
                "The object you specified already exists and can not be overwritten.");
}

std::optional<Refusal> check_hierarchical(const Call& call) {
  if (call.bucket->options().hierarchical) return std::nullopt;
  return refuse(400, "OperationNotSupported", "The bucket has no hierarchical namespace.",
                "0016-00000702")
      .value();
}

std::string as_directory(std::string key) {
  if (!key.ends_with('/')) key += '/';
  return key;
}

bool exists(const Call& call, const std::string& key) { return call.bucket->find(key) != nullptr; }

Object new_directory(WallTime now) {
  Object object;
  object.directory = true;
  object.etag = "\"null\"";
  object.last_modified = now;
  object.headers.emplace_back("content-type", "application/x-directory");
  return object;
}

std::string parent_of(std::string key) {
  if (key.ends_with('/')) key.pop_back();
  const auto slash = key.rfind('/');
  return slash == std::string::npos ? "" : key.substr(0, slash + 1);
}

}  // namespace

std::optional<Refusal> make_parents(Call& call, const std::string& key) {
  if (key.find("//") != std::string::npos)
    return refuse(400, "InvalidObjectName", "The specified object is not valid.").value();
  for (auto slash = key.find('/'); slash != std::string::npos && slash + 1 < key.size();
       slash = key.find('/', slash + 1)) {
    if (exists(call, key.substr(0, slash))) return taken().value();
    const std::string directory = key.substr(0, slash + 1);
    if (!exists(call, directory)) call.bucket->put(directory, new_directory(call.now), true);
  }
  return std::nullopt;
}

Verdict<Answer> rename_object(Call& call) {
  if (auto refusal = check_hierarchical(call)) return tl::unexpected(*refusal);
  const auto source = percent_decode(call.header("x-oss-rename-source"));
  if (!source || source->empty())
    return invalid_argument("x-oss-rename-source", std::string(call.header("x-oss-rename-source")),
                            "The rename source is not valid.");
  if (auto refusal = authorize(call, "oss:DeleteObject", *source)) return tl::unexpected(*refusal);
  const bool directory = exists(call, as_directory(*source));
  if (!directory && !exists(call, *source)) return no_such_key(*source);
  if (exists(call, call.key) || exists(call, as_directory(call.key))) return taken();
  const std::string parent = parent_of(call.key);
  if (!parent.empty() && !exists(call, parent)) return no_such_key(parent);
  if (directory)
    call.bucket->move_tree(as_directory(*source), as_directory(call.key));
  else
    call.bucket->move_tree(*source, call.key);
  return Answer{};
}

Verdict<Answer> create_directory(Call& call) {
  if (auto refusal = check_hierarchical(call)) return tl::unexpected(*refusal);
  const std::string key = as_directory(call.key);
  if (auto refusal = check_key(key)) return tl::unexpected(*refusal);
  if (exists(call, key.substr(0, key.size() - 1))) return taken();
  if (auto refusal = make_parents(call, key)) return tl::unexpected(*refusal);
  call.bucket->put(key, new_directory(call.now), true);
  return Answer{};
}

Verdict<Answer> delete_directory(Call& call) {
  if (auto refusal = check_hierarchical(call)) return tl::unexpected(*refusal);
  constexpr std::size_t kAtOnce = 100;
  const std::string key = as_directory(call.key);
  if (!exists(call, key)) return no_such_key(call.key);
  const bool recursive = equals_ignoring_case(call.header("x-oss-delete-recursive"), "true");
  if (!recursive && call.bucket->has_below(key))
    return refuse(409, "FileAlreadyExists", "The directory is not empty.");
  // Deepest first, so that what is left is a tree at any moment.
  const Listing below = call.bucket->list({.prefix = key, .keys_max = kAtOnce + 1});
  std::size_t deleted = 0;
  for (auto at = below.objects.rbegin(); at != below.objects.rend() && deleted < kAtOnce; ++at) {
    if (below.truncated && at->first == key) continue;
    call.bucket->remove(at->first, "", call.now);
    ++deleted;
  }
  XmlDocument out("DeleteDirectoryResult");
  out.root().add("DirectoryName", call.key);
  out.root().add("DeleteNumber", std::to_string(deleted));
  if (exists(call, key)) out.root().add("NextDeleteToken", base64_encode(as_bytes(key)));
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

}  // namespace stsfs::sim
