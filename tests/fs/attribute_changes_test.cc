// How changes of attributes come to OSS: with what is written anyway, at once, or several in one
// copy.

#include <sys/xattr.h>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kMtime(seconds(1700000000) + std::chrono::nanoseconds(5));

class AttributeChanges : public FolderTest {
 protected:
  const std::string key_ = "users/alice/f";

  InodeNumber file(std::string_view name = "f") {
    EXPECT_TRUE(write_file(kRoot, name, "text"));
    return lookup(name)->attributes.inode;
  }
  /// As one that was there before: nothing was done to it lately.
  InodeNumber old_file() {
    const InodeNumber inode = file();
    clock_.advance(seconds(5));
    return inode;
  }
  void change(InodeNumber inode, const AttributeChange& wanted) {
    const auto changed = folder_->setattr(context(), inode, std::nullopt, wanted);
    ASSERT_TRUE(changed) << changed.error().message;
  }
  Result<void> set(InodeNumber inode, std::string_view name, std::string_view value,
                   int flags = 0) {
    return folder_->setxattr(context(), inode, name, value, flags);
  }
  std::string stored(std::string_view key, const std::string& name) {
    const auto meta = store_.meta(std::string(key));
    return meta && meta->headers.user.contains(name) ? meta->headers.user.at(name) : "";
  }
  std::uint64_t copies() const { return faulty_.started(Operation::kCopy); }
  std::uint64_t writes() const {
    return copies() + faulty_.started(Operation::kPut) + faulty_.started(Operation::kDelete);
  }
};

// "Otherwise a change is a copy of the object onto itself on the server … and is in OSS when the
// call returns."
TEST_F(AttributeChanges, OfAnOldFileAreInOssAtOnce) {
  const InodeNumber inode = old_file();
  change(inode, {.mode = 0751});
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0751));
  EXPECT_EQ(copies(), 1U);
}

// A stamp of `make`: `> f` is a change also of a file in which nothing was.
TEST_F(AttributeChanges, OfAnEmptyFileThatIsCutAreATimeOfModification) {
  ASSERT_TRUE(write_file(kRoot, "f", ""));
  const std::string before = stored(key_, "mtime");
  clock_.advance(seconds(100));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(opened);
  const WallTime cut = lookup("f")->attributes.mtime;
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  EXPECT_NE(stored(key_, "mtime"), before);
  begin_anew();
  EXPECT_EQ(lookup("f")->attributes.mtime, cut);
}

// "Attributes that change while a file is being written go to OSS with its content."
TEST_F(AttributeChanges, BeforeCloseRideAlong) {
  const auto made = folder_->create(context(), kRoot, "f", 0600, O_WRONLY | O_CREAT);
  const InodeNumber inode = made->first.attributes.inode;
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("text"), 0));
  change(inode, {.mode = 0640, .mtime = kMtime});
  ASSERT_TRUE(set(inode, "user.a", "1"));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  EXPECT_EQ(stored(key_, "mtime"), "1700000000.000000005");
  EXPECT_EQ(folder_->getxattr(context(), inode, "user.a"), "1");
  EXPECT_EQ(writes(), 1U);
}

// "What follows within a second of another change to the same file … is held back for 0.3 seconds
// and merged into one copy."
// As tar and cp -p do when they close first.
TEST_F(AttributeChanges, SeveralAfterCloseAreOneCopy) {
  const InodeNumber inode = file();
  const auto heads = faulty_.started(Operation::kHead);
  change(inode, {.mode = 0640});
  change(inode, {.uid = 3, .gid = 4});
  change(inode, {.atime = kMtime, .mtime = kMtime});
  ASSERT_TRUE(set(inode, "user.a", "1"));
  EXPECT_EQ(copies(), 0U);
  EXPECT_EQ(lookup("f")->attributes.mode, S_IFREG | 0640U);
  scheduler_.advance(milliseconds(301));
  EXPECT_EQ(copies(), 1U);
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  EXPECT_EQ(stored(key_, "uid"), "3");
  EXPECT_EQ(stored(key_, "mtime"), "1700000000.000000005");
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(store_.content(key_), "text");
  EXPECT_EQ(faulty_.started(Operation::kHead), heads);  // nothing more than that copy
}

// As rsync does: a temporary name, attributes, the final name.
TEST_F(AttributeChanges, GoAlongWithARename) {
  const InodeNumber inode = file("tmp");
  change(inode, {.mode = 0640});
  change(inode, {.mtime = kMtime});
  ASSERT_TRUE(folder_->rename(context(), kRoot, "tmp", kRoot, "f", RenameMode::kReplace));
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  EXPECT_EQ(stored(key_, "mtime"), "1700000000.000000005");
  scheduler_.advance(seconds(2));  // not past the deadline of a request on its way
  ASSERT_TRUE(drain());
  EXPECT_EQ(writes(), 3U);  // the file, the copy and the delete of the rename
  EXPECT_TRUE(folder_->pending().empty());
}

// As rsync's fchmod does it between utimens and rename.
TEST_F(AttributeChanges, AreNotHurriedByAnOpenAndClose) {
  const InodeNumber inode = file();
  change(inode, {.mtime = kMtime});
  const auto opened = folder_->open(context(), inode, O_RDONLY);
  ASSERT_TRUE(folder_->setattr(context(), inode, opened->handle, {.mode = 0640}));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  EXPECT_EQ(copies(), 0U);
  scheduler_.advance(milliseconds(301));
  EXPECT_EQ(copies(), 1U);
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
}

// "… it stands in the journal meanwhile and survives a kill of the daemon."
TEST_F(AttributeChanges, HeldBackSurviveAKill) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  kill_and_begin();
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0644));
  EXPECT_EQ(lookup("f")->attributes.mode, S_IFREG | 0640U);
  folder_->resume();
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  EXPECT_EQ(store_.content(key_), "text");
  EXPECT_EQ(read_file("f"), "text");
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(AttributeChanges, OfDirectoriesAndLinksAreHeldBackAndSurviveAKill) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0700)->attributes.inode;
  const auto link = folder_->symlink(context(), directory, "l", "target")->attributes.inode;
  change(link, {.uid = 3, .mtime = kMtime});
  change(directory, {.mode = 0751});
  change(directory, {.mtime = kMtime});
  ASSERT_TRUE(set(directory, "user.a", "1"));
  kill_and_begin();
  EXPECT_EQ(lookup("d")->attributes.mode, S_IFDIR | 0751U);
  const auto again = lookup(lookup("d")->attributes.inode, "l");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attributes.uid, 3U);
  EXPECT_EQ(folder_->readlink(context(), again->attributes.inode), "target");
  folder_->resume();
  EXPECT_EQ(stored("users/alice/d/", "mode"), std::to_string(S_IFDIR | 0751));
  EXPECT_EQ(stored("users/alice/d/", "mtime"), "1700000000.000000005");
  EXPECT_EQ(stored("users/alice/d/l", "uid"), "3");
  EXPECT_EQ(store_.content("users/alice/d/l"), "users/alice/d/target");
  EXPECT_EQ(folder_->getxattr(context(), lookup("d")->attributes.inode, "user.a"), "1");
}

// As tar leaves a directory: its time is given after its entries were made.
TEST_F(AttributeChanges, OfADirectoryWhoseTimeIsGivenLastAreOneCopy) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(directory, "f", "text"));
  change(directory, {.mtime = kMtime});
  const std::uint64_t before = writes();
  scheduler_.advance(milliseconds(301));
  EXPECT_EQ(writes() - before, 1U);
  scheduler_.advance(seconds(60));
  ASSERT_TRUE(drain());
  EXPECT_EQ(writes() - before, 1U);
  EXPECT_EQ(stored("users/alice/d/", "mtime"), "1700000000.000000005");
}

TEST_F(AttributeChanges, WaitOutAnOutage) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  faulty_.fail_everything(Error{Errc::kUnavailable, "network gone", {}});
  scheduler_.advance(milliseconds(301));
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_NE(folder_->pending()[0].last_error, "");
  faulty_.fail_everything(std::nullopt);
  scheduler_.advance(seconds(60));
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  EXPECT_TRUE(folder_->pending().empty());
}

// "An object that another client replaced meanwhile keeps the attributes that the other gave it."
TEST_F(AttributeChanges, NeverTouchWhatAnotherClientWrote) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  store_.put(key_, "theirs");
  scheduler_.advance(milliseconds(301));
  EXPECT_EQ(store_.content(key_), "theirs");
  EXPECT_EQ(stored(key_, "mode"), "");
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(read_file("f"), "theirs");
}

TEST_F(AttributeChanges, OfAFileThatAnotherClientRemovedAreForgotten) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  store_.erase(key_);
  scheduler_.advance(milliseconds(301));
  EXPECT_TRUE(store_.keys().empty());
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
}

TEST_F(AttributeChanges, AnAnswerThatWasLostIsOurs) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  faulty_.lose_answer({.operation = Operation::kCopy}, Error{Errc::kTimedOut, "no answer", {}});
  scheduler_.advance(seconds(60));
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(AttributeChanges, OfWhichOnlyTheAnswerWasLostShow) {
  const InodeNumber inode = file();
  clock_.advance(seconds(1));
  const Error lost{Errc::kTimedOut, "no answer", {}};
  faulty_.lose_answer({.operation = Operation::kCopy}, lost);
  faulty_.fail({.operation = Operation::kHead}, lost);  // nor to who asks whether it was done
  EXPECT_FALSE(folder_->setattr(context(), inode, std::nullopt, {.mode = 0640}));
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  clock_.advance(options_.fresh);
  EXPECT_EQ(names(kRoot).back(), "f");
  EXPECT_EQ(lookup("f")->attributes.mode, S_IFREG | 0640U);
}

// The two have the same bytes, and so the same ETag.
TEST_F(AttributeChanges, OfWhatARenameReplacedShowThoughItsAnswerWasLost) {
  file("old");
  const InodeNumber target = file();
  change(target, {.mode = 0640});
  ASSERT_TRUE(drain());
  faulty_.lose_answer({.operation = Operation::kCopy}, Error{Errc::kTimedOut, "no answer", {}});
  EXPECT_FALSE(folder_->rename(context(), kRoot, "old", kRoot, "f", RenameMode::kReplace));
  ASSERT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0644));
  clock_.advance(options_.fresh);
  EXPECT_EQ(names(kRoot).size(), 4U);
  EXPECT_EQ(lookup("f")->attributes.mode, S_IFREG | 0644U);
}

TEST_F(AttributeChanges, OfWhichOnlyTheAnswerWasLostShowWhenOssRefusesThemThen) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  faulty_.lose_answer({.operation = Operation::kCopy}, Error{Errc::kTimedOut, "no answer", {}});
  faulty_.fail({.operation = Operation::kCopy, .from = 2, .count = Calls::kAll},
               Error{Errc::kDenied, "not allowed", {}});
  scheduler_.advance(seconds(60));
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(names(kRoot).back(), "f");
  EXPECT_EQ(lookup("f")->attributes.mode, S_IFREG | 0640U);
}

TEST_F(AttributeChanges, AnAccessTimeThatIsGivenWhileAnAnswerIsLostComesToOss) {
  const Error lost{Errc::kUnavailable, "lost", {}};
  faulty_.lose_answer({.operation = Operation::kPut}, lost);
  const auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(made);
  ASSERT_FALSE(flush(made->second.handle));
  change(made->first.attributes.inode, {.atime = kMtime});
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(stored(key_, "atime"), "1700000000.000000005");
}

TEST_F(AttributeChanges, AnAccessTimeComesToOssAlsoWhenTheOtherIsOfNow) {
  faulty_.lose_answer({.operation = Operation::kPut}, Error{Errc::kUnavailable, "lost", {}});
  const auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(made);
  ASSERT_FALSE(flush(made->second.handle));
  change(made->first.attributes.inode, {.atime = kMtime});
  change(made->first.attributes.inode, {.mtime = Now{}});
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(stored(key_, "atime"), "1700000000.000000005");
}

TEST_F(AttributeChanges, WhatOssRefusesIsNotTriedForEver) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  faulty_.fail({.operation = Operation::kCopy, .count = Calls::kAll},
               Error{Errc::kDenied, "not allowed", {}});
  scheduler_.advance(seconds(60));
  EXPECT_EQ(copies(), 1U);
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(lookup("f")->attributes.mode, S_IFREG | 0644U);  // what OSS has
}

TEST_F(AttributeChanges, FollowAWriteThatCameBetween) {
  const InodeNumber inode = file();
  change(inode, {.mode = 0640});
  ASSERT_TRUE(write_file(kRoot, "f", "more"));
  EXPECT_EQ(store_.content(key_), "more");
  EXPECT_EQ(stored(key_, "mode"), std::to_string(S_IFREG | 0640));
  scheduler_.advance(seconds(2));
  EXPECT_EQ(copies(), 0U);
}

TEST_F(AttributeChanges, OfARemovedDirectoryDoNotBringItBack) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0700)->attributes.inode;
  change(directory, {.mode = 0751});
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

// "… which keeps its content type, encoding, storage class, server-side encryption, tags and
// metadata."
TEST_F(AttributeChanges, CarryEverythingElseAlong) {
  oss::PutOptions theirs;
  theirs.headers = {.content_type = "text/html",
                    .cache_control = "no-cache",
                    .content_disposition = "inline",
                    .content_encoding = "gzip",
                    .content_language = "en",
                    .expires = "Fri, 28 Feb 2042 05:38:42 GMT",
                    .user = {{"author", "bob"}}};
  theirs.storage_class = "IA";
  theirs.tagging = "a=1&b=2";
  store_.put_with(key_, "text", theirs);
  change(lookup("f")->attributes.inode, {.mode = 0640});
  const auto meta = store_.meta(key_);
  EXPECT_EQ(meta->headers.content_type, "text/html");
  EXPECT_EQ(meta->headers.cache_control, "no-cache");
  EXPECT_EQ(meta->headers.content_disposition, "inline");
  EXPECT_EQ(meta->headers.content_encoding, "gzip");
  EXPECT_EQ(meta->headers.content_language, "en");
  EXPECT_EQ(meta->headers.expires, "Fri, 28 Feb 2042 05:38:42 GMT");
  EXPECT_EQ(meta->headers.user.at("author"), "bob");
  EXPECT_EQ(meta->storage_class, "IA");
  EXPECT_EQ(meta->tagging_count, 2U);
}

// "The modification time of a directory follows what is created … in it. It goes to OSS some 30
// seconds later … with one request for all that happened."
TEST_F(AttributeChanges, ADirectorysTimeIsKnownAtOnceAndStoredLazily) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0700)->attributes.inode;
  clock_.advance(seconds(5));
  ASSERT_TRUE(write_file(directory, "a", "1"));
  ASSERT_TRUE(write_file(directory, "b", "2"));
  const WallTime changed = clock_.wall();
  EXPECT_EQ(lookup("d")->attributes.mtime, changed);
  EXPECT_EQ(copies(), 0U);
  clock_.advance(seconds(20));
  folder_->refresh();  // what OSS says by then is older
  EXPECT_EQ(lookup("d")->attributes.mtime, changed);
  scheduler_.advance(seconds(11));
  EXPECT_EQ(copies(), 1U);
  kill_and_begin();
  EXPECT_EQ(lookup("d")->attributes.mtime, changed);
}

// Its time came due in the moment in which a change of its mode was on its way, and went there
// after that, with the mode of before.
TEST_F(AttributeChanges, OfADirectoryOutlastItsTimeThatIsStoredMeanwhile) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  EXPECT_TRUE(write_file(d, "f", "text"));
  scheduler_.advance(seconds(29));
  const std::string key = "users/alice/d/";
  faulty_.before({.operation = Operation::kCopy, .count = 1, .key = key},
                 [&] { scheduler_.advance(seconds(1)); });
  faulty_.delay({.operation = Operation::kCopy, .from = 2, .key = key}, seconds(5));
  change(d, {.mode = 0750});
  scheduler_.advance(seconds(60));
  EXPECT_EQ(stored(key, "mode"), std::to_string(S_IFDIR | 0750));
}

// As rsync and tar do when all of it is there.
TEST_F(AttributeChanges, ADirectoryKeepsTheTimeItWasGivenLast) {
  const InodeNumber directory = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(directory, "f", "text"));
  change(directory, {.mtime = kMtime});
  ASSERT_TRUE(drain());
  EXPECT_EQ(stored("users/alice/d/", "mtime"), "1700000000.000000005");
  folder_->refresh();
  EXPECT_EQ(lookup("d")->attributes.mtime, kMtime);
}

// "The modification time of a directory follows what is … removed in it."
TEST_F(AttributeChanges, ADirectorysTimeFollowsWhatIsRemovedFromIt) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0700)->attributes.inode;
  ASSERT_TRUE(write_file(directory, "a", "1"));
  clock_.advance(seconds(5));
  ASSERT_TRUE(folder_->unlink(context(), directory, "a"));
  EXPECT_EQ(lookup("d")->attributes.mtime, clock_.wall());
}

TEST_F(AttributeChanges, ADirectorysTimeIsStoredBeforeItIsForgotten) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0700)->attributes.inode;
  clock_.advance(seconds(5));
  ASSERT_TRUE(write_file(directory, "a", "1"));
  const WallTime changed = clock_.wall();
  folder_->forget(lookup(directory, "a")->attributes.inode, 2);
  folder_->forget(directory, 1);
  EXPECT_EQ(copies(), 1U);
  EXPECT_EQ(lookup("d")->attributes.mtime, changed);
}

TEST_F(AttributeChanges, ADirectoryShowsTheOlderTimeThatAnotherClientGaveIt) {
  const InodeNumber inode = folder_->mkdir(context(), kRoot, "dir", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(inode, "f", "text"));
  scheduler_.advance(seconds(40));
  store_.put("users/alice/dir/", "", {{"mtime", "1700000000"}});
  scheduler_.advance(seconds(31));
  EXPECT_EQ(lookup("dir")->attributes.mtime, WallTime(seconds(1'700'000'000)));
}

TEST_F(AttributeChanges, AnImpliedDirectoryDoesNotChangeFromLookToLook) {
  store_.put("users/alice/d/f", "x");
  const WallTime seen = lookup("d")->attributes.mtime;
  clock_.advance(seconds(60));
  EXPECT_EQ(lookup("d")->attributes.mtime, seen);
}

// It has no object that a copy could change: one is put.
TEST_F(AttributeChanges, OfAnImpliedDirectoryAreInOssAtOnce) {
  store_.put("users/alice/d/f", "x");
  change(lookup("d")->attributes.inode, {.mode = 0700});
  EXPECT_EQ(stored("users/alice/d/", "mode"), std::to_string(S_IFDIR | 0700));
}

// Another client takes the directory's object away while it owes its time, and puts one again.
TEST_F(AttributeChanges, OfADirectoryGoToTheObjectThatItHasByThen) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(d, "f", "x"));
  folder_->forget(lookup(d, "f")->attributes.inode, 2);
  store_.erase("users/alice/d/");
  clock_.advance(std::chrono::minutes(5));
  ASSERT_TRUE(lookup("d"));
  store_.put("users/alice/d/", "");
  const WallTime changed = lookup("d")->attributes.mtime;
  folder_->forget(d, 3);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/d/", "users/alice/d/f"}));
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(lookup("d")->attributes.mtime, changed);
}

// "All metadata of one object together is less than 8 KB: what passes that fails with ENOSPC."
TEST_F(AttributeChanges, ExtendedOnesAreListedAndRemoved) {
  const InodeNumber inode = old_file();
  ASSERT_TRUE(set(inode, "user.b", "2"));
  ASSERT_TRUE(set(inode, "user.a", "1", XATTR_CREATE));
  EXPECT_EQ(folder_->listxattr(context(), inode), std::string("user.a\0user.b\0", 14));
  ASSERT_TRUE(folder_->removexattr(context(), inode, "user.a"));
  EXPECT_EQ(folder_->getxattr(context(), inode, "user.a").error().code, Errc::kNoAttribute);
  EXPECT_EQ(set(inode, "trusted.a", "1").error().code, Errc::kNotSupported);
  EXPECT_EQ(set(inode, "user.", "1").error().code, Errc::kInvalid);
  ASSERT_TRUE(set(inode, "user.c", std::string(3000, 'x')));
  EXPECT_EQ(set(inode, "user.d", std::string(3000, 'x')).error().code, Errc::kMetadataFull);
}

}  // namespace
}  // namespace stsfs::fs
