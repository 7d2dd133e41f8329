// `user.oss.…`: what OSS knows of an object, as extended attributes. They are not listed, so that
// nobody copies them; some can be set.
//
// An object's ACL is told by no HEAD and carried by no copy. What we set, or found, stands in the
// metadata besides (`stsfs-acl`), so that every later copy and rewrite gives it anew.

#include "folder.h"
#include "naming/extended_attributes.h"
#include "stsfs/base/await.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/checks.h"

namespace stsfs::fs {
namespace {

const char* type_name(oss::ObjectType type) {
  switch (type) {
    case oss::ObjectType::kNormal:
      return "Normal";
    case oss::ObjectType::kMultipart:
      return "Multipart";
    case oss::ObjectType::kAppendable:
      return "Appendable";
    case oss::ObjectType::kSymlink:
      return "Symlink";
  }
  return "";
}

Result<std::string> unless_empty(std::string value, std::string_view name) {
  if (!value.empty()) return value;
  return fail(Errc::kNoAttribute, "OSS does not say user.oss." + std::string(name));
}

Result<std::string> told_by_head(const oss::ObjectMeta& meta, std::string_view name) {
  if (name == "etag") return unless_empty(meta.etag, name);
  if (name == "storage-class") return unless_empty(meta.storage_class, name);
  if (name == "object-type") return type_name(meta.type);
  if (name == "crc64") return unless_empty(meta.crc64 ? std::to_string(*meta.crc64) : "", name);
  if (name == "encryption") return unless_empty(meta.headers.encryption.method, name);
  if (name == "version-id") return unless_empty(meta.version_id, name);
  if (name == "restore") return unless_empty(meta.restore, name);
  return fail(Errc::kNoAttribute, "no attribute user.oss." + printable(name));
}

/// `3`, or with a tier `3 Bulk`.
Result<oss::RestoreRequest> restore_request(std::string_view text) {
  const auto words = split(trim(text), ' ');
  const auto days = parse_u64(words[0]);
  if (!days || *days > 365 || words.size() > 2)
    return fail(Errc::kInvalid, "user.oss.restore is set to days, or days and a tier: 3 Bulk");
  oss::RestoreRequest out{.days = static_cast<int>(*days)};
  if (words.size() == 2) out.tier = words[1];
  if (auto good = oss::check_restore(out); !good) return fail(std::move(good.error()));
  return out;
}

}  // namespace

Result<std::string> Folder::object_key(const InodePointer& inode) const {
  MutexLock lock(tree_.mutex);
  if (!inode->in_store || inode->number == InodeNumber::kRoot)
    return fail(Errc::kNoAttribute, "there is no object of it in OSS");
  return key_of(*inode);
}

Result<std::string> Folder::store_attribute(const Context& context, const InodePointer& inode,
                                            std::string_view name) {
  if (name == "last-error") {
    MutexLock lock(tree_.mutex);
    return unless_empty(inode->content ? inode->content->last_error() : "", name);
  }
  auto key = object_key(inode);
  if (!key) return fail(std::move(key.error()));
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  if (name == "acl")
    return await<std::string>(context.interrupt, [&](Callback<std::string> done) {
      return store_.start_get_acl(*key, context.deadline, std::move(done));
    });
  auto meta = objects_.head(context, *key);
  if (!meta) return fail(std::move(meta.error()));
  return told_by_head(*meta, name);
}

Result<void> Folder::set_store_attribute(const Context& context, const InodePointer& inode,
                                         std::string_view name, std::string_view value) {
  if (name == "storage-class") {
    if (auto good = oss::check_storage_class(value); !good) return good;
    return change_attributes(context, inode, [&](AttributeDraft& draft) -> Result<void> {
      if (!is_regular(draft.attributes.mode))
        return fail(Errc::kNotPermitted, "only a file has a storage class");
      draft.storage_class = value;
      return {};
    });
  }
  if (name == "acl") {
    if (auto good = oss::check_acl(value); !good) return good;
    return change_attributes(context, inode, [&](AttributeDraft& draft) -> Result<void> {
      if (!is_regular(draft.attributes.mode))
        return fail(Errc::kNotPermitted, "only a file has an ACL of its own");
      draft.user[kAclName] = value;
      return {};
    });
  }
  if (name != "restore")
    return fail(Errc::kNotPermitted, "user.oss." + printable(name) + " cannot be set");
  auto request = restore_request(value);
  if (!request) return fail(std::move(request.error()));
  auto key = object_key(inode);
  if (!key) return fail(std::move(key.error()));
  if (auto may = may_wait(context); !may) return may;
  auto asked = await<void>(context.interrupt, [&](Callback<void> done) {
    return store_.start_restore(*key, *request, context.deadline, std::move(done));
  });
  if (asked) log_info("fs", "{} will be readable for {} days", printable(*key), request->days);
  return asked;
}

/// The ACL that somebody gave the object, which a copy onto itself would lose. Where the credential
/// may not ask, nor could it set one: then that is asked only once.
Result<std::string> Folder::foreign_acl(const Context& context, const InodePointer& inode) {
  auto key = object_key(inode);
  if (!key || acls_hidden_) return "default";
  auto acl = await<std::string>(context.interrupt, [&](Callback<std::string> done) {
    return store_.start_get_acl(*key, context.deadline, std::move(done));
  });
  if (!acl && acl.error().code == Errc::kDenied) {
    acls_hidden_ = true;
    log_info("fs", "access control lists of objects cannot be read, and are not kept: {}",
             acl.error().message);
    return "default";
  }
  return acl;
}

}  // namespace stsfs::fs
