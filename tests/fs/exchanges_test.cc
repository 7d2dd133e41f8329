// Two names change places, whatever happens on the way.

#include <algorithm>
#include <map>
#include <tuple>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

constexpr InodeNumber kRoot = InodeNumber::kRoot;
const std::string kPrefix = "users/alice/";

enum class What { kFile, kEmptyFile, kUnsentFile, kDirectory, kSymlink };

class ExchangesTest : public FolderTest {
 protected:
  explicit ExchangesTest(const fakes::FakeStoreOptions& store = {}) : FolderTest(store) {}

  Result<void> exchange(Interrupt* interrupt = nullptr) {
    Context asked = context();
    asked.interrupt = interrupt;
    return folder_->rename(asked, kRoot, "a", kRoot, "b", RenameMode::kExchange);
  }
  /// Whoever waits for a directory's objects gives up once no request gets through any more.
  Result<void> exchange_until_dead() {
    Interrupt interrupt;
    auto exchanged = std::async(std::launch::async, [&] { return exchange(&interrupt); });
    while (exchanged.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
      if (faulty_.died()) interrupt.raise();
    return exchanged.get();
  }
  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  void empty_the_bucket() {
    const std::vector<std::string> keys = store_.keys();
    std::for_each(keys.rbegin(), keys.rend(), [&](const auto& key) { store_.erase(key); });
  }
  /// The journal has it, and OSS does not.
  void write_unsent(std::string_view name, std::string_view text) {
    faulty_.fail({.operation = Operation::kPut, .count = 1, .key = kPrefix + std::string(name)},
                 killed_);
    EXPECT_FALSE(write_file(kRoot, name, text));
  }
  void make(std::string_view name, What what) {
    const std::string text = "of " + std::string(name);
    switch (what) {
      case What::kFile:
        ASSERT_TRUE(write_file(kRoot, name, text));
        return;
      case What::kEmptyFile:
        ASSERT_TRUE(write_file(kRoot, name, ""));
        return;
      case What::kUnsentFile:
        write_unsent(name, text);
        return;
      case What::kSymlink:
        ASSERT_TRUE(folder_->symlink(context(), kRoot, name, text));
        return;
      case What::kDirectory:
        const auto made = folder_->mkdir(context(), kRoot, name, 0755);
        ASSERT_TRUE(made);
        ASSERT_TRUE(write_file(made->attributes.inode, "below", text));
        ASSERT_TRUE(write_file(made->attributes.inode, "second", text));
    }
  }
  /// What is there under a name, in words.
  std::string seen(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    if (!entry) return "nothing: " + entry.error().message;
    const InodeNumber inode = entry->attributes.inode;
    const mode_t mode = entry->attributes.mode;
    if (S_ISLNK(mode)) return "link to " + folder_->readlink(context(), inode).value();
    if (!S_ISDIR(mode)) {
      const auto text = read_file(parent, name);
      return text ? "file " + *text : text.error().message;
    }
    std::string out = "directory";
    const std::vector<std::string> below = names(inode);
    for (auto at = below.begin() + 2; at != below.end(); ++at)
      out += " " + *at + "=" + seen(*at, inode);
    return out;
  }
  std::map<std::string, std::string> all_seen() {
    std::map<std::string, std::string> out;
    const std::vector<std::string> there = names(kRoot);
    if (there.size() < 2) return out;
    for (auto at = there.begin() + 2; at != there.end(); ++at) out[*at] = seen(*at);
    return out;
  }

  const Error killed_{Errc::kUnavailable, "killed", {}};
};

TEST_F(ExchangesTest, TakeAlongWhatIsWrittenMeanwhile) {
  ASSERT_TRUE(write_file(kRoot, "a", "of a"));
  ASSERT_TRUE(write_file(kRoot, "b", "of b"));
  const InodeNumber a = inode_of("a");
  const auto opened = folder_->open(context(), a, O_RDWR);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("changed"), 0));
  ASSERT_TRUE(folder_->setattr(context(), inode_of("b"), std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(exchange());
  EXPECT_EQ(inode_of("b"), a);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("C"), 0));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  begin_anew();
  EXPECT_EQ(all_seen(),
            (std::map<std::string, std::string>{{"a", "file of b"}, {"b", "file Changed"}}));
  EXPECT_EQ(lookup("a")->attributes.mode & 07777U, 0600U);
}

TEST_F(ExchangesTest, KeepWhatIsClosedAndNotInOssYet) {
  options_.commit = CommitMode::kBackground;
  for (const bool killed : {false, true}) {
    SCOPED_TRACE(killed);
    kill_and_begin();
    ASSERT_TRUE(write_file(kRoot, "a", "of a"));
    ASSERT_TRUE(write_file(kRoot, "b", "of b"));
    faulty_.fail_everything(killed_);
    ASSERT_TRUE(write_file(kRoot, "a", "changed"));
    const auto exchanged = exchange();
    EXPECT_FALSE(exchanged);  // its bytes go to OSS before its name changes
    if (killed) kill_and_begin();
    faulty_.heal();
    folder_->resume();
    ASSERT_TRUE(drain());
    EXPECT_EQ(all_seen(),
              (std::map<std::string, std::string>{{"a", "file changed"}, {"b", "file of b"}}));
  }
}

TEST_F(ExchangesTest, GoBackWhenTheOtherCannotBeCopied) {
  for (const bool killed : {false, true}) {
    SCOPED_TRACE(killed);
    empty_the_bucket();
    kill_and_begin();
    make("a", What::kDirectory);
    make("b", What::kFile);
    const auto before = all_seen();
    faulty_.fail({.operation = Operation::kCopy, .count = fakes::Calls::kAll, .key = kPrefix + "a"},
                 Error{Errc::kArchived, "archived", {}});
    if (killed)  // on the way back
      faulty_.fail(
          {.operation = Operation::kCopy, .count = fakes::Calls::kAll, .key = kPrefix + "a/second"},
          killed_);
    EXPECT_EQ(exchange().error().code, Errc::kArchived);
    if (killed) kill_and_begin();
    faulty_.heal();
    folder_->resume();
    EXPECT_EQ(all_seen(), before);
    begin_anew();
    EXPECT_EQ(all_seen(), before);
    EXPECT_TRUE(folder_->pending().empty());
  }
}

TEST_F(ExchangesTest, OfTheArchivedAreRefusedAtOnce) {
  make("a", What::kFile);
  store_.put_with(kPrefix + "b", "of b", {.storage_class = "Archive"});
  const auto requests = faulty_.started(Operation::kCopy);
  EXPECT_EQ(exchange().error().code, Errc::kArchived);
  EXPECT_EQ(faulty_.started(Operation::kCopy), requests);
}

class ExchangesLeft : public ExchangesTest {
 protected:
  /// `a` is under the third name, and `b` still under its own.
  void leave_half_way(std::string_view directory = "") {
    const std::string below = kPrefix + std::string(directory);
    InodeNumber parent = kRoot;
    if (!directory.empty())
      parent = folder_->mkdir(context(), kRoot, directory.substr(0, directory.size() - 1), 0755)
                   ->attributes.inode;
    ASSERT_TRUE(write_file(parent, "a", "of a"));
    ASSERT_TRUE(write_file(parent, "b", "of b"));
    faulty_.fail({.operation = Operation::kCopy, .count = fakes::Calls::kAll, .key = below + "a"},
                 killed_);
    EXPECT_FALSE(folder_->rename(context(), parent, "a", parent, "b", RenameMode::kExchange));
    EXPECT_FALSE(store_.content(below + "a"));
    EXPECT_TRUE(store_.content(below + "b"));
  }
  const std::map<std::string, std::string> after_{{"a", "file of b"}, {"b", "file of a"}};
};

TEST_F(ExchangesLeft, KeepBothNamesForThemselvesUntilTheyAreWhole) {
  leave_half_way();
  EXPECT_EQ(lookup("a").error().code, Errc::kUnavailable);
  EXPECT_EQ(lookup("b").error().code, Errc::kUnavailable);
  EXPECT_FALSE(write_file(kRoot, "a", "in the way"));
  const auto pending = folder_->pending();
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(pending[0].path, "a");
  EXPECT_EQ(pending[0].doing, "changing places with b");
  EXPECT_FALSE(drain());
  faulty_.heal();
  EXPECT_EQ(all_seen(), after_);
}

TEST_F(ExchangesLeft, AreWholeBeforeADirectoryAboveGetsAnotherName) {
  leave_half_way("d/");
  EXPECT_FALSE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  faulty_.heal();
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  EXPECT_EQ(seen("e"), "directory a=file of b b=file of a");
  begin_anew();
  EXPECT_EQ(seen("e"), "directory a=file of b b=file of a");
}

TEST_F(ExchangesLeft, DoNotReplaceWhatAnotherClientPutInTheWay) {
  leave_half_way();
  store_.put(kPrefix + "a", "theirs");
  faulty_.heal();
  auto seen = all_seen();
  EXPECT_EQ(seen.size(), 3U);
  for (const auto& [name, what] : after_) EXPECT_EQ(seen[name], what);
  const auto aside = std::find_if(seen.begin(), seen.end(), [](const auto& one) {
    return one.first.starts_with("a.conflict-");
  });
  ASSERT_NE(aside, seen.end());
  EXPECT_EQ(aside->second, "file theirs");
}

TEST_F(ExchangesLeft, TakeWhatAnotherClientWroteAlong) {
  leave_half_way();
  store_.put(kPrefix + "b", "theirs");
  faulty_.heal();
  EXPECT_EQ(all_seen(),
            (std::map<std::string, std::string>{{"a", "file theirs"}, {"b", "file of a"}}));
}

TEST_F(ExchangesLeft, StayWhereTheyAreWhenTheDirectoryOfTheOtherIsGone) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(kRoot, "a", "of a"));
  ASSERT_TRUE(write_file(d, "b", "of b"));
  faulty_.fail({.operation = Operation::kCopy, .count = fakes::Calls::kAll, .key = kPrefix + "d/b"},
               killed_);
  EXPECT_FALSE(folder_->rename(context(), kRoot, "a", d, "b", RenameMode::kExchange));
  for (const std::string& key : store_.keys())
    if (key.starts_with(kPrefix + "d/")) store_.erase(key);
  kill_and_begin();
  faulty_.heal();
  auto seen = all_seen();
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen["a"], "file of b");
  EXPECT_TRUE(seen.rbegin()->first.starts_with("b.conflict-")) << seen.rbegin()->first;
  EXPECT_EQ(seen.rbegin()->second, "file of a");
}

// --- another client between any two requests ---

class ExchangesWithAnother
    : public ExchangesTest,
      public ::testing::WithParamInterface<std::tuple<Operation, const char*>> {};

/// But for the moment between the copy of what they wrote over and its delete, as with any rename.
TEST_P(ExchangesWithAnother, LoseNothingOfTheirs) {
  const auto& [operation, name] = GetParam();
  for (std::uint64_t call = 1;; ++call) {
    SCOPED_TRACE("before request " + std::to_string(call));
    empty_the_bucket();
    kill_and_begin();
    make("a", What::kFile);
    make("b", What::kFile);
    bool came = false;
    std::string replaced;  // by them, knowingly
    faulty_.before({.operation = operation, .from = call}, [&, key = kPrefix + name] {
      replaced = store_.content(key).value_or("");
      store_.put(key, "theirs");
      came = true;
    });
    static_cast<void>(exchange());
    faulty_.heal();
    clock_.advance(std::chrono::minutes(1));
    begin_anew();
    ASSERT_TRUE(drain());
    const auto seen = all_seen();
    const auto has = [&](const std::string& text) {
      return std::any_of(seen.begin(), seen.end(),
                         [&](const auto& one) { return one.second == "file " + text; });
    };
    EXPECT_EQ(has("theirs"), came) << ::testing::PrintToString(seen);
    for (const std::string text : {"of a", "of b"})
      EXPECT_TRUE(has(text) || text == replaced) << ::testing::PrintToString(seen);
    for (const auto& [one, what] : seen) EXPECT_FALSE(one.starts_with(".stsfs-")) << one;
    if (HasFailure() || !came) return;
  }
}

INSTANTIATE_TEST_SUITE_P(At, ExchangesWithAnother,
                         ::testing::Combine(::testing::Values(Operation::kCopy, Operation::kHead,
                                                              Operation::kList),
                                            ::testing::Values("a", "b")),
                         [](const auto& with) {
                           return std::string(oss::name_of(std::get<0>(with.param))) + "To" +
                                  std::get<1>(with.param);
                         });

// --- a kill at every request ---

using Pair = std::pair<What, What>;

class ExchangesCutOff : public ExchangesTest,
                        public ::testing::WithParamInterface<std::tuple<bool, bool, Pair>> {
 protected:
  ExchangesCutOff()
      : ExchangesTest({.hierarchical_namespace = std::get<1>(GetParam())}),
        answered_(std::get<0>(GetParam())),
        what_(std::get<2>(GetParam())) {}

  void try_everywhere(bool killed) {
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE("at request " + std::to_string(call));
      ASSERT_LT(call, 100U);
      empty_the_bucket();
      kill_and_begin();
      make("a", what_.first);
      make("b", what_.second);
      const std::map<std::string, std::string> before = all_seen();
      const std::map<std::string, std::string> after{{"a", before.at("b")}, {"b", before.at("a")}};
      faulty_.die_at(call, answered_, killed_);
      const auto exchanged = exchange_until_dead();
      const bool died = faulty_.died();
      if (killed) kill_and_begin();
      faulty_.heal();
      folder_->resume();
      const auto now = all_seen();
      EXPECT_TRUE(now == after || (!exchanged && now == before)) << ::testing::PrintToString(now);
      if (!exchanged) {
        EXPECT_TRUE(died) << exchanged.error().message;
      }
      ASSERT_TRUE(drain());
      EXPECT_TRUE(folder_->pending().empty());
      kill_and_begin();
      EXPECT_EQ(all_seen(), now);
      for (const std::string& key : store_.keys())
        EXPECT_EQ(key.find(".stsfs-"), std::string::npos) << key;
      if (HasFailure() || !died) return;
    }
  }

  const bool answered_;
  const Pair what_;
};

TEST_P(ExchangesCutOff, ByAKillAreMadeWholeByTheNextMount) { try_everywhere(true); }

TEST_P(ExchangesCutOff, ByTheNetworkAreMadeWholeBeforeANameIsTold) { try_everywhere(false); }

std::string shown(What what) {
  constexpr const char* kNames[] = {"File", "EmptyFile", "UnsentFile", "Directory", "Symlink"};
  return kNames[static_cast<int>(what)];
}

INSTANTIATE_TEST_SUITE_P(
    Of, ExchangesCutOff,
    ::testing::Combine(::testing::Bool(), ::testing::Bool(),
                       ::testing::Values(Pair{What::kFile, What::kFile},
                                         Pair{What::kFile, What::kDirectory},
                                         Pair{What::kDirectory, What::kEmptyFile},
                                         Pair{What::kDirectory, What::kDirectory},
                                         Pair{What::kSymlink, What::kFile},
                                         Pair{What::kUnsentFile, What::kFile},
                                         Pair{What::kFile, What::kUnsentFile})),
    [](const auto& with) {
      const Pair what = std::get<2>(with.param);
      return shown(what.first) + "And" + shown(what.second) +
             (std::get<1>(with.param) ? "Hierarchical" : "") +
             (std::get<0>(with.param) ? "AnswerCame" : "AnswerWasLost");
    });

}  // namespace
}  // namespace stsfs::fs
