#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "links_ahead.h"
#include "naming/key_space.h"
#include "present.h"
#include "removals.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Where a file with several names (hard links) lies: `<prefix>.stsfs-links/<id>`, a plain object
/// with the file's bytes and attributes. Each of its names is an OSS Symlink object to it, so that
/// everybody reads the content under every name. Beside the content lies an empty object
/// `<id>.<token>` for each name, whose Symlink object carries the token: how many there are is the
/// link count.
///
/// A token is there before its name and goes with it or after it. Whatever is killed or meets
/// another client half-way leaves a token too many, never one too few: the content is deleted when
/// no token is left, and may be kept for nobody, but is never missing to somebody.
///
/// The area of a folder within this one (mounted with a longer prefix) is read, too.
///
/// Threads: every call on any thread; those that return a Result wait.
class LinkArea {
 public:
  static constexpr const char* kTokenName = "stsfs-link";  ///< In the user metadata of a name.
  static constexpr std::size_t kIdSize = 24;
  /// A Symlink object that a listing shows with less is no name of a file.
  static constexpr std::uint64_t kTargetSizeMin = KeySpace::kLinkAreaName.size() + 1 + kIdSize;

  LinkArea(oss::ObjectStore& store, const Clock& clock, Removals& removals,
           const std::string& prefix)
      : store_(store), clock_(clock), removals_(removals), prefix_(prefix), ahead_(store, clock) {}

  /// A key for the content of this inode, whose number the next mount finds in it.
  std::string new_content_key(InodeNumber inode) const;
  bool is_content_key(std::string_view key) const;
  static std::optional<InodeNumber> inode_in(std::string_view content_key);

  struct Name {
    std::string content_key;
    std::string token;
    std::string etag;  ///< Of the name's own object.

    std::string token_key() const { return content_key + "." + token; }
  };
  /// Whether a Symlink object is one of several names of a file.
  std::optional<Name> name_in(const oss::Symlink& link) const;
  /// The one at the key. Nothing when something else is there, or nothing at all.
  Result<std::optional<Name>> name_at(const std::string& key, Interrupt* interrupt,
                                      Deadline deadline);

  /// A further name, with a token that nobody else has. Nothing is made yet.
  static Name new_name(std::string content_key);
  /// Makes its token, which is there afterwards, or goes.
  Result<void> begin_name(const Name& name, Interrupt* interrupt, Deadline deadline);
  /// Puts the name at `key` over what is `present`; kExists when that is nothing, kChanged as
  /// PutOptions::replaces has it. Where the answer was lost it is looked for: on an error it is not
  /// there and its token goes, or OSS does not say, and it is looked for once more later
  /// (`settle_unsure`).
  Result<oss::Written> put_name(const Name& name, const std::string& key, const Present& present,
                                Interrupt* interrupt, Deadline deadline);
  /// A name that is not there for sure: its token goes.
  void take_back(const Name& name);
  /// Of names that may be there or not, those that are not lose their tokens.
  Result<void> settle_unsure(Interrupt* interrupt, Deadline deadline) STSFS_EXCLUDES(mutex_);
  /// Their directory gets another key, and they with it: they keep their tokens.
  void keep_unsure_below(std::string_view directory_key) STSFS_EXCLUDES(mutex_);
  /// A name without a token does not count, and its content would go without it: it gets it again.
  void restore_token(const Name& name, const std::string& key, Interrupt* interrupt,
                     Deadline deadline);

  struct Census {
    bool has_content = false;
    std::set<std::string> tokens;
  };
  /// What there is of a file, less what was removed here.
  Result<Census> count(const std::string& content_key, Interrupt* interrupt, Deadline deadline);

  /// What is asked ahead of who asks for file after file. Changes of tokens by this it notices;
  /// whoever changes a content, or removes a token, tells it.
  LinksAhead& ahead() { return ahead_; }

  /// For Removals: with the last token goes the content, which is looked for at the last moment.
  Transfer goes_along(const std::string& key, Deadline deadline, Callback<std::string> done);

 private:
  struct Unsure {
    Name name;
    std::string key;
    SteadyTime since{};
  };
  Result<oss::Written> put_token(const Name& name, Interrupt* interrupt, Deadline deadline);
  Result<std::optional<Name>> find_name(const Name& name, const std::string& key,
                                        Interrupt* interrupt, Deadline deadline);

  oss::ObjectStore& store_;
  const Clock& clock_;
  Removals& removals_;
  const std::string prefix_;
  LinksAhead ahead_;

  Mutex mutex_;  // a leaf
  std::vector<Unsure> unsure_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
