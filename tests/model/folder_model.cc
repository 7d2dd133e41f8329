#include "model/folder_model.h"

#include <algorithm>
#include <future>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::fs {

void FolderModel::run(int steps) {
  for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
    if (world_.options().mounts > 1 && below(15) == 0) {
      note("the other mount");
      close_all();
      if (!::testing::Test::HasFatalFailure()) world_.take_turns();
    }
    if (below(20) == 0) {
      const auto by = std::chrono::seconds(below(40));
      if (world_.leap(by)) note("after " + std::to_string(by.count()) + " s");
    }
    if (has_faults() && below(10) == 0) note(world_.break_something(random_));
    step();
    watch_directories();
    world_.stepped();
    world_.heal();
  }
  close_all();
}

void FolderModel::compare() {
  world_.settle();
  if (!::testing::Test::HasFatalFailure()) compare_store();
  if (!::testing::Test::HasFatalFailure()) compare_link_area();
  if (!::testing::Test::HasFatalFailure()) compare_tree();
}

void FolderModel::tell() const {
  constexpr std::size_t kTold = 60;
  std::string out;
  for (std::size_t i = operations_.size() - std::min(kTold, operations_.size());
       i < operations_.size(); ++i)
    out += operations_[i] + "\n";
  ADD_FAILURE() << "after these operations:\n" << out;
}

std::string FolderModel::any_directory() {
  const auto directories = tree_.directories();
  auto at = directories.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(below(directories.size())));
  return *at;
}

std::string FolderModel::any_path() {
  const std::string directory = any_directory();
  const std::string name(1, static_cast<char>(first_name_ + below(kLetters)));
  return directory.empty() ? name : directory + "/" + name;
}

/// Of the three kinds: to a name beside the link or elsewhere in the folder, to what need not be
/// there; out of it; in a form of its own.
std::string FolderModel::any_target() {
  const std::string name(1, static_cast<char>(first_name_ + below(kLetters + 1)));
  switch (below(4)) {
    case 0:
      return name;
    case 1:
      return "../" + any_path();
    case 2:
      return "/elsewhere/" + name;
    default:
      return "./" + name + "/";
  }
}

/// The inode of a directory that the reference has.
std::optional<InodeNumber> FolderModel::walk(const std::string& path) {
  InodeNumber at = InodeNumber::kRoot;
  if (path.empty()) return at;
  for (const std::string_view name : split(path, '/')) {
    const auto lock = world_.looking(at == InodeNumber::kRoot);
    const auto entry = folder().lookup(context(), at, name);
    if (!entry) return std::nullopt;
    looked_up(*entry);
    at = entry->attributes.inode;
  }
  return at;
}

/// The kernel is short of memory: it forgets all but what is open, and what that lies in.
void FolderModel::forget_all() {
  if (!open_.empty() || !read_.empty()) return;
  note("forget");
  for (const auto& [inode, count] : lookups_[&folder()]) folder().forget(inode, count);
  lookups_[&folder()].clear();
}

Result<void> FolderModel::wait(const std::function<void(Callback<void>)>& start) {
  std::promise<Result<void>> promise;
  auto future = promise.get_future();
  start([&](Result<void> result) { promise.set_value(std::move(result)); });
  return future.get();
}

Result<std::string> FolderModel::read_all(HandleNumber handle) {
  std::promise<Result<std::string>> promise;
  auto future = promise.get_future();
  folder().read(context(), handle, {0, 1 << 20}, [&](Result<std::span<const std::byte>> got) {
    promise.set_value(got ? Result<std::string>(std::string(as_text(*got))) : fail(got.error()));
  });
  return future.get();
}

/// Where faults are injected an operation may fail with them, and then says so.
bool FolderModel::failed_by_fault(const Error& error) {
  const bool is_fault =
      has_faults() && (error.code == Errc::kUnavailable || error.code == Errc::kTimedOut);
  if (is_fault) note("  failed: " + error.message);
  return is_fault;
}

void FolderModel::step() {
  struct Choice {
    int weight;
    void (FolderModel::*run)();
  };
  constexpr Choice kChoices[] = {
      {2, &FolderModel::write},          {1, &FolderModel::read},
      {1, &FolderModel::truncate},       {2, &FolderModel::open_file},
      {2, &FolderModel::write_open},     {2, &FolderModel::read_open},
      {1, &FolderModel::truncate_open},  {1, &FolderModel::sync_open},
      {2, &FolderModel::copy_open},      {1, &FolderModel::allocate_open},
      {1, &FolderModel::close_file},     {1, &FolderModel::remove},
      {1, &FolderModel::make_directory}, {1, &FolderModel::remove_directory},
      {1, &FolderModel::rename},         {1, &FolderModel::rename_no_replace},
      {1, &FolderModel::exchange},       {2, &FolderModel::link},
      {1, &FolderModel::make_symlink},   {1, &FolderModel::list},
      {1, &FolderModel::open_directory}, {3, &FolderModel::read_piece},
      {1, &FolderModel::forget_all},     {2, &FolderModel::change_attributes},
      {1, &FolderModel::set_extended},   {1, &FolderModel::remove_extended},
      {1, &FolderModel::read_extended},
  };
  int all = 0;
  for (const Choice& choice : kChoices) all += choice.weight;
  int chosen = static_cast<int>(below(static_cast<std::uint64_t>(all)));
  for (const Choice& choice : kChoices) {
    if (chosen < choice.weight) return (this->*choice.run)();
    chosen -= choice.weight;
  }
}

}  // namespace stsfs::fs
