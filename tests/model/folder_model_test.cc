// Random operations on a mounted folder against a plain map of names: of files, some of which have
// several, of symbolic links and of directories. The store completes on a thread of its own, in a
// shaken order; in half of the runs requests fail, and in half of them two mounts take turns: the
// one that stops has brought everything to OSS, and what the other knew of the folder is older than
// names and attributes are good for. Copies keep the ETag of what they are made of, or have one of
// their own. STSFS_MODEL_SEED repeats a run.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "model/reference_tree.h"
#include "model/seeded_runs.h"
#include "stsfs/base/text.h"
#include "stsfs/fs/mounted_folder.h"
#include "support/temporary_directory.h"

namespace stsfs::fs {
namespace {

constexpr std::string_view kPrefix = "users/alice/";
constexpr std::string_view kLinkArea = "users/alice/.stsfs-links/";
constexpr std::chrono::seconds kFresh{30};    // that names and attributes are good for
constexpr std::chrono::minutes kRetryMax{2};  // the longest pause before something is tried again
constexpr std::chrono::hours kLong{1};
constexpr std::chrono::milliseconds kPause{5};  // between two looks at whether anything goes on

/// No two looks at it tell the same moment: what was asked before something was done is older.
class TickingClock final : public Clock {
 public:
  explicit TickingClock(fakes::FakeClock& clock) : clock_(clock) {}
  WallTime wall() const override { return clock_.wall(); }
  SteadyTime steady() const override {
    clock_.advance(std::chrono::nanoseconds(1));
    return clock_.steady();
  }

 private:
  fakes::FakeClock& clock_;
};

class Model {
 public:
  Model(std::uint64_t seed, int steps, bool faults, std::size_t mounts, bool copies_keep_etags)
      : random_(seed),
        steps_wanted_(steps),
        faults_(faults),
        executor_(seed),
        store_(clock_, executor_, {.copy_keeps_etag = copies_keep_etags}),
        faulty_(store_),
        scheduler_(clock_) {
    for (std::size_t i = 0; i < mounts; ++i) {
      FolderOptions options;
      options.prefix = kPrefix;
      options.staging_directory = directory_.path() + "/staging-" + std::to_string(i);
      // Time goes on by leaps: without faults nothing is late for that.
      if (!faults) options.metadata_timeout = options.read_timeout = kLong;
      if (!faults) options.commit_timeout = kLong;
      mounts_.push_back(MountedFolder::make(faulty_, scheduler_, ticking_, options).value());
    }
    folder_ = mounts_.front().get();
    timers_ = std::jthread([this](const std::stop_token& stop) { run_timers(stop); });
  }
  ~Model() {
    timers_ = {};
    for (const auto& mount : mounts_) mount->stop();
  }

  void run() {
    for (int i = 0; i < steps_wanted_ && !::testing::Test::HasFatalFailure(); ++i) {
      if (mounts_.size() > 1 && below(15) == 0) take_turns();
      if (below(20) == 0) {
        const auto by = std::chrono::seconds(below(40));
        note("after " + std::to_string(by.count()) + " s");
        clock_.advance(by);
      }
      if (faults_ && below(10) == 0) break_something();
      step();
      ++steps_;
      faulty_.heal();
    }
    if (!::testing::Test::HasFatalFailure()) settle();
    if (!::testing::Test::HasFatalFailure()) compare_store();
    if (!::testing::Test::HasFatalFailure()) compare_link_area();
    if (!::testing::Test::HasFatalFailure()) compare_tree();
    if (::testing::Test::HasFatalFailure()) tell();
  }

 private:
  /// What led there, oldest first.
  void note(std::string what) { operations_.push_back(std::move(what)); }
  void tell() const {
    constexpr std::size_t kTold = 60;
    std::string out;
    for (std::size_t i = operations_.size() - std::min(kTold, operations_.size());
         i < operations_.size(); ++i)
      out += operations_[i] + "\n";
    ADD_FAILURE() << "after these operations:\n" << out;
  }

  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  Context context() { return {.deadline = Deadline::in(clock_, kLong)}; }

  /// An operation that waits for something to be tried again: time goes on when nothing else does,
  /// not because a busy machine lets an answer wait; and not to the deadline of the operation
  /// itself.
  void run_timers(const std::stop_token& stop) {
    int seen = -1;
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(kPause);
      const auto next = scheduler_.next_in();
      const bool stands = seen == steps_ && executor_.idle();
      if (stands && next && *next <= kRetryMax) scheduler_.run_next();
      seen = steps_;
    }
  }

  void break_something() {
    using oss::Operation;
    constexpr Operation kKinds[] = {
        Operation::kPut,        Operation::kHead,       Operation::kDelete,
        Operation::kCopy,       Operation::kList,       Operation::kGet,
        Operation::kPutSymlink, Operation::kGetSymlink, Operation::kDeleteMany};
    const fakes::Calls call{.operation = kKinds[below(std::size(kKinds))], .count = 1 + below(2)};
    const Error error{Errc::kUnavailable, "injected", {}};
    const bool is_lost = below(2) == 0;
    note(std::string(is_lost ? "an answer is lost: " : "a request fails: ") +
         oss::name_of(call.operation));
    if (is_lost)
      faulty_.lose_answer(call, error);
    else
      faulty_.fail(call, error);
  }

  void take_turns() {
    note("the other mount");
    settle();
    clock_.advance(kFresh + std::chrono::seconds(1));
    folder_ = folder_ == mounts_.front().get() ? mounts_.back().get() : mounts_.front().get();
  }

  std::string any_directory() {
    auto at = tree_.directories().begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(tree_.directories().size())));
    return *at;
  }
  std::string any_path() {
    const std::string directory = any_directory();
    const std::string name(1, static_cast<char>('a' + below(5)));
    return directory.empty() ? name : directory + "/" + name;
  }
  static std::string parent_of(const std::string& path) { return ReferenceTree::parent_of(path); }
  static std::string name_of(const std::string& path) { return ReferenceTree::name_of(path); }

  /// The inode of a directory that the reference has.
  std::optional<InodeNumber> walk(const std::string& path) {
    InodeNumber at = InodeNumber::kRoot;
    if (path.empty()) return at;
    for (const std::string_view name : split(path, '/')) {
      const auto entry = folder_->lookup(context(), at, name);
      if (!entry) return std::nullopt;
      at = entry->attributes.inode;
    }
    return at;
  }

  Result<void> wait(const std::function<void(Callback<void>)>& start) {
    std::promise<Result<void>> promise;
    auto future = promise.get_future();
    start([&](Result<void> result) { promise.set_value(std::move(result)); });
    return future.get();
  }
  Result<std::string> read_all(HandleNumber handle) {
    std::promise<Result<std::string>> promise;
    auto future = promise.get_future();
    folder_->read(context(), handle, {0, 1 << 20}, [&](Result<std::span<const std::byte>> got) {
      promise.set_value(got ? Result<std::string>(std::string(as_text(*got))) : fail(got.error()));
    });
    return future.get();
  }

  void step() {
    switch (below(12)) {
      case 0:
      case 1:
        write();
        break;
      case 2:
        read();
        break;
      case 3:
        remove();
        break;
      case 4:
        make_directory();
        break;
      case 5:
        remove_directory();
        break;
      case 6:
        rename();
        break;
      case 7:
        truncate();
        break;
      case 8:
      case 9:
        link();
        break;
      case 10:
        make_symlink();
        break;
      default:
        list();
    }
  }

  /// Where faults are injected an operation may fail with them, and then says so.
  bool failed_by_fault(const Error& error) {
    const bool is_fault =
        faults_ && (error.code == Errc::kUnavailable || error.code == Errc::kTimedOut);
    if (is_fault) note("  failed: " + error.message);
    return is_fault;
  }

  /// After an operation on a name that failed: it may have been done, and only its answer lost.
  void find_out(const std::string& path) {
    faulty_.heal();
    folder_->refresh(parent_of(path));
    const auto parent = walk(parent_of(path));
    ASSERT_TRUE(parent) << path;
    const auto entry = folder_->lookup(context(), *parent, name_of(path));
    if (!entry) {
      ASSERT_EQ(entry.error().code, Errc::kNotFound) << path << ": " << entry.error().message;
      tree_.erase(path);
    } else if (S_ISDIR(entry->attributes.mode)) {
      tree_.make_directory(path);
    }
  }

  void write() {
    const std::string path = any_path();
    if (tree_.is_symlink(path)) return;  // which the kernel follows by itself
    const auto parent = walk(parent_of(path));
    if (!parent) {
      ASSERT_TRUE(faults_) << parent_of(path);
      return;
    }
    const bool append = below(2) == 0;
    const std::uint64_t offset = below(30);
    const std::string text(1 + below(40), static_cast<char>('A' + below(26)));
    const int flags = O_RDWR | O_CREAT | (append ? O_APPEND : 0) | (below(4) == 0 ? O_TRUNC : 0);
    auto made = folder_->create(context(), *parent, name_of(path), 0644, flags);
    if (!made && failed_by_fault(made.error())) return;
    if (tree_.is_directory(path)) {
      ASSERT_FALSE(made) << path;
      return;
    }
    ASSERT_TRUE(made) << path << ": " << made.error().message;
    std::string& content = tree_.create(path);
    note("write " + path + (append ? " at its end" : " at " + std::to_string(offset)));
    if ((flags & O_TRUNC) != 0) content.clear();
    const auto written = folder_->write(context(), made->second.handle, as_bytes(text), offset);
    ASSERT_TRUE(written) << written.error().message;
    tree_.write(path, append ? content.size() : offset, text);
    if (below(3) == 0) {
      const auto read_back = read_all(made->second.handle);
      if (read_back) {
        ASSERT_EQ(*read_back, content);
      } else {
        ASSERT_TRUE(faults_) << read_back.error().message;
      }
    }
    const auto flushed = wait([&](Callback<void> done) {
      folder_->flush(
          context(), made->second.handle, [](pid_t) { return false; }, std::move(done));
    });
    if (!flushed) {
      ASSERT_TRUE(failed_by_fault(flushed.error())) << flushed.error().message;
    }
    folder_->release(made->second.handle);
  }

  void read() {
    const std::string path = any_path();
    const auto parent = walk(parent_of(path));
    if (!parent) {
      ASSERT_TRUE(faults_);
      return;
    }
    const auto entry = folder_->lookup(context(), *parent, name_of(path));
    if (!entry && failed_by_fault(entry.error())) return;
    ASSERT_EQ(entry.has_value(), tree_.is_taken(path)) << path;
    if (tree_.is_symlink(path)) {
      const auto target = folder_->readlink(context(), entry->attributes.inode);
      if (!target && failed_by_fault(target.error())) return;
      ASSERT_TRUE(target) << path << ": " << target.error().message;
      ASSERT_EQ(*target, tree_.target(path)) << path;
    }
    if (!tree_.is_file(path)) return;
    ASSERT_EQ(entry->attributes.size_bytes, tree_.content(path).size()) << path;
    check_count(path, *entry);
    note("read " + path);
    const auto opened = folder_->open(context(), entry->attributes.inode, O_RDONLY);
    if (!opened && failed_by_fault(opened.error())) return;
    ASSERT_TRUE(opened) << opened.error().message;
    const auto text = read_all(opened->handle);
    folder_->release(opened->handle);
    if (!text && failed_by_fault(text.error())) return;
    ASSERT_TRUE(text) << text.error().message;
    ASSERT_EQ(*text, tree_.content(path)) << path;
  }

  void check_count(const std::string& path, const Entry& entry) {
    ASSERT_EQ(entry.attributes.link_count, tree_.names_of_file(path)) << path;
  }

  void truncate() {
    const std::string path = any_path();
    const auto inode = walk(path);
    if (!inode || !tree_.is_file(path)) return;
    const std::uint64_t size = below(60);
    note("truncate " + path);
    const auto cut = folder_->setattr(context(), *inode, std::nullopt, {.size_bytes = size});
    if (!cut) {
      ASSERT_TRUE(failed_by_fault(cut.error())) << cut.error().message;
    }
    // The size is ours from the first moment; only its way to OSS may have failed, and is tried
    // again.
    tree_.content(path).resize(size, '\0');
  }

  void remove() {
    const std::string path = any_path();
    const auto parent = walk(parent_of(path));
    if (!parent) return;
    note("unlink " + path);
    const auto gone = folder_->unlink(context(), *parent, name_of(path));
    if (!gone && failed_by_fault(gone.error())) return find_out(path);
    ASSERT_EQ(gone.has_value(), tree_.is_file(path) || tree_.is_symlink(path))
        << path << (gone ? "" : gone.error().message);
    if (gone) tree_.erase(path);
  }

  void link() {
    const std::string from = any_path();
    const std::string to = any_path();
    const auto file = walk(from);
    const auto parent = walk(parent_of(to));
    if (!file || !parent || !tree_.is_taken(from)) return;
    const bool good = tree_.is_file(from) && !tree_.is_taken(to);
    note("link " + from + " " + to);
    const auto made = folder_->link(context(), *file, *parent, name_of(to));
    if (!made && failed_by_fault(made.error())) {
      const bool was_taken = tree_.is_taken(to);
      find_out(to);
      const auto there = walk(to);
      if (was_taken || !there) return;
      ASSERT_EQ(*there, *file) << from << " -> " << to;
      tree_.link(from, to);
      return;
    }
    ASSERT_EQ(made.has_value(), good)
        << from << " -> " << to << (made ? "" : ": " + made.error().message);
    if (!good) return;
    ASSERT_EQ(made->attributes.inode, *file) << from << " -> " << to;
    tree_.link(from, to);
    check_count(to, *made);
  }
  void make_symlink() {
    const std::string path = any_path();
    const std::string target = any_target();
    const auto parent = walk(parent_of(path));
    if (!parent) return;
    note("symlink " + target + " " + path);
    const auto made = folder_->symlink(context(), *parent, name_of(path), target);
    if (!made && failed_by_fault(made.error())) {
      const bool was_taken = tree_.is_taken(path);
      find_out(path);
      if (!was_taken && walk(path)) tree_.make_symlink(path, target);
      return;
    }
    ASSERT_EQ(made.has_value(), !tree_.is_taken(path))
        << path << (made ? "" : made.error().message);
    if (made) tree_.make_symlink(path, target);
  }
  /// Of the three kinds: to a name beside the link or elsewhere in the folder, to what need not be
  /// there; out of it; in a form of its own.
  std::string any_target() {
    const std::string name(1, static_cast<char>('a' + below(6)));
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

  void make_directory() {
    const std::string path = any_path();
    const auto parent = walk(parent_of(path));
    if (!parent) return;
    note("mkdir " + path);
    const auto made = folder_->mkdir(context(), *parent, name_of(path), 0755);
    if (!made && failed_by_fault(made.error())) return find_out(path);
    ASSERT_EQ(made.has_value(), !tree_.is_taken(path))
        << path << (made ? "" : made.error().message);
    if (made) tree_.make_directory(path);
  }

  void remove_directory() {
    const std::string path = any_path();
    const auto parent = walk(parent_of(path));
    if (!parent) return;
    note("rmdir " + path);
    const auto gone = folder_->rmdir(context(), *parent, name_of(path));
    if (!gone && failed_by_fault(gone.error())) return find_out(path);
    ASSERT_EQ(gone.has_value(), tree_.is_directory(path) && !tree_.has_children(path))
        << path << (gone ? "" : gone.error().message);
    if (gone) tree_.erase(path);
  }

  void rename() {
    const std::string from = any_path();
    const std::string to = any_path();
    const auto from_parent = walk(parent_of(from));
    const auto to_parent = walk(parent_of(to));
    if (!from_parent || !to_parent || !tree_.is_taken(from)) return;
    const bool good = tree_.may_rename(from, to);
    if (faults_)
      faulty_.heal();  // a rename that failed half-way leaves both names: not what is compared here
    note("rename " + from + " " + to);
    const auto move = [&] {
      return folder_->rename(context(), *from_parent, name_of(from), *to_parent, name_of(to),
                             RenameMode::kReplace);
    };
    auto moved = move();
    // It may have waited for a commit that began while there were faults still.
    if (!moved && failed_by_fault(moved.error())) moved = move();
    ASSERT_EQ(moved.has_value(), good)
        << from << " -> " << to << (moved ? "" : ": " + moved.error().message);
    if (good) tree_.rename(from, to);
  }

  void list() {
    const std::string path = any_directory();
    const auto inode = walk(path);
    if (!inode) {
      ASSERT_TRUE(faults_) << path;
      return;
    }
    note("list " + path);
    auto handle = folder_->opendir(context(), *inode);
    ASSERT_TRUE(handle);
    std::set<std::string> got;
    const auto read = folder_->readdir(context(), *handle, 0, [&](const DirectoryEntry& entry) {
      if (entry.name != "." && entry.name != "..") got.emplace(entry.name);
      return true;
    });
    folder_->releasedir(*handle);
    if (!read && failed_by_fault(read.error())) return;
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(got, tree_.children(path)) << path;
  }

  /// Lets retries run until everything that was written is in the store.
  void settle() {
    const auto drain = [&] { return folder_->drain(Deadline::in(clock_, std::chrono::hours(1))); };
    if (faults_) static_cast<void>(drain());  // an answer that will be lost may be on its way still
    const auto drained = drain();
    ASSERT_TRUE(drained) << drained.error().message;
    ASSERT_TRUE(folder_->pending().empty());
  }

  /// A file with one name is an object of its own, or lies where those with several do.
  void compare_store() {
    std::map<std::string, std::string> stored;
    for (const std::string& key : store_.keys()) {
      if (key.ends_with('/') || key.starts_with(kLinkArea)) continue;
      const std::string path = key.substr(kPrefix.size());
      if (tree_.is_symlink(path)) continue;  // which is read by its name
      const auto meta = store_.meta(key);
      const bool is_name = meta && meta->type == oss::ObjectType::kSymlink;
      const std::string content_key = is_name ? *store_.content(key) : key;
      stored[path] = store_.content(content_key).value_or("nothing");
    }
    std::map<std::string, std::string> wanted;
    for (const auto& [path, content] : tree_.files()) wanted[path] = *content;
    ASSERT_EQ(stored, wanted);
  }

  /// What is kept of files with several names is what their names lead to, and each counts once.
  void compare_link_area() {
    std::set<std::string> kept;
    std::set<std::string> wanted;
    for (const std::string& key : store_.keys()) {
      if (key.starts_with(kLinkArea)) kept.insert(key);
      const auto meta = store_.meta(key);
      const auto token = meta->headers.user.find("stsfs-link");
      if (meta->type != oss::ObjectType::kSymlink || token == meta->headers.user.end()) continue;
      const std::string content_key = *store_.content(key);
      wanted.insert(content_key);
      ASSERT_TRUE(wanted.insert(content_key + "." + token->second).second) << key;
    }
    // Where answers are lost, what nobody can be sure of stays: rather that than a name that leads
    // to nothing.
    if (faults_)
      ASSERT_TRUE(std::includes(kept.begin(), kept.end(), wanted.begin(), wanted.end()));
    else
      ASSERT_EQ(kept, wanted);
  }

  /// As a machine sees it that has never seen it before.
  void compare_tree() {
    clock_.advance(std::chrono::minutes(5));
    FolderOptions options;
    options.prefix = kPrefix;
    options.staging_directory = directory_.path() + "/staging-of-another";
    mounts_.push_back(MountedFolder::make(faulty_, scheduler_, ticking_, options).value());
    for (MountedFolder* folder : {folder_, mounts_.back().get()}) {
      folder_ = folder;
      std::map<std::shared_ptr<std::string>, InodeNumber> inodes;
      for (const auto& [path, content] : tree_.files()) {
        const auto inode = walk(path);
        ASSERT_TRUE(inode) << path;
        const auto entry = folder_->getattr(context(), *inode);
        ASSERT_TRUE(entry) << path;
        ASSERT_EQ(entry->attributes.size_bytes, content->size()) << path;
        check_count(path, *entry);
        ASSERT_EQ(inodes.emplace(content, *inode).first->second, *inode) << path;
      }
      for (const auto& [path, target] : tree_.symlinks()) {
        const auto inode = walk(path);
        ASSERT_TRUE(inode) << path;
        const auto read = folder_->readlink(context(), *inode);
        ASSERT_TRUE(read) << path << ": " << read.error().message;
        ASSERT_EQ(*read, target) << path;
      }
    }
  }

  std::mt19937_64 random_;
  const int steps_wanted_;
  const bool faults_;
  stsfs::testing::TemporaryDirectory directory_{stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock_;
  TickingClock ticking_{clock_};
  fakes::LoopExecutor executor_;
  fakes::FakeObjectStore store_;
  fakes::FaultyStore faulty_;
  fakes::FakeScheduler scheduler_;
  std::vector<std::unique_ptr<MountedFolder>> mounts_;
  MountedFolder* folder_ = nullptr;  // whose turn it is

  std::atomic<int> steps_ = 0;
  std::jthread timers_;

  std::vector<std::string> operations_;
  ReferenceTree tree_;
};

struct Kind {
  const char* name;
  bool faults = false;
  std::size_t mounts = 1;
  bool copies_keep_etags = true;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

class FolderModel : public ::testing::TestWithParam<Kind> {
 protected:
  static void run(std::uint64_t seed, int steps) {
    const Kind& kind = GetParam();
    Model(seed, steps, kind.faults, kind.mounts, kind.copies_keep_etags).run();
  }
};

TEST_P(FolderModel, AgreesWithAPlainMapOfFilesInManyShortRuns) {
  run_seeded({.usual = 400, .full = 4'000},
             [](std::uint64_t seed) { run(seed, 20 + static_cast<int>(seed % 41)); });
}

TEST_P(FolderModel, AgreesWithAPlainMapOfFilesInLongRuns) {
  run_seeded({.usual = 20, .full = 100}, [](std::uint64_t seed) { run(seed, 400); });
}

INSTANTIATE_TEST_SUITE_P(
    Runs, FolderModel,
    ::testing::Values(Kind{.name = "OneMount"}, Kind{.name = "OneMountWithFaults", .faults = true},
                      Kind{.name = "TwoMounts", .mounts = 2},
                      Kind{.name = "TwoMountsWithFaults", .faults = true, .mounts = 2},
                      Kind{.name = "OneMountAndOtherEtags", .copies_keep_etags = false},
                      Kind{.name = "OneMountWithFaultsAndOtherEtags",
                           .faults = true,
                           .copies_keep_etags = false}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace stsfs::fs
