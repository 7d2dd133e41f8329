#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ahead/attribute_runs.h"
#include "ahead/opens_ahead.h"
#include "mount_state.h"
#include "naming/key_space.h"
#include "naming/posix_metadata.h"
#include "pending/link_area.h"
#include "stsfs/cache/attribute_store.h"
#include "tree/listings.h"

namespace stsfs::fs {

/// What OSS knows of a name, and the attributes that go with it. Knows no inodes: what its answers
/// do to the tree is with whoever asked.
///
/// In a directory that was listed a moment ago memory tells, also what is not there. Elsewhere a
/// name is asked for: HEAD `x` and LIST `x/` at once; and when more names of that directory follow,
/// its first page is asked for instead, which answers for all of them. What goes with a name beyond
/// what a listing tells (mode, owner, times, a link's target) is remembered under (key, ETag,
/// LastModified), and asked for once, many at a time.
///
/// Threads:  every call at once on any thread; those that take a Context wait, unless it says not
///           to. Only `known_meta` and `listed_type` never ask OSS.
/// Lifetime: what it is made of outlives it.
/// Errors:   as MountState::may_wait and the store have them.
class Objects {
 public:
  struct Sources {
    oss::ObjectStore& store;
    const Clock& clock;
    const KeySpace& keys;
    const MountState& state;
    Listings& listings;
    cache::AttributeStore& metas;
    LinkArea& links;
    OpensAhead& opens_ahead;
  };
  struct Options {
    AttributeDefaults defaults;
    bool symlink_objects = true;  ///< The bucket has some.
    WallTime implied_times;       ///< Of a directory that has no object.
  };
  Objects(const Sources& sources, const Options& options);

  /// Whether there is such a name, and what kind of thing has it.
  Result<NameAnswer> find_entry(const Context& context, const std::string& directory_path,
                                std::string_view name);

  struct Found {
    cache::KnownEntry entry;
    oss::ObjectMeta meta;  ///< Of the file, or of the directory's marker.
    std::string link_target;
    std::string content_key;       ///< Of a file with several names;
    std::set<std::string> tokens;  ///< and what counts them.
    Attributes attributes;
    SteadyTime asked;  ///< OSS said so then.
  };
  /// What is there, with its attributes. `name` has an entry.
  Result<Found> find_object(const Context& context, const std::string& object_path,
                            const NameAnswer& name);

  Result<oss::ObjectMeta> head(const Context& context, const std::string& key);
  /// Those that a copy in parts is to bring along: see carried_tags.h.
  Result<std::string> tags_to_carry(const Context& context, const std::string& key);
  /// Whether two objects are there that have the same bytes, as far as HEAD tells. Errors:
  /// kNotFound when it is `other` that is not there.
  Result<bool> have_equal_bytes(const Context& context, const std::string& one,
                                const std::string& other);
  /// What is remembered of an entry of a listing.
  std::optional<oss::ObjectMeta> known_meta(const Context& context, const std::string& key,
                                            const cache::KnownEntry& entry);
  /// The type bits of an entry of a listing; 0 when only a HEAD would tell.
  mode_t listed_type(const Context& context, const std::string& key,
                     const cache::KnownEntry& entry);

  /// A name whose attributes only a HEAD tells.
  struct Wanted {
    std::string name;
    std::string key;
    enum class What { kFile, kDirectory, kSymlink } what = What::kFile;
  };
  /// What has to be asked of an entry of a listing; nothing when it is known without.
  std::optional<Wanted> wanted(const Context& context, const std::string& directory_path,
                               const std::string& name, const cache::KnownEntry& entry);
  /// The same of up to `count` entries behind `name`, as far as the directory's listing is known.
  std::vector<Wanted> wanted_behind(const Context& context, const std::string& directory_path,
                                    const std::string& name, std::size_t count);
  /// As `wanted`, for an entry of a page that is too old to be believed. Nothing also in strict
  /// mode, where the kernel asks once more anyway.
  std::optional<Wanted> again(const std::string& directory_path, const std::string& name,
                              const cache::KnownEntry& entry);
  /// Asks for all at once, and remembers the answers, which are in the order of `all`.
  std::vector<Result<oss::ObjectMeta>> ask_all(const Context& context,
                                               const std::vector<Wanted>& all);
  /// What HEAD told of a symbolic link: it is of what that leads to.
  static bool is_followed_link(const oss::ObjectMeta& meta);

 private:
  Result<NameAnswer> find_listed(const Context& context, const std::string& directory_key,
                                 std::string_view name);
  Result<NameAnswer> ask_for(const Context& context, const std::string& whole);
  static cache::KnownEntry entry_of(const oss::ObjectMeta& meta);
  Result<void> find_directory(const Context& context, const std::string& directory_path,
                              Found& out);
  Result<void> find_file(const Context& context, const std::string& file_path,
                         const std::optional<oss::ObjectMeta>& told, Found& out);
  Result<std::optional<oss::ObjectMeta>> marker_of(const Context& context, const std::string& key,
                                                   Found& out);
  Result<oss::ObjectMeta> ask_with_neighbours(const Context& context, const std::string& path,
                                              const std::string& key, Wanted::What what);

  // --- object_links.cc ---
  Result<void> find_symlink(const Context& context, const std::string& link_path,
                            const std::string& key, const std::optional<oss::ObjectMeta>& told,
                            Found& out);
  Result<void> find_linked(const Context& context, const std::string& key,
                           const LinkArea::Name& name, Found& out);
  bool find_linked_ahead(const Context& context, const std::string& link_path,
                         const LinkArea::Name& name, Found& out);
  Result<void> read_link_target(const Context& context, const std::string& key, Found& out);
  Transfer start_symlink(const std::string& key, Deadline deadline, Callback<oss::ObjectMeta> done);

  Result<void> may_wait(const Context& context) const { return state_.may_wait(context); }

  oss::ObjectStore& store_;
  const Clock& clock_;
  const KeySpace& keys_;
  const MountState& state_;
  Listings& listings_;
  cache::DirectoryCache& directories_;
  cache::AttributeStore& metas_;
  LinkArea& links_;
  OpensAhead& opens_ahead_;
  const Options options_;
  AttributeRuns attribute_runs_;
  AttributeRuns link_runs_;
};

}  // namespace stsfs::fs
