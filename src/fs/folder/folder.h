#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ahead/open_runs.h"
#include "ahead/opens_ahead.h"
#include "content/file_content.h"
#include "content/holds.h"
#include "content/successors.h"
#include "link_gate.h"
#include "mount_state.h"
#include "naming/attribute_draft.h"
#include "naming/key_space.h"
#include "naming/posix_metadata.h"
#include "objects.h"
#include "pending/exchanges.h"
#include "pending/fresh_links.h"
#include "pending/link_area.h"
#include "pending/moved_links.h"
#include "pending/name_gate.h"
#include "pending/names_overlay.h"
#include "pending/removals.h"
#include "pending/tree_moves.h"
#include "present.h"
#include "reading/idle_trim.h"
#include "recovery/aside_files.h"
#include "recovery/recovery.h"
#include "stsfs/base/mutex.h"
#include "stsfs/cache/attribute_store.h"
#include "stsfs/cache/directory_cache.h"
#include "stsfs/fs/mounted_folder.h"
#include "tree/contents.h"
#include "tree/directory_times.h"
#include "tree/directory_view.h"
#include "tree/file_rename.h"
#include "tree/kept_inodes.h"
#include "tree/listings.h"
#include "tree/open_handles.h"
#include "tree/replacing.h"
#include "tree/tree.h"

namespace stsfs::fs {

/// The FileSystem over an ObjectStore. The operations are in folder_*.cc by what they are about:
/// lookup, names, attributes, files, directories.
class Folder final : public MountedFolder, public CommitOwner {
 public:
  Folder(oss::ObjectStore& store, Scheduler& scheduler, const Clock& clock, FolderOptions options,
         std::shared_ptr<staging::StagingArea> area, std::shared_ptr<staging::Journal> journal,
         std::unique_ptr<staging::NameJournal> names, std::shared_ptr<cache::BlockPool> pool);
  ~Folder() override { stop(); }

  /// Before anybody is served.
  Result<void> recover() { return recovery_.recover(); }

  // --- MountedFolder (folder.cc) ---
  Result<void> probe(Deadline deadline, Interrupt* interrupt) override;
  void set_notifier(KernelNotifier* notifier) override { notifier_ = notifier; }
  void set_read_only(bool read_only) override { state_.set_read_only(read_only); }
  void set_space(std::uint64_t quota_bytes, std::uint64_t used_bytes) override {
    quota_bytes_ = quota_bytes;
    used_bytes_ = used_bytes;
  }
  std::vector<PendingFile> pending() const override;
  ReadMemory read_memory() const override;
  std::size_t names_left_out() const override { return keys_.names_left_out(); }
  Result<void> drain(Deadline deadline) override;
  using MountedFolder::refresh;
  void refresh(const std::string& path) override;
  void resume() override;
  void stop() override;

  // --- CommitOwner (folder_commits.cc, folder_versions.cc) ---
  CommitRequest describe(InodeNumber inode) override;
  std::optional<std::string> found_name(InodeNumber inode, const oss::Symlink& link) override;
  void committed(InodeNumber inode, const CommitOutcome& outcome) override;
  void commit_ended(InodeNumber inode) override;
  void set_aside(InodeNumber inode, const FileContent& content,
                 const staging::JournalEntry& note) override;
  Transfer look_settled(const std::string& key, Callback<oss::ObjectMeta> done) override;

  // --- names: folder_names.cc, rename in folder_rename.cc ---
  Result<Entry> lookup(const Context&, InodeNumber parent, std::string_view name) override;
  void forget(InodeNumber inode, std::uint64_t count) override;
  Result<Entry> mkdir(const Context&, InodeNumber parent, std::string_view name,
                      mode_t mode) override;
  Result<Entry> mknod(const Context&, InodeNumber parent, std::string_view name, mode_t mode,
                      dev_t rdev) override;
  Result<Entry> symlink(const Context&, InodeNumber parent, std::string_view name,
                        std::string_view target) override;
  Result<Entry> link(const Context&, InodeNumber inode, InodeNumber new_parent,
                     std::string_view new_name) override;
  Result<void> unlink(const Context&, InodeNumber parent, std::string_view name) override;
  Result<void> rmdir(const Context&, InodeNumber parent, std::string_view name) override;
  Result<void> rename(const Context&, InodeNumber parent, std::string_view name,
                      InodeNumber new_parent, std::string_view new_name, RenameMode mode) override;
  Result<std::string> readlink(const Context&, InodeNumber inode) override;

  // --- attributes: folder_attributes.cc, the extended ones in folder_xattrs.cc, those that
  // tell what OSS knows in store_attributes.cc ---
  Result<Entry> getattr(const Context&, InodeNumber inode) override;
  Result<Entry> setattr(const Context&, InodeNumber inode, std::optional<HandleNumber> handle,
                        const AttributeChange& change) override;
  Result<Statistics> statfs(const Context&) override;
  Result<std::string> getxattr(const Context&, InodeNumber inode, std::string_view name) override;
  Result<std::string> listxattr(const Context&, InodeNumber inode) override;
  Result<void> setxattr(const Context&, InodeNumber inode, std::string_view name,
                        std::string_view value, int flags) override;
  Result<void> removexattr(const Context&, InodeNumber inode, std::string_view name) override;

  // --- files: folder_files.cc ---
  Result<Opened> open(const Context&, InodeNumber inode, int flags) override;
  Result<std::pair<Entry, Opened>> create(const Context&, InodeNumber parent, std::string_view name,
                                          mode_t mode, int flags) override;
  void read(const Context&, HandleNumber handle, ByteRange range,
            Callback<std::span<const std::byte>> done) override;
  Result<std::size_t> write(const Context&, HandleNumber handle, std::span<const std::byte> bytes,
                            std::uint64_t offset) override;
  Result<void> write_back(const Context&, HandleNumber handle, std::span<const std::byte> bytes,
                          std::uint64_t offset) override;
  void pace(Callback<void> done) override;
  Result<std::uint64_t> copy_range(const Context&, HandleNumber from, ByteRange range,
                                   HandleNumber to, std::uint64_t to_offset) override;
  Result<void> allocate(const Context&, HandleNumber handle, ByteRange range,
                        Allocation kind) override;
  Result<std::optional<std::uint64_t>> seek(const Context&, HandleNumber handle,
                                            std::uint64_t offset, SeekTo what) override;
  void flush(const Context&, HandleNumber handle, const HoldsForWriting& holds,
             Callback<void> done) override;
  void fsync(const Context&, HandleNumber handle, bool data_only, Callback<void> done) override;
  void release(HandleNumber handle) override;

  // --- directories: folder_directories.cc ---
  Result<HandleNumber> opendir(const Context&, InodeNumber inode) override;
  Result<void> readdir(const Context&, HandleNumber handle, std::uint64_t cookie,
                       const DirectorySink& sink) override;
  Result<void> readdir_plus(
      const Context&, HandleNumber handle, std::uint64_t cookie,
      const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) override;
  void releasedir(HandleNumber handle) override;
  void fsyncdir(const Context&, Callback<void> done) override;

 private:
  struct NameChange {
    InodePointer parent;
    std::string_view name;
    InodePointer new_parent;
    std::string_view new_name;
  };

  // --- shared by the operations (folder.cc) ---
  RemovalOptions removal_options();
  TreeMoveOptions move_options();
  Result<void> may_wait(const Context& context) const { return state_.may_wait(context); }
  Result<void> may_write() const { return state_.may_write(); }
  Result<InodePointer> directory(InodeNumber number);
  Result<InodePointer> inode(InodeNumber number);
  std::string path(const InodePointer& inode) const;
  std::string path_below(const InodePointer& parent, std::string_view name) const;
  std::string key_of(const Inode& inode) const STSFS_REQUIRES(tree_.mutex) {
    return fs::key_of(tree_, keys_, inode);
  }
  Entry entry_of(const InodePointer& inode);  ///< Without counting a lookup.
  Entry counted_entry(const InodePointer& inode);
  bool count_if_known(const InodePointer& inode);
  bool is_fresh(SteadyTime confirmed, std::chrono::milliseconds time) const;
  Attributes new_attributes(const Context& context, const InodePointer& parent, mode_t mode) const;
  void note_entry(const std::string& directory_path, std::string_view name, const Inode& inode);
  void note_gone(const std::string& directory_path, std::string_view name);
  void note_directory_gone(const std::string& directory_path, std::string_view name);
  WallTime now() const { return clock_.wall(); }

  // --- bringing the tree up to date with OSS (folder_lookup.cc) ---
  void remember_written(const std::string& key, const Inode& inode, const oss::Written& written,
                        const oss::ObjectHeaders& headers, std::uint64_t size)
      STSFS_REQUIRES(tree_.mutex);
  void forget_idle_inodes();
  std::string etag_by_now(const InodePointer& parent, std::string_view name,
                          const Objects::Found& found) STSFS_REQUIRES(tree_.mutex);
  static tl::unexpected<Error> fail_replaced();
  /// Null: the answer is older than the path that the directory has by now.
  InodePointer adopt(const InodePointer& parent, std::string_view name,
                     const Objects::Found& found);
  void take_name(const InodePointer& inode, InodeNumber parent, std::string_view name,
                 SteadyTime asked) STSFS_REQUIRES(tree_.mutex);
  Result<InodePointer> resolve(const Context& context, const InodePointer& parent,
                               std::string_view name);
  Result<InodePointer> resolve_known(const Context& context, const InodePointer& parent,
                                     std::string_view name);
  Result<void> confirm(const Context& context, const InodePointer& inode,
                       std::chrono::milliseconds fresh);
  Result<bool> confirm_by_path(const Context& context, const InodePointer& inode,
                               std::chrono::milliseconds fresh);
  Result<bool> look_again(const Context& context, const InodePointer& inode);

  // --- new names (folder_names.cc, folder_files.cc) ---
  struct NewName {
    NameGate::Pass pass;  ///< Held until it is made.
    InodePointer parent;
    std::string key;
  };
  Result<NewName> new_name(const Context& context, InodeNumber parent, std::string_view name,
                           bool is_directory);
  Result<InodePointer> make_object(const Context& context, const InodePointer& parent,
                                   std::string_view name, const std::string& key,
                                   const Attributes& attributes, oss::PutOptions put,
                                   const std::string& body,
                                   const std::optional<std::string>& symlink_key = {});
  Result<InodePointer> create_at_once(const Context& context, const InodePointer& parent,
                                      std::string_view name, mode_t mode);

  // --- confirming with the first bytes (folder_open.cc) ---
  std::shared_ptr<FileContent> content_to_begin(const InodePointer& inode);
  Result<bool> confirm_by_reading(const Context& context, const InodePointer& inode);
  std::optional<NameAnswer> listed_for_open(const Context& context, const std::string& whole,
                                            std::chrono::milliseconds fresh);
  Result<void> confirm_opened(const Context& context, const InodePointer& inode);

  // --- files with several names (folder_links.cc) ---
  Result<void> share_content(const Context& context, const InodePointer& inode);
  Result<void> link_at_once(const Context& context, const InodePointer& inode,
                            const InodePointer& parent, std::string_view name,
                            const std::string& key);
  Result<std::pair<LinkArea::Name, oss::Written>> copy_to_area(const Context& context,
                                                               const InodePointer& inode,
                                                               oss::CopyOptions copy,
                                                               std::uint64_t size, bool tagged,
                                                               std::optional<Replacing>& replacing);
  Result<void> add_name(const Context& context, const InodePointer& inode, const std::string& key,
                        const Present& present);
  Result<void> count_name(const Context& context, const InodePointer& inode, const std::string& key,
                          const LinkArea::Name& name);
  Result<void> unlink_name(const Context& context, const InodePointer& inode,
                           const InodePointer& parent, std::string_view name,
                           const std::string& key);
  Result<void> drop_name(const Context& context, const InodePointer& inode, InodeNumber parent,
                         std::string_view name, const LinkArea::Name& known,
                         const std::vector<Removal>& gone);
  Result<void> confirm_linked(const Context& context, const InodePointer& inode);
  bool is_linked(const InodePointer& inode);
  void forget_name(const InodePointer& inode, InodeNumber parent, const std::string& name);
  void take_meta(const InodePointer& inode, const oss::ObjectMeta& meta,
                 const std::set<std::string>& tokens, SteadyTime asked);

  // --- names that OSS does not have yet (folder_fresh_links.cc) ---
  bool may_link_later(const Inode& inode, const std::string& key) const STSFS_REQUIRES(tree_.mutex);
  Result<void> link_later(const InodePointer& inode, const InodePointer& parent,
                          std::string_view name, const std::string& key);
  std::optional<Result<void>> unlink_if_fresh(const Context& context, const InodePointer& inode,
                                              const InodePointer& parent, std::string_view name);
  Result<void> unlink_early(const Context& context, const InodePointer& inode,
                            const InodePointer& parent, std::string_view name,
                            FreshLinks::Claim claim);
  Result<void> move_to_fresh_name(const Context& context, const InodePointer& inode,
                                  const InodePointer& parent, std::string_view name,
                                  const std::string& new_path);
  void note_unsure_move(const FileRename& file, const Error& error);
  Result<std::optional<oss::ObjectMeta>> moved_copy(const Context& context,
                                                    const InodePointer& inode);
  Result<void> remove_moved_copy(const Context& context, const InodePointer& inode,
                                 const InodePointer& parent);
  Result<void> make_link(const FreshLinks::Link& link, Interrupt* interrupt);
  Result<void> make_second_name(const Context& context, const InodePointer& inode,
                                const std::string& key);
  void note_second_name(const InodePointer& inode, const std::optional<FreshName>& fresh);
  Result<void> link_beside(const Context& context, const InodePointer& inode,
                           const std::string& key);
  Result<InodePointer> find_kept(const Context& context, const std::string& whole,
                                 KeptInodes& kept);
  void drop_fresh_name(const InodePointer& inode);

  // --- two names that change places (folder_exchange.cc) ---
  Result<void> exchange(const Context& context, InodeNumber parent, std::string_view name,
                        InodeNumber new_parent, std::string_view new_name);
  Result<void> make_ready_to_exchange(const Context& context, const InodePointer& inode);
  Result<Exchanges::Running> begin_exchange(const Context& context, const NameChange& names,
                                            std::string_view third);
  Result<void> settle_exchanges_left(const Context& context, const Exchanges::Wanted& wanted);
  /// A path, and what is there.
  struct Spot {
    std::string path, name;
    InodePointer parent;  ///< Null: not even that is there.
    InodePointer inode;   ///< Null: nothing is.
  };
  Result<Spot> spot_at(const Context& context, const std::string& whole, KeptInodes& kept);
  Result<void> finish_exchange(Exchanges::Entry& entry, Interrupt* interrupt);
  Result<void> finish_move(const Context& context, const std::string& from_path,
                           const std::string& to_path);
  Result<void> move_spot(const Context& context, const Spot& from, const InodePointer& new_parent,
                         const std::string& new_name);
  Result<void> remove_copy(const Context& context, const Spot& copy);
  Result<bool> is_copy_of(const Context& context, const Spot& one, const Spot& other);

  // --- files that are about to be opened (folder_ahead.cc) ---
  Result<bool> open_from_ahead(const Context& context, const InodePointer& inode);
  void read_on(const Context& context, const InodePointer& inode);
  std::optional<FilesAhead::Way> way_to_ask(const ReadingRuns::File& file);
  InodePointer known_inode(const std::string& whole) const STSFS_REQUIRES(tree_.mutex);

  // --- symbolic links (folder_symlinks.cc) ---
  std::optional<std::string> symlink_key(const Context& context, const std::string& directory_path,
                                         std::string_view target);
  Result<oss::Written> move_symlink(const Context& context, const FileRename& file);

  // --- changes of attributes (folder_attributes.cc, store_attributes.cc) ---
  enum class AttributeWay { kMemoryOnly, kRidesAlong, kHeldBack, kAtOnce };
  /// While attributes are put at once, and until the inode has them: a commit that begins meanwhile
  /// would send those of before. Not with a lock held when it ends.
  struct Standstill {
    std::optional<NameGate::Pass> pass;
    std::optional<Contents::Use> content;
    Holds holds;
    void end() {
      holds.release();
      content.reset();
    }
  };
  AttributeWay way_of(const Inode& inode) const STSFS_REQUIRES(tree_.mutex);
  Result<void> change_attributes(const Context& context, const InodePointer& inode,
                                 const AttributeEdit& edit);
  Result<AttributeWay> edit_attributes(const Context& context, const InodePointer& inode,
                                       const AttributeEdit& edit, AttributeDraft& draft,
                                       Standstill& still);
  Result<void> hold_back(const Context& context, const InodePointer& inode);
  Result<Entry> resize(const Context& context, const InodePointer& inode,
                       std::optional<HandleNumber> handle, const AttributeChange& change);
  Result<std::string> store_attribute(const Context& context, const InodePointer& inode,
                                      std::string_view name);
  Result<void> set_store_attribute(const Context& context, const InodePointer& inode,
                                   std::string_view name, std::string_view value);
  Result<std::string> object_key(const InodePointer& inode) const;
  Result<std::string> foreign_acl(const Context& context, const InodePointer& inode);
  void store_directory_time(const InodePointer& directory);
  bool may_stay_here(const Inode& inode, const AttributeDraft& draft, const Error& refused) const;
  std::optional<oss::Written> copy_with_id(const Context& context, const std::string& key,
                                           const std::string& id);
  /// A change of attributes on its way to OSS.
  struct MetadataWrite {
    enum class Way { kPutDirectory, kPutSymlink, kCopy };
    Way way = Way::kCopy;
    std::string key;
    oss::PutOptions put;
    std::uint64_t size = 0;
    bool tagged = false;
    std::shared_ptr<FileContent> content;
    std::string directory_path;
    std::string name;
  };
  std::optional<MetadataWrite> plan_metadata(const Inode& inode, const AttributeDraft& draft);
  Result<oss::Written> write_metadata(const Context& context, const Inode& inode,
                                      MetadataWrite& change);
  bool is_copyable(const Inode& directory) const STSFS_REQUIRES(tree_.mutex);
  Result<oss::Written> put_directory_anew(const Context& context, const Inode& inode,
                                          MetadataWrite& change);
  Result<oss::Written> copy_onto_itself(const Context& context, const Inode& inode,
                                        const MetadataWrite& change);
  Result<void> store_metadata(const Context& context, const InodePointer& inode,
                              const AttributeDraft& draft, Holds& holds);

  // --- versions with the same bytes (folder_versions.cc) ---
  bool goes_in_parts(std::uint64_t size) const;
  Result<oss::Written> copy_version(const Context& context, const std::string& to,
                                    oss::CopyOptions& copy, std::uint64_t size, bool tagged);
  Result<void> object_moved(const std::string& new_key, const std::string& old_etag,
                            const std::string& new_etag);

  // --- names that go (folder_names.cc) ---
  Result<void> unlink_found(const Context& context, const InodePointer& parent,
                            std::string_view name, const InodePointer& found);
  Result<bool> fetch_if_open(const Context& context, const InodePointer& inode,
                             const std::shared_ptr<FileContent>& content);
  Result<void> remove_object(const Context& context, const InodePointer& inode,
                             const std::shared_ptr<FileContent>& content, const std::string& key);
  InodePointer held_at(const std::string& key) const STSFS_REQUIRES(tree_.mutex);
  std::string place_aside(const std::string& key);
  bool goes_on_aside(const ObjectVersion& version, const ObjectVersion& aside);
  Result<void> remove_now(const Context& context, const std::string& key, const std::string& etag,
                          bool parent_has_marker);
  Result<bool> directory_is_empty(const Context& context, const InodePointer& inode);

  // --- names that change (folder_rename.cc) ---
  Result<void> rename_found(const Context& context, const NameChange& change,
                            const InodePointer& source, InodePointer target, RenameMode mode);
  Result<void> commit_changes(const Context& context, const InodePointer& source,
                              const InodePointer& target);
  Result<void> commit_attributes_owed(const Context& context, const InodePointer& inode);
  Result<Renamed> rename_file(const Context& context, const InodePointer& inode,
                              const InodePointer& target, const std::string& target_link_etag,
                              const std::string& old_path, const std::string& new_path,
                              RenameMode mode, Holds& holds);
  bool set_aside_replaced(const FileRename& file);
  void take_back_replaced(const FileRename& file);
  Result<Renamed> rename_version(Context context, const InodePointer& inode,
                                 const InodePointer& target, const std::string& target_link_etag,
                                 const std::string& old_path, const std::string& new_path,
                                 RenameMode mode, Holds& holds);
  Result<void> leave_old_name(const Context& context, const InodePointer& parent,
                              std::string_view name, std::vector<Removal> left,
                              bool stays_in_directory);
  std::optional<oss::ObjectMeta> known_of_copy(const FileRename& file, const oss::Written& written);
  Result<void> hold_content(const Context& context, const InodePointer& inode, Holds& holds);
  FileRename file_rename(const InodePointer& inode, const InodePointer& target, std::string old_key,
                         std::string new_key);
  bool renamed_by_server(const Context& context, const FileRename& file);
  Result<oss::Written> move_object(const Context& context, const FileRename& file);
  Result<oss::Written> copy_object(const Context& context, const FileRename& file,
                                   const Present& present);
  std::optional<oss::Written> copy_of_ours(const Context& context, const FileRename& file);
  Result<oss::Written> move_name(const Context& context, const FileRename& file,
                                 std::vector<Removal>& left);
  void note_renamed(const FileRename& file, const oss::Written& written, Holds& holds);
  using Overwrite = std::function<Result<oss::Written>(const Present& present)>;
  Result<oss::Written> put_over(const Context& context, const FileRename& file,
                                const Overwrite& put);
  Result<bool> keep_theirs(const Context& context, const std::string& key, Replaced& replaced);
  Result<std::vector<std::pair<InodePointer, std::shared_ptr<FileContent>>>> hold_below(
      const Context& context, const InodePointer& inode, const InodePointer& target,
      const std::function<void()>& then) STSFS_EXCLUDES(tree_.mutex);
  std::vector<std::pair<InodePointer, std::string>> move_links_below(InodeNumber directory,
                                                                     const LinkMove& move)
      STSFS_REQUIRES(tree_.mutex);
  /// Of a directory whose rename may begin.
  struct MoveTurn {
    std::string old_path, new_path;
    TreeMoves::Plan plan;
    std::optional<NameGate::Pass> alone;
  };
  Result<MoveTurn> take_turn_to_move(Context& context, const InodePointer& inode,
                                     const InodePointer& new_parent, std::string_view new_name);
  Result<void> rename_directory(Context context, const InodePointer& inode,
                                const InodePointer& target, const InodePointer& new_parent,
                                std::string_view new_name, Holds& holds);
  Result<void> check_replaceable(const Context& context, const InodePointer& source,
                                 const InodePointer& target, RenameMode mode);
  Result<void> check_empty(const Context& context, const InodePointer& target);

  // --- open directories (folder_directories.cc) ---
  Result<std::shared_ptr<DirectoryView>> view_at(const Context& context, DirectoryHandle& handle,
                                                 std::uint64_t cookie) STSFS_EXCLUDES(handle.mutex);
  Result<std::shared_ptr<DirectoryView>> new_view(const Context& context, DirectoryHandle& handle)
      STSFS_EXCLUDES(handle.mutex);
  DirectoryView::Entries not_in_oss(const InodePointer& directory);
  /// To be let go with no lock held: a listing that nobody wants any more calls off its request.
  struct BeingListed {
    std::vector<DirectoryHandlePointer> handles;
    std::vector<DirectoryListingPointer> listings;
  };
  BeingListed being_listed_below(const Inode& directory) const STSFS_REQUIRES(tree_.mutex);
  Result<void> list_whole_below(const Context& context, const InodePointer& directory);
  std::vector<InodePointer> inodes_of(const Context& context, const InodePointer& directory,
                                      const DirectoryView& view,
                                      const std::vector<DirectoryView::Item>& items, bool ask);
  bool give(const DirectoryView::Item& item, const InodePointer& inode,
            const std::string& directory_key, const Context& context,
            const std::function<bool(const DirectoryEntry&, const Entry&)>& sink);

  // --- open files (folder_files.cc) ---
  Result<FileHandlePointer> writable(HandleNumber handle) const;
  void wrote(FileHandle& handle, std::uint64_t end);
  std::optional<std::uint64_t> copy_at_hand(const Context& context, FileContent& source,
                                            ByteRange range, FileHandle& target,
                                            std::uint64_t to_offset);
  Result<Opened> open_present(const Context& context, const InodePointer& inode, int flags);
  bool must_look_up(const Context& context, const FileHandle& handle);
  Opened opened(const Context& context, const InodePointer& inode,
                std::shared_ptr<FileContent> content, int flags);
  bool is_still_held(const Context& context, const FileHandle& handle,
                     const HoldsForWriting& holds);
  void fills_pages(const FileHandle& handle);
  void pages_are_bad(const InodePointer& inode);

  oss::ObjectStore& store_;  // seen through names_overlay_
  Scheduler& scheduler_;
  const Clock& clock_;
  const FolderOptions options_;
  MountState state_;
  const AttributeDefaults defaults_;
  const KeySpace keys_;
  const std::shared_ptr<staging::StagingArea> area_;
  const std::shared_ptr<staging::Journal> journal_;
  const std::unique_ptr<staging::NameJournal> name_journal_;
  Removals removals_;
  Successors successors_;
  TreeMoves moves_;
  Exchanges exchanges_;
  NamesOverlay names_overlay_;
  NameGate name_gate_;
  LinkArea links_;
  FreshLinks fresh_links_;
  LinkGate link_gate_{fresh_links_, name_gate_, state_, clock_};
  const std::shared_ptr<cache::BlockPool> pool_;
  IdleTrim trim_;
  KernelNotifier* notifier_ = nullptr;  // set once, before the first request
  Contents contents_;
  Listings listings_;
  cache::DirectoryCache& directories_ = listings_.cache();
  const std::unique_ptr<cache::AttributeStore> metas_;
  OpensAhead opens_ahead_;
  OpenRuns open_runs_;
  const WallTime born_;  // what implied directories show as their times
  Objects objects_;
  std::atomic<std::uint64_t> quota_bytes_, used_bytes_;
  std::atomic<bool> acls_hidden_;  // the credential may not read them

  OpenHandles handles_;
  mutable Tree tree_;
  /// Threads that were sent to look a name up, by the inode that they were about to open.
  std::set<std::pair<InodeNumber, pid_t>> sent_back_ STSFS_GUARDED_BY(tree_.mutex);
  DirectoryTimes directory_times_;
  AsideFiles aside_;
  Recovery recovery_;
};

}  // namespace stsfs::fs
