#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

// "One file is one object with the same name below the prefix and the same bytes."
TEST_F(FolderTest, PutsAFileAtCloseAndReadsItBack) {
  ASSERT_TRUE(write_file(kRoot, "a b+%\n数.txt", "hello"));
  EXPECT_EQ(store_.content("users/alice/a b+%\n数.txt"), "hello");
  EXPECT_EQ(read_file("a b+%\n数.txt"), "hello");
}

TEST_F(FolderTest, PutsAnEmptyFile) {
  ASSERT_TRUE(write_file(kRoot, "empty", ""));
  EXPECT_EQ(store_.content("users/alice/empty"), "");
}

// "A directory … is implied by the objects below it." "Nothing outside the prefix is read, listed
// or written."
TEST_F(FolderTest, ShowsForeignObjectsAndImpliedDirectories) {
  store_.put("users/alice/dir/file", "x");
  store_.put("users/bob/secret", "x");
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "dir"}));
  const auto dir = lookup("dir");
  ASSERT_TRUE(dir);
  EXPECT_TRUE(S_ISDIR(dir->attributes.mode));
  EXPECT_EQ(read_file(dir->attributes.inode, "file"), "x");
  EXPECT_EQ(lookup("bob").error().code, Errc::kNotFound);
}

TEST_F(FolderTest, RefusesNamesThatCouldLeaveThePrefix) {
  for (const char* name : {"..", ".", "", "a/b"}) EXPECT_FALSE(lookup(name)) << name;
  EXPECT_EQ(lookup(std::string(256, 'x')).error().code, Errc::kNameTooLong);
}

TEST_F(FolderTest, ShowsKeysThatAreNoNamesUnderOthers) {
  store_.put("users/alice/ok", "x");
  store_.put("users/alice//double", "x");
  store_.put("users/alice/../up", "x");
  EXPECT_EQ(names(kRoot),
            (std::vector<std::string>{".", "..", "ok", "stsfs%dir:", "stsfs%dir:%2E%2E"}));
}

TEST_F(FolderTest, ChangesAPartOfAFile) {
  store_.put("users/alice/f", "0123456789");
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("XY"), 3));
  EXPECT_EQ(read_handle(opened->handle, {0, 100}), "012XY56789");
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  EXPECT_EQ(store_.content("users/alice/f"), "012XY56789");
}

TEST_F(FolderTest, AppendsTruncatesAndLeavesHoles) {
  store_.put("users/alice/f", "0123456789");
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_RDWR | O_APPEND);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("ab"), 0));
  ASSERT_TRUE(flush(opened->handle));
  EXPECT_EQ(store_.content("users/alice/f"), "0123456789ab");
  ASSERT_TRUE(
      folder_->setattr(context(), entry->attributes.inode, opened->handle, {.size_bytes = 2}));
  ASSERT_TRUE(
      folder_->setattr(context(), entry->attributes.inode, opened->handle, {.size_bytes = 4}));
  folder_->release(opened->handle);
  EXPECT_EQ(store_.content("users/alice/f"), std::string("01\0\0", 4));
}

TEST_F(FolderTest, PagesThatAreWrittenBackKeepTheirPlaceAndMakeNoFileLonger) {
  store_.put("users/alice/f", "0123456789");
  const auto inode = lookup("f")->attributes.inode;
  const auto handle = folder_->open(context(), inode, O_RDWR | O_APPEND)->handle;
  ASSERT_TRUE(folder_->write_back(context(), handle, as_bytes("AB"), 3));
  ASSERT_TRUE(folder_->setattr(context(), inode, handle, {.size_bytes = 8}));
  ASSERT_TRUE(folder_->write_back(context(), handle, as_bytes("CDEF"), 6));
  ASSERT_TRUE(folder_->write_back(context(), handle, as_bytes("behind"), 8));
  ASSERT_TRUE(flush(handle));
  folder_->release(handle);
  EXPECT_EQ(store_.content("users/alice/f"), "012AB5CD");
}

TEST_F(FolderTest, TruncatesByPathAtOnce) {
  store_.put("users/alice/f", "0123456789");
  ASSERT_TRUE(
      folder_->setattr(context(), lookup("f")->attributes.inode, std::nullopt, {.size_bytes = 3}));
  EXPECT_EQ(store_.content("users/alice/f"), "012");
}

TEST_F(FolderTest, KeepsModesOwnersAndTimesInMetadata) {
  ASSERT_TRUE(write_file(kRoot, "f", "x"));
  clock_.advance(std::chrono::seconds(2));  // else it is held back, to be merged
  const auto inode = lookup("f")->attributes.inode;
  const WallTime mtime(std::chrono::seconds(1700000000) + std::chrono::nanoseconds(5));
  ASSERT_TRUE(folder_->setattr(context(), inode, std::nullopt,
                               {.mode = 0751, .uid = 3, .gid = 4, .mtime = mtime}));
  const auto meta = store_.meta("users/alice/f");
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->headers.user.at("mode"), std::to_string(S_IFREG | 0751));
  EXPECT_EQ(meta->headers.user.at("uid"), "3");
  EXPECT_EQ(meta->headers.user.at("mtime"), "1700000000.000000005");
  EXPECT_EQ(store_.content("users/alice/f"), "x");
}

// "A directory is a zero-byte object whose key ends in a slash."
TEST_F(FolderTest, MakesAndRemovesDirectories) {
  const auto made = folder_->mkdir(context(), kRoot, "d", 0700);
  ASSERT_TRUE(made);
  EXPECT_EQ(store_.content("users/alice/d/"), "");
  EXPECT_EQ(folder_->mkdir(context(), kRoot, "d", 0700).error().code, Errc::kExists);
  ASSERT_TRUE(write_file(made->attributes.inode, "f", "x"));
  EXPECT_EQ(folder_->rmdir(context(), kRoot, "d").error().code, Errc::kNotEmpty);
  ASSERT_TRUE(folder_->unlink(context(), made->attributes.inode, "f"));
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

// "What is made in a directory with set-group-id belongs to the directory's group, and a directory
// made there has the bit too."
TEST_F(FolderTest, ADirectoryWithSetGroupIdGivesItsGroupOn) {
  const auto shared = folder_->mkdir(context(), kRoot, "shared", 0770)->attributes.inode;
  ASSERT_TRUE(
      folder_->setattr(context(), shared, std::nullopt, {.mode = S_ISGID | 0770, .gid = 100}));
  ASSERT_TRUE(write_file(shared, "file", "text"));
  const auto below = folder_->mkdir(context(), shared, "below", 0700);
  ASSERT_TRUE(below);
  EXPECT_EQ(below->attributes.mode & 07777, S_ISGID | 0700U);
  ASSERT_TRUE(write_file(below->attributes.inode, "file", "text"));
  ASSERT_TRUE(folder_->symlink(context(), shared, "link", "nowhere"));
  ASSERT_TRUE(folder_->mknod(context(), shared, "fifo", S_IFIFO | 0600, 0));
  ASSERT_TRUE(write_file(kRoot, "beside", "text"));
  begin_anew();
  const auto again = lookup("shared")->attributes.inode;
  for (const char* name : {"file", "below", "link", "fifo"})
    EXPECT_EQ(lookup(again, name)->attributes.gid, 100U) << name;
  EXPECT_EQ(lookup(again, "file")->attributes.mode & S_ISGID, 0U);
  const auto deep = lookup(again, "below");
  EXPECT_EQ(deep->attributes.mode & 07777, S_ISGID | 0700U);
  EXPECT_EQ(lookup(deep->attributes.inode, "file")->attributes.gid, 100U);
  EXPECT_EQ(lookup("beside")->attributes.gid, 8U);
}

TEST_F(FolderTest, DoesNotRemoveADirectoryThatAnotherClientFilled) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0700));
  store_.put("users/alice/d/theirs", "x");
  EXPECT_EQ(folder_->rmdir(context(), kRoot, "d").error().code, Errc::kNotEmpty);
}

TEST_F(FolderTest, RenamesFilesAndReplacesThem) {
  ASSERT_TRUE(write_file(kRoot, "a", "new"));
  ASSERT_TRUE(write_file(kRoot, "b", "old"));
  EXPECT_EQ(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kNoReplace).error().code,
            Errc::kExists);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/b"});
  EXPECT_EQ(read_file("b"), "new");
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
}

TEST_F(FolderTest, ExchangesTwoNames) {
  ASSERT_TRUE(write_file(kRoot, "a", "first"));
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "b", 0755));
  ASSERT_TRUE(write_file(lookup("b")->attributes.inode, "below", "second"));
  const InodeNumber a = lookup("a")->attributes.inode;
  const InodeNumber b = lookup("b")->attributes.inode;
  ASSERT_TRUE(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kExchange));
  EXPECT_EQ(lookup("b")->attributes.inode, a);
  EXPECT_EQ(lookup("a")->attributes.inode, b);
  EXPECT_EQ(read_file("b"), "first");
  EXPECT_EQ(read_file(b, "below"), "second");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(),
            (std::vector<std::string>{"users/alice/a/", "users/alice/a/below", "users/alice/b"}));
  EXPECT_EQ(folder_->rename(context(), kRoot, "a", kRoot, "no", RenameMode::kExchange).error().code,
            Errc::kNotFound);
  EXPECT_EQ(folder_->rename(context(), kRoot, "a", b, "below", RenameMode::kExchange).error().code,
            Errc::kInvalid);
}

TEST_F(FolderTest, RenamesWithoutARequestWhatWasNeverUploaded) {
  names(kRoot);
  auto made = folder_->create(context(), kRoot, "tmp", 0644, O_WRONLY | O_CREAT | O_EXCL);
  const auto before = faulty_.started();
  ASSERT_TRUE(folder_->rename(context(), kRoot, "tmp", kRoot, "final", RenameMode::kReplace));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "final", kRoot, "last", RenameMode::kNoReplace));
  EXPECT_EQ(faulty_.started(), before);
  folder_->release(made->second.handle);
}

TEST_F(FolderTest, AnEmptyFileThatWasNeverUploadedReplacesWhatItIsRenamedOver) {
  ASSERT_TRUE(write_file(kRoot, "f", "the old text"));
  const auto made = folder_->create(context(), kRoot, "tmp", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(made);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "tmp", kRoot, "f", RenameMode::kReplace));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(store_.content("users/alice/f"), "");
}

TEST_F(FolderTest, KeepsWhatAnotherClientWroteWhereSomethingIsRenamedTo) {
  ASSERT_TRUE(write_file(kRoot, "a", "ours"));
  ASSERT_TRUE(write_file(kRoot, "b", "old"));
  names(kRoot);
  clock_.advance(std::chrono::seconds(5));
  store_.put("users/alice/b", "theirs");
  ASSERT_TRUE(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kReplace));
  const auto comes_between = [&] { store_.put("users/alice/c", "theirs too"); };
  faulty_.before({.operation = oss::Operation::kCopy}, comes_between);
  EXPECT_EQ(folder_->rename(context(), kRoot, "b", kRoot, "c", RenameMode::kNoReplace).error().code,
            Errc::kExists);
  store_.erase("users/alice/c");
  faulty_.before({.operation = oss::Operation::kCopy}, comes_between);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "b", kRoot, "c", RenameMode::kReplace));
  EXPECT_EQ(store_.content("users/alice/c"), "ours");
  ASSERT_TRUE(drain());
  const auto keys = store_.keys();
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_TRUE(keys[0].starts_with("users/alice/b.conflict-"));
  EXPECT_EQ(store_.content(keys[0]), "theirs");
  EXPECT_TRUE(keys[2].starts_with("users/alice/c.conflict-"));
  EXPECT_EQ(store_.content(keys[2]), "theirs too");
}

// HEAD would say that nothing is there.
TEST_F(FolderTest, KeepsAnotherClientsLinkToNothingWhereSomethingIsRenamedTo) {
  ASSERT_TRUE(write_file(kRoot, "a", "ours"));
  ASSERT_TRUE(write_file(kRoot, "b", "old"));
  store_.erase("users/alice/b");
  const auto linked = await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
    return store_.start_put_symlink("users/alice/b", "users/alice/nothing", {}, context().deadline,
                                    std::move(done));
  });
  ASSERT_TRUE(linked);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/b"), "ours");
  const auto keys = store_.keys();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_TRUE(keys[1].starts_with("users/alice/b.conflict-"));
}

// libcurl sends a copy again by itself when its connection ends: then it is there already.
TEST_F(FolderTest, KnowsItsOwnCopyWhereSomethingIsRenamedTo) {
  const auto copied_before = [&] {
    faulty_.lose_answer({.operation = oss::Operation::kCopy}, Error{Errc::kExists, "there", {}});
  };
  ASSERT_TRUE(write_file(kRoot, "a", "a"));
  for (const RenameMode mode : {RenameMode::kReplace, RenameMode::kNoReplace}) {
    copied_before();
    const auto renamed = folder_->rename(context(), kRoot, "a", kRoot, "b", mode);
    ASSERT_TRUE(renamed) << renamed.error().message;
    ASSERT_TRUE(drain());
    EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/b"});
    ASSERT_TRUE(folder_->rename(context(), kRoot, "b", kRoot, "a", mode));
  }
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "a"));
  ASSERT_TRUE(drain());
  store_.put("users/alice/foreign", "without an id");
  clock_.advance(std::chrono::minutes(2));
  ASSERT_TRUE(lookup("foreign"));
  copied_before();
  EXPECT_EQ(
      folder_->rename(context(), kRoot, "foreign", kRoot, "b", RenameMode::kNoReplace).error().code,
      Errc::kExists);
  store_.erase("users/alice/b");
  copied_before();
  ASSERT_TRUE(folder_->rename(context(), kRoot, "foreign", kRoot, "c", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/c"});
}

// "A file keeps its inode number over renames for as long as the kernel remembers it. When memory
// was short meanwhile, and in the next mount, it has the same one unless it was renamed or another
// file had its name before."
TEST_F(FolderTest, KeepsInodeNumbersOverRenamesAndMounts) {
  store_.put("users/alice/d/f", "x");
  const InodeNumber d = lookup("d")->attributes.inode;
  const InodeNumber f = lookup(d, "f")->attributes.inode;
  kill_and_begin();
  EXPECT_EQ(lookup("d")->attributes.inode, d);
  EXPECT_EQ(lookup(d, "f")->attributes.inode, f);
  ASSERT_TRUE(folder_->rename(context(), d, "f", kRoot, "g", RenameMode::kReplace));
  EXPECT_EQ(lookup("g")->attributes.inode, f);
  ASSERT_TRUE(write_file(d, "f", "another"));
  EXPECT_NE(lookup(d, "f")->attributes.inode, f);
}

// "… it has the same one unless it was renamed"
TEST_F(FolderTest, AForgottenFileHasItsNumberAgainUnlessItWasRenamed) {
  for (const char* name : {"kept", "old"}) store_.put("users/alice/" + std::string(name), "x");
  const InodeNumber kept = lookup("kept")->attributes.inode;
  const InodeNumber renamed = lookup("old")->attributes.inode;
  ASSERT_TRUE(folder_->rename(context(), kRoot, "old", kRoot, "new", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  folder_->forget(kept, 1'000);
  folder_->forget(renamed, 1'000);
  EXPECT_EQ(lookup("kept")->attributes.inode, kept);
  EXPECT_NE(lookup("new")->attributes.inode, renamed);
}

TEST_F(FolderTest, RenamesAFileThatIsBeingWritten) {
  auto made = folder_->create(context(), kRoot, "tmp", 0644, O_WRONLY | O_CREAT | O_EXCL);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("text"), 0));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "tmp", kRoot, "final", RenameMode::kReplace));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/final"});
  EXPECT_EQ(store_.content("users/alice/final"), "text");
}

TEST_F(FolderTest, RenamesADirectoryWithAllBelowIt) {
  store_.put("users/alice/d/1", "one");
  store_.put("users/alice/d/e/2", "two");
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "n", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/n/1", "users/alice/n/e/2"}));
  EXPECT_EQ(
      folder_
          ->rename(context(), kRoot, "n", lookup("n")->attributes.inode, "x", RenameMode::kReplace)
          .error()
          .code,
      Errc::kInvalid);
}

TEST_F(FolderTest, KeepsASymbolicLinksTarget) {
  ASSERT_TRUE(folder_->symlink(context(), kRoot, "l", "/etc/motd"));
  const auto entry = lookup("l");
  EXPECT_TRUE(S_ISLNK(entry->attributes.mode));
  EXPECT_EQ(folder_->readlink(context(), entry->attributes.inode), "/etc/motd");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(folder_->readlink(context(), lookup("l")->attributes.inode), "/etc/motd");
}

TEST_F(FolderTest, KeepsRemovedFilesReadableWhileTheyAreOpen) {
  ASSERT_TRUE(write_file(kRoot, "f", "still here"));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDONLY);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
  EXPECT_EQ(read_handle(opened->handle, {0, 100}), "still here");
  folder_->release(opened->handle);
}

// What a shell does for `echo text > f`, and what each program it starts does when it ends.
TEST_F(FolderTest, AClosedDuplicateCommitsNothingWhileAnotherIsHeld) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  const HandleNumber handle = made->second.handle;
  holders_ = {context().caller.pid};
  ASSERT_TRUE(flush(handle));
  EXPECT_TRUE(store_.keys().empty());
  ASSERT_TRUE(folder_->write(context(), handle, as_bytes("text"), 0));
  holders_.clear();
  ASSERT_TRUE(flush(handle));
  EXPECT_EQ(store_.content("users/alice/f"), "text");
  folder_->release(handle);
}

TEST_F(FolderTest, WhoHoldsAFileIsNotLookedForAtAFirstCloseAfterAWrite) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  const HandleNumber handle = made->second.handle;
  ASSERT_TRUE(folder_->write(context(), handle, as_bytes("one"), 0));
  holders_ = {context().caller.pid};
  ASSERT_TRUE(flush(handle));
  EXPECT_EQ(store_.content("users/alice/f"), "one");
  ASSERT_TRUE(folder_->write(context(), handle, as_bytes("two"), 0));
  ASSERT_TRUE(flush(handle));
  EXPECT_EQ(store_.content("users/alice/f"), "one");
  folder_->release(handle);
  EXPECT_EQ(store_.content("users/alice/f"), "two");
}

TEST_F(FolderTest, AHeldDescriptorOfAnotherHandleIsNoReasonNotToCommit) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  auto other = folder_->open(context(), made->first.attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("text"), 0));
  holders_ = {context().caller.pid};
  ASSERT_TRUE(flush(made->second.handle));
  EXPECT_EQ(store_.content("users/alice/f"), "text");
  folder_->release(made->second.handle);
  folder_->release(other->handle);
}

// Cut back to what it was, the file looks as if only its attributes had changed.
TEST_F(FolderTest, AVersionWhoseAnswerWasLostIsNotTakenForTheOneBefore) {
  const std::string base(20'000'000, 'b');
  store_.put("users/alice/f", base);
  auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("longer"), base.size()));
  faulty_.lose_answer({.operation = oss::Operation::kComplete, .count = fakes::Calls::kAll},
                      Error{Errc::kUnavailable, "reset", {}});
  EXPECT_FALSE(flush(opened->handle));
  ASSERT_TRUE(store_.content("users/alice/f") == base + "longer");
  faulty_.heal();
  AttributeChange cut;
  cut.size_bytes = base.size();
  ASSERT_TRUE(folder_->setattr(context(), lookup("f")->attributes.inode, opened->handle, cut));
  ASSERT_TRUE(flush(opened->handle));
  EXPECT_TRUE(store_.content("users/alice/f") == base);
  folder_->release(opened->handle);
}

TEST_F(FolderTest, NeverUploadsAFileThatWasRemovedBeforeItsClose) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("x"), 0));
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(FolderTest, TellsOfASparseFileHowMuchIsToBeSent) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  AttributeChange extended;
  extended.size_bytes = 3 * kMiB;
  ASSERT_TRUE(
      folder_->setattr(context(), made->first.attributes.inode, made->second.handle, extended));
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_EQ(folder_->pending()[0].bytes, 3 * kMiB);
  ASSERT_TRUE(flush(made->second.handle));
  EXPECT_TRUE(folder_->pending().empty());
  folder_->release(made->second.handle);
}

TEST_F(FolderTest, SeesAnotherClientsVersionAtTheNextOpen) {
  store_.put("users/alice/f", "one");
  EXPECT_EQ(read_file("f"), "one");
  store_.put("users/alice/f", "two, longer");
  clock_.advance(std::chrono::seconds(2));
  EXPECT_EQ(read_file("f"), "two, longer");
}

// "An open file stays on the version it was opened on. When OSS does not have that version any
// more, reads fail with ESTALE."
TEST_F(FolderTest, KeepsAnOpenFileOnItsVersionOrSaysThatItIsStale) {
  store_.put("users/alice/f", std::string(3 << 20, '1'));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDONLY);
  store_.put("users/alice/f", std::string(3 << 20, '2'));
  const auto got = read_handle(opened->handle, {2 << 20, 10});
  EXPECT_TRUE(!got && got.error().code == Errc::kStale) << (got ? *got : got.error().message);
  folder_->release(opened->handle);
}

TEST_F(FolderTest, NeverOverwritesAnotherClientsVersion) {
  store_.put("users/alice/f", "base");
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("ours"), 0));
  store_.put("users/alice/f", "theirs");
  const auto flushed = flush(opened->handle);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::kStale);
  folder_->release(opened->handle);
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
  EXPECT_EQ(read_file("f"), "theirs");
  ASSERT_EQ(store_.keys().size(), 2U);
  EXPECT_EQ(store_.content(store_.keys()[1]), "ours");
}

TEST_F(FolderTest, KnowsWhatAHandleWasOpenedOnEvenWhenThePathShowsANewerVersion) {
  store_.put("users/alice/f", "base");
  const auto inode = lookup("f")->attributes.inode;
  const auto opened = folder_->open(context(), inode, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(flush(opened->handle));
  store_.put("users/alice/f", "theirs");
  clock_.advance(std::chrono::minutes(1));
  ASSERT_EQ(read_file("f"), "theirs");  // the path is known to be another version now
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("ours"), 0));
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
  // What is written after that is not lost either: it goes on beside theirs, and is told each time.
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(" and more"), 4));
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  folder_->release(opened->handle);
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
  ASSERT_EQ(store_.keys().size(), 2U);
  EXPECT_EQ(store_.content(store_.keys()[1]), "ours and more");
}

TEST_F(FolderTest, ALostRaceToCreateIsToldAtClose) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT | O_EXCL);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("ours"), 0));
  store_.put("users/alice/f", "theirs");
  const auto flushed = flush(made->second.handle);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::kExists);
  folder_->release(made->second.handle);
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
  EXPECT_EQ(store_.keys().size(), 2U);
}

TEST_F(FolderTest, AnswersFromMemoryOrSaysThatItWouldWait) {
  store_.put("users/alice/f", "x");
  Context never = context();
  never.wait = Wait::kNever;
  EXPECT_EQ(folder_->lookup(never, kRoot, "f").error().code, Errc::kWouldWait);
  ASSERT_TRUE(lookup("f"));
  EXPECT_TRUE(folder_->lookup(never, kRoot, "f"));
  EXPECT_EQ(folder_->lookup(never, kRoot, "absent").error().code, Errc::kWouldWait);
  names(kRoot);  // a listing tells what is not there, too
  EXPECT_EQ(folder_->lookup(never, kRoot, "absent").error().code, Errc::kNotFound);
}

TEST_F(FolderTest, ShowsTheQuotaAndWhatIsUsedOfItAsTheyAreNow) {
  folder_->set_space(1'000, 300);
  EXPECT_EQ(folder_->statfs(context())->total_bytes, 1'000u);
  EXPECT_EQ(folder_->statfs(context())->free_bytes, 700u);
  folder_->set_space(1'000, 2'000);
  EXPECT_EQ(folder_->statfs(context())->free_bytes, 0u) << "more is used than there is";
  folder_->set_space(0, 300);
  EXPECT_GT(folder_->statfs(context())->free_bytes, 1'000'000'000u) << "no quota";
}

TEST_F(FolderTest, ChangesNothingWhenReadOnly) {
  store_.put("users/alice/f", "x");
  folder_->set_read_only(true);
  EXPECT_EQ(write_file(kRoot, "g", "x").error().code, Errc::kReadOnly);
  EXPECT_EQ(folder_->unlink(context(), kRoot, "f").error().code, Errc::kReadOnly);
  EXPECT_EQ(folder_->mkdir(context(), kRoot, "d", 0700).error().code, Errc::kReadOnly);
  EXPECT_EQ(read_file("f"), "x");
}

// "From nine tenths on, writers are slowed down, each write by a quarter of a second at most."
TEST_F(FolderTest, WritersAreSlowedDownWhereRoomGetsScarce) {
  using std::chrono::milliseconds;
  constexpr std::uint64_t kPage = 4096;  // what is reserved for a write is whole ones
  options_.staging_budget_bytes = 100 * kPage;
  kill_and_begin();
  const auto file = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT)->second.handle;
  std::uint64_t size = 0;
  const auto fill_to = [&](std::size_t percent) {
    const std::string text(kPage * percent - size, 'x');
    const auto written = folder_->write(context(), file, as_bytes(text), size);
    ASSERT_TRUE(written) << written.error().message;
    size += text.size();
  };
  const auto next_write_after = [&] {
    bool goes_on = false;
    folder_->pace([&](const Result<void>&) { goes_on = true; });
    milliseconds waited{0};
    for (; !goes_on && waited < milliseconds(1'000); ++waited) scheduler_.advance(milliseconds(1));
    return waited;
  };
  fill_to(85);
  EXPECT_EQ(next_write_after(), milliseconds(0));
  fill_to(95);
  EXPECT_NEAR(static_cast<double>(next_write_after().count()), 125, 15);
  fill_to(100);
  EXPECT_NEAR(static_cast<double>(next_write_after().count()), 250, 5);
  folder_->release(file);
  EXPECT_EQ(next_write_after(), milliseconds(0));  // all of it is in OSS
}

// Found by fsstress: the time that was shown never came to OSS.
TEST_F(FolderTest, RoomReservedOrAHolePunchedBehindTheEndLeavesTheTime) {
  ASSERT_TRUE(write_file(kRoot, "f", "text"));
  const Entry before = lookup("f").value();
  clock_.advance(std::chrono::seconds(5));
  const auto opened = folder_->open(context(), before.attributes.inode, O_RDWR);
  ASSERT_TRUE(opened);
  for (const Allocation kind : {Allocation::kReserve, Allocation::kPunch})
    ASSERT_TRUE(folder_->allocate(context(), opened->handle, {1'000, 1'000}, kind));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  EXPECT_EQ(lookup("f")->attributes.mtime, before.attributes.mtime);
  kill_and_begin();
  EXPECT_EQ(lookup("f")->attributes.mtime, before.attributes.mtime);
}

}  // namespace
}  // namespace stsfs::fs
