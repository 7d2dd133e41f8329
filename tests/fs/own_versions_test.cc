// Where a copy has an ETag of its own, what this mount itself does to an object (a rename of a
// directory above it, a change of its attributes) takes the version away that others here count on.
// Nobody else has done anything: no change is refused, set aside or put beside it, whenever the
// copy comes, and wherever the daemon is killed.

#include <algorithm>
#include <array>
#include <thread>

#include "folder_fixture.h"
#include "support/sanitized.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

constexpr std::string_view kOldKey = "users/alice/d/f";
constexpr const char* kNewKey = "users/alice/n/f";
constexpr const char* kCopyKey = "users/alice/g";

constexpr std::array kOperations{Operation::kList,     Operation::kHead,       Operation::kGet,
                                 Operation::kPut,      Operation::kCopy,       Operation::kInitiate,
                                 Operation::kCopyPart, Operation::kUploadPart, Operation::kComplete,
                                 Operation::kGetAcl};

/// Under the sanitizers, where everything takes long, some of the places: what they look for is at
/// each of them.
constexpr std::uint64_t kStep = kIsSanitized ? 3 : 1;

enum class Change { kWrite, kAppend, kTruncate, kOverwrite, kStream, kChmod, kCopyFrom };

std::string bytes_of(std::uint64_t size, char salt) {
  std::string out(size, '\0');
  std::uint64_t state = static_cast<unsigned char>(salt);
  for (char& c : out) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    c = static_cast<char>(state >> 56);
  }
  return out;
}

/// Goes up while it is being written.
const std::string& streamed() {
  static const std::string out = bytes_of(25 * kUnit, 's');
  return out;
}

class OwnVersions : public FolderTest {
 protected:
  explicit OwnVersions(
      std::unique_ptr<fakes::Executor> executor = std::make_unique<fakes::LoopExecutor>())
      : FolderTest({.copy_keeps_etag = false}, std::move(executor)) {}

  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  InodeNumber file() { return inode_of("f", inode_of("n")); }

  /// `d` is called `n`, and its objects are where they were, until something has them come.
  void rename_only(const std::string& content) {
    kill_and_begin();  // knows nothing of the time before
    for (const std::string& key : store_.keys()) store_.erase(key);
    store_.put("users/alice/d/", "");
    store_.put(std::string(kOldKey), content);
    names(inode_of("d"));
    inode_of("f", inode_of("d"));
    clock_.advance(std::chrono::seconds(5));
    faulty_.fail({.operation = Operation::kCopy, .count = Calls::kAll},
                 Error{Errc::kUnavailable, "stopped", {}});
    ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "n", RenameMode::kReplace));
    EXPECT_FALSE(drain());  // from here on a timer would try it again
    faulty_.heal();
  }
  void on_the_loop(const std::function<void()>& what) {
    std::promise<void> done;
    const Transfer task = executor_->run([&] {
      what();
      done.set_value();
    });
    done.get_future().get();
  }
  bool has_come() const { return !store_.meta(std::string(kOldKey)); }
  void let_it_come(std::chrono::milliseconds within = std::chrono::minutes(1)) {
    folder_->resume();
    const auto until = std::chrono::steady_clock::now() + within;
    while (!has_come() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  }
  /// `work`, until all of it is in OSS, with the copy coming just before the `at`th request of that
  /// kind, or just before its answer. False: there was none.
  bool come_at(Operation operation, std::uint64_t at, bool answered,
               const std::function<void()>& work) {
    constexpr std::chrono::milliseconds kHeld{1};
    // Where the request is one of the move itself it comes after that.
    constexpr std::chrono::milliseconds kItsOwn{100};
    const Calls calls{.operation = operation, .from = at};
    if (answered)
      faulty_.delay_answer(calls, kHeld);
    else
      faulty_.delay(calls, kHeld);
    const std::uint64_t before = faulty_.started(operation);
    const auto is_reached = [&] { return faulty_.started(operation) >= before + at; };
    std::jthread other([&](const std::stop_token& stop) {
      for (bool may_come = true; !stop.stop_requested();) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
        const auto next = scheduler_.next_in();
        if (!is_reached() || !next || *next > kHeld) continue;
        if (std::exchange(may_come, false)) let_it_come(kItsOwn);
        on_the_loop([&] { scheduler_.advance(kHeld); });
      }
    });
    work();
    EXPECT_TRUE(drain());
    const bool was_reached = is_reached();
    faulty_.heal();
    EXPECT_TRUE(drain());
    return was_reached;
  }

  /// `work` once for each request of it, with the copy coming before it or before its answer;
  /// `check` is made of each.
  void let_it_come_everywhere(
      const std::string& content, const std::function<void()>& work,
      const std::function<void()>& check, const std::function<void()>& prepare = [] {}) {
    for (const Operation operation : kOperations)
      for (const bool answered : {false, true})
        for (std::uint64_t at = 1;; at += kStep) {
          SCOPED_TRACE(std::string(answered ? "answer of " : "before ") + oss::name_of(operation) +
                       " " + std::to_string(at));
          ASSERT_NO_FATAL_FAILURE(rename_only(content));
          ASSERT_NO_FATAL_FAILURE(prepare());
          const bool reached = come_at(operation, at, answered, work);
          ASSERT_TRUE(drain());
          ASSERT_NO_FATAL_FAILURE(check());
          if (!reached) break;
        }
  }

  Result<void> close_after(HandleNumber handle) {
    auto flushed = flush(handle);
    folder_->release(handle);
    return flushed;
  }
  Result<void> write_to(int flags, std::string_view bytes, std::uint64_t offset) {
    auto opened = folder_->open(context(), file(), flags);
    if (!opened) return fail(opened.error());
    constexpr std::uint64_t kPiece = kUnit;
    for (std::uint64_t at = 0; at < bytes.size(); at += kPiece) {
      auto written = folder_->write(context(), opened->handle, as_bytes(bytes.substr(at, kPiece)),
                                    offset + at);
      if (!written) return fail(written.error());
    }
    return close_after(opened->handle);
  }
  Result<void> copy_to_g() {
    auto from = folder_->open(context(), file(), O_RDONLY);
    if (!from) return fail(from.error());
    auto to = folder_->create(context(), kRoot, "g", 0644, O_RDWR | O_CREAT);
    if (!to) return fail(to.error());
    auto copied = folder_->copy_range(context(), from->handle, {0, 1 << 30}, to->second.handle, 0);
    folder_->release(from->handle);
    if (!copied) return fail(copied.error());
    return close_after(to->second.handle);
  }
  Result<void> chmod(mode_t mode) {
    AttributeChange change;
    change.mode = mode;
    auto done = folder_->setattr(context(), file(), std::nullopt, change);
    if (!done) return fail(done.error());
    return {};
  }
  Result<void> cut(std::uint64_t size) {
    AttributeChange change;
    change.size_bytes = size;
    auto done = folder_->setattr(context(), file(), std::nullopt, change);
    if (!done) return fail(done.error());
    return {};
  }
  Result<void> make(Change change, std::uint64_t size) {
    switch (change) {
      case Change::kWrite:
        return write_to(O_RDWR, "CHANGED", size / 2);
      case Change::kAppend:
        return write_to(O_WRONLY | O_APPEND, "MORE", 0);
      case Change::kTruncate:
        return cut(size / 2 + 1);
      case Change::kOverwrite:
        return write_to(O_WRONLY | O_TRUNC, "all of it", 0);
      case Change::kStream:
        return write_to(O_WRONLY | O_TRUNC, streamed(), 0);
      case Change::kChmod:
        return chmod(0600);
      case Change::kCopyFrom:
        return copy_to_g();
    }
    return {};
  }
  static std::string changed(std::string content, Change change) {
    switch (change) {
      case Change::kWrite:
        return content.replace(content.size() / 2, 7, "CHANGED");
      case Change::kAppend:
        return content + "MORE";
      case Change::kTruncate:
        return content.substr(0, content.size() / 2 + 1);
      case Change::kOverwrite:
        return "all of it";
      case Change::kStream:
        return streamed();
      case Change::kChmod:
      case Change::kCopyFrom:
        break;
    }
    return content;
  }
  bool has_mode(const std::string& mode) {
    const auto meta = store_.meta(kNewKey);
    return meta && meta->headers.user.contains("mode") && meta->headers.user.at("mode") == mode;
  }
  /// Nothing is left to do, nothing lies beside it, nobody has to be rescued.
  void expect_made(Change change, const std::string& before) {
    ASSERT_TRUE(drain());
    std::vector<std::string> keys{"users/alice/n/", kNewKey};
    if (change == Change::kCopyFrom) keys.insert(keys.begin(), kCopyKey);
    ASSERT_EQ(store_.keys(), keys);
    ASSERT_TRUE(folder_->pending().empty()) << folder_->pending()[0].last_error;
    ASSERT_TRUE(store_.content(kNewKey) == changed(before, change));
    if (change == Change::kCopyFrom) {
      ASSERT_TRUE(store_.content(kCopyKey) == before);
    }
    if (change == Change::kChmod) {
      ASSERT_TRUE(has_mode(std::to_string(S_IFREG | 0600)));
    }
  }
};

struct Case {
  const char* name;
  Change change;
  std::uint64_t size;
  CommitMode commit;
};

class OwnVersionsOf : public OwnVersions, public ::testing::WithParamInterface<Case> {
 protected:
  explicit OwnVersionsOf(
      std::unique_ptr<fakes::Executor> executor = std::make_unique<fakes::LoopExecutor>())
      : OwnVersions(std::move(executor)) {
    options_.commit = GetParam().commit;
    options_.plan = small_plan();
    folder_->stop();
    begin();
  }
  const Change change_ = GetParam().change;
  const std::string before_ = bytes_of(GetParam().size, 'b');
};

/// The object comes to its new key at each of the requests that a change makes, once before it is
/// made and once while its answer is on the way.
TEST_P(OwnVersionsOf, DoNotDisturbAChange) {
  let_it_come_everywhere(
      before_,
      [&] {
        const auto made = make(change_, before_.size());
        EXPECT_TRUE(made) << made.error().message;
      },
      [&] {
        ASSERT_NO_FATAL_FAILURE(expect_made(change_, before_));
        ASSERT_EQ(store_.open_uploads(), 0U);
      });
}

/// With every answer at once.
class OwnVersionsKilled : public OwnVersionsOf {
 protected:
  OwnVersionsKilled() : OwnVersionsOf(std::make_unique<fakes::InlineExecutor>()) {}

  /// Killed at each request; `comes`: while the object is on its way.
  void kill_everywhere(bool answered, bool comes) {
    for (std::uint64_t at = 1;; at += kStep) {
      SCOPED_TRACE("killed at " + std::to_string(at) + (answered ? ", answered" : ""));
      ASSERT_NO_FATAL_FAILURE(rename_only(before_));
      ASSERT_TRUE(lookup(inode_of("n"), "f"));
      faulty_.die_at(at, answered, Error{Errc::kUnavailable, "killed", {}});
      if (comes) folder_->resume();
      const auto made = make(change_, before_.size());
      const bool all = made && drain();
      const bool died = faulty_.died();
      kill_and_begin();
      faulty_.heal();
      folder_->resume();
      if (made) {
        ASSERT_NO_FATAL_FAILURE(expect_made(change_, before_));
      } else {
        ASSERT_TRUE(drain());
        ASSERT_TRUE(folder_->pending().empty()) << folder_->pending()[0].last_error;
        const auto now = store_.content(kNewKey);
        ASSERT_TRUE(now == before_ || now == changed(before_, change_));
        for (const std::string& key : store_.keys())
          ASSERT_EQ(key.find("conflict"), std::string::npos) << key;
      }
      if (all && !died) break;
    }
  }
};

TEST_P(OwnVersionsKilled, AreKnownToTheNextDaemon) {
  for (const bool answered : {false, true}) kill_everywhere(answered, false);
}

/// Where everything is quick, so that the two meet.
TEST_P(OwnVersionsKilled, AreKnownToTheNextDaemonAlsoWhenTheyComeJustThen) {
  if (before_.size() >= kUnit || change_ == Change::kStream) return;
  for (const bool answered : {false, true}) kill_everywhere(answered, true);
}

std::vector<Case> cases() {
  std::vector<Case> out;
  constexpr std::uint64_t kLarge = 6 * kUnit;  // goes up in parts
  for (const CommitMode commit : {CommitMode::kClose, CommitMode::kBackground}) {
    const bool close = commit == CommitMode::kClose;
    out.push_back({close ? "Write" : "WriteBehind", Change::kWrite, 100, commit});
    out.push_back({close ? "WriteLarge" : "WriteLargeBehind", Change::kWrite, kLarge, commit});
    out.push_back({close ? "Append" : "AppendBehind", Change::kAppend, 100, commit});
    out.push_back({close ? "AppendLarge" : "AppendLargeBehind", Change::kAppend, kLarge, commit});
    out.push_back({close ? "Truncate" : "TruncateBehind", Change::kTruncate, 100, commit});
    out.push_back(
        {close ? "TruncateLarge" : "TruncateLargeBehind", Change::kTruncate, kLarge, commit});
    out.push_back({close ? "Overwrite" : "OverwriteBehind", Change::kOverwrite, 100, commit});
    out.push_back({close ? "Stream" : "StreamBehind", Change::kStream, kLarge, commit});
    out.push_back({close ? "Chmod" : "ChmodBehind", Change::kChmod, 100, commit});
    out.push_back({close ? "CopyFrom" : "CopyFromBehind", Change::kCopyFrom, kLarge, commit});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Changes, OwnVersionsOf, ::testing::ValuesIn(cases()),
                         [](const auto& one) { return std::string(one.param.name); });
INSTANTIATE_TEST_SUITE_P(Changes, OwnVersionsKilled, ::testing::ValuesIn(cases()),
                         [](const auto& one) { return std::string(one.param.name); });

// --- what is open while it moves ---

TEST_F(OwnVersions, AreReadOnByWhoHasTheFileOpen) {
  const std::string before = bytes_of(6 * kMiB, 'b');
  rename_only(before);
  const auto opened = folder_->open(context(), file(), O_RDONLY);
  ASSERT_TRUE(opened);
  EXPECT_EQ(read_handle(opened->handle, {0, 10}), before.substr(0, 10));
  let_it_come();
  EXPECT_TRUE(read_handle(opened->handle, {5 * kMiB, kMiB}) == before.substr(5 * kMiB));
  folder_->release(opened->handle);
}

/// It was copied from before it moved, and is sent after that.
TEST_F(OwnVersions, AreCopiedFromWhereverTheyAreByThen) {
  const std::string before = bytes_of(6 * kMiB, 'b');
  rename_only(before);
  const auto from = folder_->open(context(), file(), O_RDONLY);
  const auto to = folder_->create(context(), kRoot, "g", 0644, O_RDWR | O_CREAT);
  ASSERT_TRUE(folder_->copy_range(context(), from->handle, {0, 1 << 30}, to->second.handle, 0));
  ASSERT_TRUE(folder_->write(context(), to->second.handle, as_bytes("CHANGED"), 0));
  folder_->release(from->handle);
  let_it_come();
  std::string expected = before;
  expected.replace(0, 7, "CHANGED");
  EXPECT_TRUE(read_handle(to->second.handle, {0, 1 << 30}) == expected);
  EXPECT_TRUE(close_after(to->second.handle));
  EXPECT_TRUE(store_.content(kCopyKey) == expected);
  EXPECT_TRUE(drain());
  EXPECT_TRUE(folder_->pending().empty());
}

/// And the same when a chmod has made another version of it.
TEST_F(OwnVersions, AreCopiedFromAlsoWhenTheirAttributesHaveChanged) {
  const std::string before = bytes_of(6 * kMiB, 'b');
  rename_only(before);
  let_it_come();
  ASSERT_TRUE(drain());
  clock_.advance(std::chrono::seconds(5));
  const auto from = folder_->open(context(), file(), O_RDONLY);
  const auto to = folder_->create(context(), kRoot, "g", 0644, O_RDWR | O_CREAT);
  ASSERT_TRUE(folder_->copy_range(context(), from->handle, {0, 1 << 30}, to->second.handle, 0));
  ASSERT_TRUE(chmod(0600));
  folder_->release(from->handle);
  EXPECT_TRUE(close_after(to->second.handle));
  EXPECT_TRUE(store_.content(kCopyKey) == before);
}

/// The answer to a question of before tells of a version that is gone when it comes.
TEST_F(OwnVersions, AreKnownBetterThanByAnAnswerThatIsLate) {
  const std::string before = bytes_of(6 * kMiB, 'b');
  rename_only(before);
  clock_.advance(std::chrono::seconds(5));
  Result<Opened> opened;
  const InodeNumber inode = file();
  EXPECT_TRUE(come_at(Operation::kHead, 1, true,
                      [&] { opened = folder_->open(context(), inode, O_RDWR); }));
  ASSERT_TRUE(opened);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("CHANGED"), 3 * kMiB));
  EXPECT_TRUE(close_after(opened->handle));
  expect_made(Change::kWrite, before);
}

// --- names that change in a tree on its way ---

TEST_F(OwnVersions, AreRenamedOutOfATreeOnItsWay) {
  let_it_come_everywhere(
      "text",
      [&] {
        const auto renamed =
            folder_->rename(context(), inode_of("n"), "f", kRoot, "g", RenameMode::kReplace);
        EXPECT_TRUE(renamed) << renamed.error().message;
      },
      [&] {
        ASSERT_EQ(store_.keys(), (std::vector<std::string>{kCopyKey, "users/alice/n/"}));
        ASSERT_EQ(store_.content(kCopyKey), "text");
      },
      [&] { ASSERT_TRUE(lookup(inode_of("n"), "f")); });
}

/// What is replaced is no other client's, and is not kept beside it.
TEST_F(OwnVersions, AreRenamedOverInATreeOnItsWay) {
  let_it_come_everywhere(
      "text",
      [&] {
        const auto renamed =
            folder_->rename(context(), kRoot, "g", inode_of("n"), "f", RenameMode::kReplace);
        EXPECT_TRUE(renamed) << renamed.error().message;
      },
      [&] {
        ASSERT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/n/", kNewKey}));
        ASSERT_EQ(store_.content(kNewKey), "new");
      },
      [&] {
        ASSERT_TRUE(write_file(kRoot, "g", "new"));
        ASSERT_TRUE(lookup(inode_of("n"), "f"));
        clock_.advance(std::chrono::seconds(5));
      });
}

/// Larger than what is fetched of a file that is open when it is removed.
TEST_F(OwnVersions, AreRemovedInATreeOnItsWayWhileTheyAreOpen) {
  rename_only(bytes_of(65 * kMiB, 'b'));
  const InodeNumber n = inode_of("n");
  const auto opened = folder_->open(context(), file(), O_RDONLY);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(folder_->unlink(context(), n, "f"));
  folder_->refresh();
  EXPECT_EQ(lookup(n, "f").error().code, Errc::kNotFound);
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/n/"});
}

}  // namespace
}  // namespace stsfs::fs
