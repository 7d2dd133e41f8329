// Another client writes, or removes, between any two of our requests: each scenario is run again
// and again, with the foreign change before its first request, its second, and so on to the last.
// No version is lost, and what we report is so.

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "folder_fixture.h"
#include "support/sanitized.h"

#include "stsfs/oss/operation.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

const std::string kKey = "users/alice/f";
/// More than a commit that fails for good needs to say so again.
constexpr int kTimersRun = 6;
const std::string kTheirs = "written by another client";

/// Under the sanitizers, where everything takes long, some of the places: what they look for is at
/// each of them.
constexpr std::uint64_t kEvery = kIsSanitized ? 3 : 1;

enum class OtherClient { kWrites, kRemoves };

/// One life of a folder in which another client changes an object once.
class ForeignChange : public FolderTest {
 protected:
  ForeignChange() { options_.plan = small_plan(); }

  struct Scenario {
    bool exists = false;  ///< The object is there before.
    bool small = false;   ///< It is so small that a change of a part is put whole.
    std::function<Result<void>()> run;
    std::string ours;  ///< What the file holds afterwards.
    /// The request that makes the object looks at nothing itself: OSS has no If-Match on a write.
    std::set<Operation> blind = {};
    std::function<void()> prepare = {};
    /// Once `run` has failed there is nothing of ours to keep.
    bool fails_whole = false;
    bool has_bytes = true;  ///< Else only attributes are ours, and theirs may replace all of it.
    /// Ours is there by then, and is theirs to replace: what is left is the old name, which may
    /// have to be looked at first.
    std::set<Operation> afterwards = {};
    std::string key = kKey;        ///< Where the other writes.
    bool may_be_replaced = false;  ///< By a blind request, as with `exists`.
  };

  /// Comes before one request, of whatever thread.
  class TheirChange {
   public:
    explicit TheirChange(std::uint64_t request) : request_(request) {}

    void before(Operation operation, const std::function<void()>& change) {
      MutexLock lock(mutex_);
      if (is_over_ || ++seen_ != request_) return;
      hit_ = operation;
      change();
    }
    /// Nothing is changed from here on. Gives what the request was, unless there were fewer.
    std::optional<Operation> end() {
      MutexLock lock(mutex_);
      is_over_ = true;
      return hit_;
    }

   private:
    Mutex mutex_;
    const std::uint64_t request_;
    std::uint64_t seen_ STSFS_GUARDED_BY(mutex_) = 0;
    bool is_over_ STSFS_GUARDED_BY(mutex_) = false;
    std::optional<Operation> hit_ STSFS_GUARDED_BY(mutex_);
  };

  static std::string base() { return std::string(20 * kUnit, 'b'); }
  static std::string small_base() { return std::string(3 * kUnit, 's'); }
  static std::string base_of(const Scenario& scenario) {
    return scenario.small ? small_base() : base();
  }

  HandleNumber open(int flags) {
    return folder_->open(context(), lookup("f")->attributes.inode, flags)->handle;
  }
  Result<void> write_at(HandleNumber handle, std::uint64_t at, const std::string& text) {
    auto written = folder_->write(context(), handle, as_bytes(text), at);
    if (!written) return fail(std::move(written.error()));
    return {};
  }
  Result<void> close(HandleNumber handle) {
    auto flushed = flush(handle);
    folder_->release(handle);
    return flushed;
  }

  /// Begins anew with an empty bucket.
  void begin_again(const Scenario& scenario, CommitMode mode) {
    folder_->stop();
    folder_.reset();
    faulty_.heal();
    for (const std::string& key : store_.keys()) store_.erase(key);
    options_.staging_directory = directory_.path() + "/staging-" + std::to_string(++life_);
    options_.commit = mode;
    begin();
    if (scenario.exists) store_.put(kKey, base_of(scenario));
    names(kRoot);
    if (scenario.exists) {
      ASSERT_TRUE(lookup("f"));
    }
    if (scenario.prepare) scenario.prepare();
  }

  /// Runs it with a foreign change before request `n`. Returns false when there were fewer.
  bool run_with_change_before(const Scenario& scenario, CommitMode mode, OtherClient other,
                              std::uint64_t n) {
    begin_again(scenario, mode);
    const auto theirs = std::make_shared<TheirChange>(n);
    std::optional<std::string> removed;
    for (int i = 0; i < static_cast<int>(oss::kOperationCount); ++i) {
      const auto operation = static_cast<Operation>(i);
      faulty_.before({.operation = operation, .count = Calls::kAll},
                     [this, &removed, theirs, operation, other, key = scenario.key] {
                       theirs->before(operation, [&] {
                         if (other == OtherClient::kRemoves)
                           removed = take(key);
                         else
                           store_.put(key, kTheirs);
                       });
                     });
    }
    const Result<void> told = scenario.run();
    for (int timer = 0; timer < kTimersRun && scheduler_.run_next(); ++timer) {
    }
    // What waited for the journal while its own thread wrote to it goes on there.
    const auto enough = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (store_.open_uploads() > 0 && std::chrono::steady_clock::now() < enough)
      std::this_thread::yield();
    const std::optional<Operation> hit = theirs->end();
    if (!hit) return false;
    SCOPED_TRACE((other == OtherClient::kWrites ? "written" : "removed") +
                 std::string(" before request ") + std::to_string(n) + ", operation " +
                 std::to_string(static_cast<int>(*hit)) +
                 (mode == CommitMode::kClose ? "" : ", in the background"));
    if (other == OtherClient::kWrites)
      check_written(scenario, *hit);
    else
      check_removed(scenario, removed);
    check(scenario, told, *hit, removed);
    return true;
  }

  /// Removes it as another client; gives what it was.
  std::optional<std::string> take(const std::string& key) {
    auto content = store_.content(key);
    store_.erase(key);
    return content;
  }

  std::multiset<std::string> contents() const {
    std::multiset<std::string> out;
    for (const std::string& key : store_.keys()) out.insert(*store_.content(key));
    return out;
  }

  void check_written(const Scenario& scenario, Operation hit) {
    EXPECT_TRUE(contents().contains(kTheirs) ||
                ((scenario.exists || scenario.may_be_replaced) && scenario.blind.contains(hit)))
        << "theirs is lost";
  }

  /// What they removed does not come back by itself.
  void check_removed(const Scenario& scenario, const std::optional<std::string>& removed) {
    if (removed) {
      EXPECT_TRUE(*removed == scenario.ours || store_.content(scenario.key) != removed)
          << "it is there again";
    }
  }

  void check(const Scenario& scenario, const Result<void>& told, Operation hit,
             const std::optional<std::string>& removed) {
    const std::multiset<std::string> found = contents();
    if (scenario.has_bytes && !scenario.afterwards.contains(hit)) {
      const bool ours_was_there = found.contains(scenario.ours) || removed == scenario.ours;
      const bool pending = !folder_->pending().empty();
      EXPECT_TRUE(ours_was_there || pending || (!told && scenario.fails_whole)) << "ours is lost";
      if (told && options_.commit == CommitMode::kClose) {
        EXPECT_TRUE(ours_was_there) << "we said that it is there";
      }
    }
    // What is put beside another's is told to who waits for it, except of a rename, that went well.
    if (told && options_.commit == CommitMode::kClose && scenario.afterwards.empty()) {
      const auto keys = store_.keys();
      EXPECT_TRUE(std::none_of(keys.begin(), keys.end(), [](const auto& key) {
        return key.find(".conflict-") < key.size();
      })) << "nobody was told";
    }
    if (!told) {
      const Errc code = told.error().code;
      EXPECT_TRUE(code == Errc::kStale || code == Errc::kExists ||
                  (scenario.key.ends_with('/') && code == Errc::kNotEmpty) ||
                  (scenario.fails_whole &&
                   (code == Errc::kChanged || (removed && code == Errc::kNotFound))))
          << told.error().message;
    }
    // Nothing else has come from it: no mixture of the two.
    for (const std::string& content : found)
      EXPECT_TRUE(content == kTheirs || content == scenario.ours || content == base_of(scenario))
          << "a content of " << content.size() << " bytes is neither";
    EXPECT_EQ(store_.open_uploads(), 0U);
  }

 private:
  int life_ = 0;
};

class ForeignWriter : public ForeignChange, public ::testing::WithParamInterface<OtherClient> {
 protected:
  void run_all(const Scenario& scenario) {
    for (const CommitMode mode : {CommitMode::kClose, CommitMode::kBackground}) {
      std::uint64_t n = 1;
      while (n < 200 && run_with_change_before(scenario, mode, GetParam(), n)) n += kEvery;
      EXPECT_GT(n, 1U) << "no request at all: the test shows nothing";
      EXPECT_LT(n, 200U);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Each, ForeignWriter,
                         ::testing::Values(OtherClient::kWrites, OtherClient::kRemoves),
                         [](const auto& other) {
                           return other.param == OtherClient::kWrites ? "Writes" : "Removes";
                         });

TEST_P(ForeignWriter, WhenASmallFileIsNew) {
  run_all({.run = [&]() { return write_file(kRoot, "f", "ours"); }, .ours = "ours"});
}

TEST_P(ForeignWriter, WhenALargeFileIsNew) {
  const std::string ours(40 * kUnit, 'o');
  run_all({.run = [&]() -> Result<void> {
             const auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY);
             if (!made) return fail(made.error());
             for (std::uint64_t at = 0; at < 40; ++at)
               static_cast<void>(write_at(made->second.handle, at * kUnit, ours.substr(0, kUnit)));
             return close(made->second.handle);
           },
           .ours = ours});
}

TEST_P(ForeignWriter, WhenAFileIsWrittenAnew) {
  run_all({.exists = true,
           .run =
               [&]() {
                 const HandleNumber handle = open(O_WRONLY | O_TRUNC);
                 static_cast<void>(write_at(handle, 0, "ours"));
                 return close(handle);
               },
           .ours = "ours",
           .blind = {Operation::kPut}});
}

TEST_P(ForeignWriter, WhenALargeFileIsWrittenAnew) {
  const std::string ours(30 * kUnit, 'o');
  run_all({.exists = true,
           .run =
               [&]() {
                 const HandleNumber handle = open(O_WRONLY | O_TRUNC);
                 for (std::uint64_t at = 0; at < 30; ++at)
                   static_cast<void>(write_at(handle, at * kUnit, ours.substr(0, kUnit)));
                 return close(handle);
               },
           .ours = ours,
           .blind = {Operation::kComplete}});
}

TEST_P(ForeignWriter, WhenAPartOfAFileIsChanged) {
  std::string ours = base();
  ours.replace(10 * kUnit, 7, "CHANGED");
  run_all({.exists = true,
           .run =
               [&]() {
                 const HandleNumber handle = open(O_RDWR);
                 static_cast<void>(write_at(handle, 10 * kUnit, "CHANGED"));
                 return close(handle);
               },
           .ours = ours,
           .blind = {Operation::kComplete}});
}

TEST_P(ForeignWriter, WhenAFileIsAppendedTo) {
  run_all({.exists = true,
           .run =
               [&]() {
                 const HandleNumber handle = open(O_WRONLY | O_APPEND);
                 static_cast<void>(write_at(handle, 0, std::string(kUnit, 'a')));
                 return close(handle);
               },
           .ours = base() + std::string(kUnit, 'a'),
           .blind = {Operation::kComplete}});
}

TEST_P(ForeignWriter, WhenAPartOfASmallFileIsChanged) {
  std::string ours = small_base();
  ours.replace(kUnit, 7, "CHANGED");
  run_all({.exists = true,
           .small = true,
           .run =
               [&]() {
                 const HandleNumber handle = open(O_RDWR);
                 static_cast<void>(write_at(handle, kUnit, "CHANGED"));
                 return close(handle);
               },
           .ours = ours,
           .blind = {Operation::kPut}});
}

TEST_P(ForeignWriter, WhenASmallFileIsAppendedTo) {
  run_all({.exists = true,
           .small = true,
           .run =
               [&]() {
                 const HandleNumber handle = open(O_WRONLY | O_APPEND);
                 static_cast<void>(write_at(handle, 0, "and more"));
                 return close(handle);
               },
           .ours = small_base() + "and more",
           .blind = {Operation::kPut}});
}

TEST_P(ForeignWriter, WhenASmallFileIsRenamed) {
  run_all({.exists = true,
           .small = true,
           .run = [&]() -> Result<void> {
             auto renamed =
                 folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kNoReplace);
             return renamed ? drain() : renamed;
           },
           .ours = small_base(),
           .blind = {Operation::kDelete},
           .fails_whole = true,
           .has_bytes = false});
}

// The second commit copies what the first one brought, as long as that is there; else it has it
// here.
TEST_P(ForeignWriter, WhenAFileIsSyncedAndChangedOnceMore) {
  std::string ours = base();
  ours.replace(10 * kUnit, 7, "CHANGED");
  run_all({.exists = true,
           .run = [&]() -> Result<void> {
             const HandleNumber handle = open(O_RDWR | O_TRUNC);
             const std::string piece(kUnit, 'b');
             for (std::uint64_t at = 0; at < 20; ++at)
               static_cast<void>(write_at(handle, at * kUnit, piece));
             auto synced = wait([&](Callback<void> done) {
               folder_->fsync(context(), handle, false, std::move(done));
             });
             static_cast<void>(write_at(handle, 10 * kUnit, "CHANGED"));
             auto closed = close(handle);
             return synced ? std::move(closed) : std::move(synced);
           },
           .ours = ours,
           .blind = {Operation::kComplete}});
}

// Editors save so. What is renamed over is another's version by then: that one is kept beside it.
TEST_P(ForeignWriter, WhenAFileIsRenamedOverIt) {
  run_all({.exists = true,
           .run = [&]() -> Result<void> {
             auto renamed =
                 folder_->rename(context(), kRoot, "new", kRoot, "f", RenameMode::kReplace);
             return renamed ? drain() : renamed;
           },
           .ours = "ours",
           .blind = {Operation::kCopy},
           .prepare =
               [&] {
                 ASSERT_TRUE(write_file(kRoot, "new", "ours"));
                 ASSERT_TRUE(drain());
                 clock_.advance(std::chrono::seconds(5));
               },
           .afterwards = {Operation::kBrief, Operation::kDelete, Operation::kDeleteMany}});
}

// Theirs comes between the removal and the delete, which is behind the journal, or before both.
TEST_P(ForeignWriter, WhenAFileIsRemoved) {
  run_all({.exists = true,
           .run =
               [&]() {
                 auto gone = folder_->unlink(context(), kRoot, "f");
                 return gone ? drain() : gone;
               },
           .blind = {Operation::kDelete},
           .has_bytes = false});
}

TEST_P(ForeignWriter, WhenItIsRemovedWithManyOthers) {
  constexpr int kOthers = 40;
  run_all({.exists = true,
           .run = [&]() -> Result<void> {
             for (int i = 0; i < kOthers; ++i)
               if (auto gone = folder_->unlink(context(), kRoot, "f" + std::to_string(i)); !gone)
                 return gone;
             auto gone = folder_->unlink(context(), kRoot, "f");
             return gone ? drain() : gone;
           },
           .blind = {Operation::kDeleteMany},
           .prepare =
               [&] {
                 for (int i = 0; i < kOthers; ++i)
                   store_.put(kKey + std::to_string(i), base().substr(0, 1));
                 folder_->refresh();
                 names(kRoot);
                 for (int i = 0; i < kOthers; ++i) ASSERT_TRUE(lookup("f" + std::to_string(i)));
                 ASSERT_TRUE(lookup("f"));
               },
           .has_bytes = false});
}

// The other writes under the old name.
TEST_P(ForeignWriter, WhenAFileIsRenamed) {
  run_all({.exists = true,
           .run = [&]() -> Result<void> {
             auto renamed =
                 folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kReplace);
             if (!renamed) return renamed;
             // What was there when it was copied.
             const auto moved = store_.content("users/alice/g");
             EXPECT_TRUE(moved == base() || moved == kTheirs);
             return drain();
           },
           .ours = base(),
           .blind = {Operation::kDelete},
           .fails_whole = true,
           .has_bytes = false});
}

// What was a link here is theirs by then.
TEST_P(ForeignWriter, WhenAFileIsRenamedOverALink) {
  run_all({.run = [&]() -> Result<void> {
             auto renamed =
                 folder_->rename(context(), kRoot, "new", kRoot, "f", RenameMode::kReplace);
             return renamed ? drain() : renamed;
           },
           .ours = "ours",
           .blind = {Operation::kCopy},
           .prepare =
               [&] {
                 ASSERT_TRUE(write_file(kRoot, "new", "ours"));
                 ASSERT_TRUE(folder_->symlink(context(), kRoot, "f", "new"));
               },
           .afterwards = {Operation::kBrief, Operation::kDelete, Operation::kDeleteMany},
           .may_be_replaced = true});
}

TEST_P(ForeignWriter, WhenADirectoryIsRemoved) {
  run_all({.exists = true,
           .run =
               [&]() {
                 auto gone = folder_->rmdir(context(), kRoot, "d");
                 return gone ? drain() : gone;
               },
           .blind = {Operation::kDelete},
           .prepare = [&] { ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755)); },
           .has_bytes = false,
           .key = "users/alice/d/"});
}

TEST_P(ForeignWriter, WhenOnlyAttributesChange) {
  run_all({.exists = true,
           .run = [&]() -> Result<void> {
             AttributeChange change;
             change.mode = 0600;
             const auto done =
                 folder_->setattr(context(), lookup("f")->attributes.inode, std::nullopt, change);
             if (!done) return fail(done.error());
             return {};
           },
           .ours = base(),
           .fails_whole = true,
           .has_bytes = false});
}

// The other writes the file that a copy within the mount takes its bytes from.
TEST_P(ForeignWriter, WhenAFileIsCopied) {
  run_all({.exists = true,
           .run = [&]() -> Result<void> {
             const HandleNumber from = open(O_RDONLY);
             const auto made = folder_->create(context(), kRoot, "copy", 0644, O_WRONLY | O_CREAT);
             if (!made) return fail(made.error());
             const HandleNumber to = made->second.handle;
             const auto copied = folder_->copy_range(context(), from, {0, 20 * kUnit}, to, 0);
             auto closed = close(to);
             folder_->release(from);
             if (!copied) return fail(copied.error());
             return closed;
           },
           .ours = base(),
           .fails_whole = true});
}

// The handle goes on in what lies beside theirs, and that is not lost sight of.
TEST_F(ForeignChange, WhatIsWrittenOnBesideTheirsIsPending) {
  begin_again({.exists = true, .run = {}, .ours = {}}, CommitMode::kBackground);
  const HandleNumber handle = open(O_RDWR | O_TRUNC);
  ASSERT_TRUE(write_at(handle, 0, "ours"));
  store_.put(kKey, kTheirs);
  ASSERT_TRUE(flush(handle));
  EXPECT_EQ(drain().error().code, Errc::kStale);
  faulty_.fail({.operation = Operation::kPut, .count = Calls::kAll},
               Error{Errc::kUnavailable, "no", {}});
  ASSERT_TRUE(write_at(handle, 4, " and more"));
  EXPECT_TRUE(close(handle));
  const auto pending = folder_->pending();
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_TRUE(pending[0].path.starts_with("f.conflict-")) << pending[0].path;
  EXPECT_EQ(drain().error().code, Errc::kUnavailable);
  faulty_.heal();
  EXPECT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/" + pending[0].path), "ours and more");
  EXPECT_EQ(store_.content(kKey), kTheirs);
}

}  // namespace
}  // namespace stsfs::fs
