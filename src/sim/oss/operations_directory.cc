// What only buckets with a hierarchical namespace can do; the rules are the bucket's
// (bucket_tree.cc).

#include "object_parts.h"
#include "stsfs/base/text.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

std::optional<Refusal> check_hierarchical(const Call& call) {
  if (call.bucket->options().hierarchical) return std::nullopt;
  return refuse(400, "OperationNotSupported", "The bucket has no hierarchical namespace.",
                "0016-00000702")
      .value();
}

std::string directory_key(std::string key) {
  if (!key.ends_with('/')) key += '/';
  return key;
}

}  // namespace

Verdict<Answer> rename_object(Call& call) {
  if (auto refusal = check_hierarchical(call)) return tl::unexpected(*refusal);
  if (auto refusal = check_key(call.key)) return tl::unexpected(*refusal);
  const std::string sent(call.header("x-oss-rename-source"));
  const auto source = percent_decode(sent);
  if (!source || source->empty())
    return invalid_argument("x-oss-rename-source", sent, "The rename source is not valid.");
  if (auto refusal = authorize(call, "oss:DeleteObject", *source)) return tl::unexpected(*refusal);
  if (auto done = call.bucket->rename(*source, call.key); !done)
    return tl::unexpected(std::move(done.error()));
  return Answer{};
}

Verdict<Answer> create_directory(Call& call) {
  if (auto refusal = check_hierarchical(call)) return tl::unexpected(*refusal);
  const std::string key = directory_key(call.key);
  if (auto refusal = check_key(key)) return tl::unexpected(*refusal);
  if (auto done = call.bucket->make_directory(key, call.now); !done)
    return tl::unexpected(std::move(done.error()));
  return Answer{};
}

Verdict<Answer> delete_directory(Call& call) {
  if (auto refusal = check_hierarchical(call)) return tl::unexpected(*refusal);
  constexpr std::size_t kAtOnce = 100;
  const std::string key = directory_key(call.key);
  const bool recursive = equals_ignoring_case(call.header("x-oss-delete-recursive"), "true");
  const auto removed = call.bucket->remove_directory(key, recursive, kAtOnce);
  if (!removed) return tl::unexpected(removed.error());
  XmlDocument out("DeleteDirectoryResult");
  out.root().add("DirectoryName", call.key);
  out.root().add("DeleteNumber", std::to_string(*removed));
  if (call.bucket->find(key)) out.root().add("NextDeleteToken", base64_encode(as_bytes(key)));
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

}  // namespace stsfs::sim
