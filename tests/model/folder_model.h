#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/model_world.h"
#include "model/reference_tree.h"

namespace stsfs::fs {

/// Random operations on a mounted folder, each of which is done to the reference tree, too, and
/// must end alike. What disagrees is fatal for the test.
class FolderModel {
 public:
  /// All names that are used are `first_name` and the four letters behind it: others may work in
  /// the folder at the same time, with others.
  FolderModel(std::uint64_t seed, ModelWorld& world, char first_name = 'a')
      : random_(seed), world_(world), first_name_(first_name) {}
  /// So many operations; nothing is open in the end.
  void run(int steps);
  /// Everything is to be in the store, and what is there is compared, and what the mount makes of
  /// it.
  void compare();
  /// What led there, oldest first.
  void tell() const;

 private:
  static constexpr int kLetters = 5;

  // folder_model.cc: which operation, on what
  void step();
  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  std::string any_directory();
  std::string any_path();
  std::string any_target();
  std::optional<InodeNumber> walk(const std::string& path);
  void forget_all();

  // model_files.cc
  void write();
  void read();
  void truncate();

  // model_attributes.cc
  void change_attributes();
  AttributeChange any_change(bool is_symlink);
  std::variant<Now, WallTime> any_time();
  std::string any_extended_name();
  void set_extended();
  void remove_extended();
  void read_extended();
  /// After a change that failed: it may have been made, and only its answer lost.
  void believe_attributes(const std::string& path, const ReferenceNode& after);
  void check_attributes(const std::string& path, const Entry& entry);
  void check_attributes_of(const ReferenceTree::Node& node, const std::string& path,
                           const Entry& entry);
  void check_extended(const std::string& path, InodeNumber inode);
  using Extended = std::map<std::string, std::string>;
  Result<Extended> extended_of(InodeNumber inode);

  // model_handles.cc
  struct OpenFile {
    HandleNumber handle{};
    InodeNumber inode{};
    ReferenceTree::Node node;
    int flags = 0;
    std::string path;  ///< By which it was opened.
  };
  int any_open_flags();
  void open_file();
  OpenFile* any_open();
  void write_open();
  void read_open();
  void truncate_open();
  void copy_open();
  void allocate_open();
  void sync_open();
  void close_file();
  void close_all();
  void close(HandleNumber handle);

  // model_directories.cc
  using Names = std::set<std::string>;
  struct ReadDirectory {
    HandleNumber handle{};
    ReferenceTree::Node node;
    std::string path;  ///< By which it was opened.
    std::uint64_t cookie = 0;
    std::vector<std::string> shown{};
    Names always{}, ever{};  ///< What was there since the first piece.
  };
  void open_directory();
  void read_piece();
  void read_piece_of(std::size_t at);
  void read_to_the_end();
  void check_shown(const ReadDirectory& directory);
  void watch_directories();
  std::optional<Names> children_of(const ReferenceTree::Node& directory);
  void close_directory(std::size_t at);

  // model_names.cc
  void remove();
  void link();
  void make_symlink();
  void make_directory();
  void remove_directory();
  void rename();
  void rename_no_replace();
  void rename_with(RenameMode mode);
  void exchange();
  void list();
  void find_out(const std::string& path);

  // model_comparison.cc
  void compare_store();
  void compare_link_area();
  void compare_tree();

  /// Of one who works beside us.
  bool is_others(std::string_view path) const {
    const bool mine = path[0] >= first_name_ && path[0] < first_name_ + kLetters;
    return path[0] >= 'a' && path[0] <= 'z' && !mine;
  }
  static std::string parent_of(const std::string& path) { return ReferenceTree::parent_of(path); }
  static std::string name_of(const std::string& path) { return ReferenceTree::name_of(path); }
  MountedFolder& folder() { return world_.folder(); }
  /// As the kernel does: on ESTALE it looks the name up anew.
  template <class Call>
  static auto retried(Call call) {
    auto first = call();
    return first || first.error().code != Errc::kStale ? std::move(first) : call();
  }
  std::unique_lock<std::shared_mutex> changing(const std::string& path) {
    return world_.changing(parent_of(path).empty());
  }
  /// As the kernel counts.
  void looked_up(const Entry& entry) { ++lookups_[&folder()][entry.attributes.inode]; }
  Context context() { return world_.context(); }
  bool has_faults() const { return world_.options().faults; }
  bool failed_by_fault(const Error& error);
  Result<void> wait(const std::function<void(Callback<void>)>& start);
  Result<std::string> read_all(HandleNumber handle);

  void note(std::string what) { operations_.push_back(std::move(what)); }

  std::mt19937_64 random_;
  ModelWorld& world_;
  const char first_name_;
  ReferenceTree tree_;
  std::map<MountedFolder*, std::map<InodeNumber, std::uint64_t>> lookups_;
  std::vector<OpenFile> open_;
  std::vector<ReadDirectory> read_;
  std::vector<std::string> operations_;
};

}  // namespace stsfs::fs
