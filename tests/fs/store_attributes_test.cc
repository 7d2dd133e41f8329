#include <sys/stat.h>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;
using std::chrono::seconds;

class StoreAttributes : public FolderTest {
 protected:
  const std::string key_ = "users/alice/f";

  InodeNumber theirs(const oss::PutOptions& options = {}) {
    store_.put_with(key_, "text", options);
    return lookup("f")->attributes.inode;
  }
  Result<std::string> get(InodeNumber inode, const std::string& name) {
    return folder_->getxattr(context(), inode, "user.oss." + name);
  }
  Result<void> set(InodeNumber inode, const std::string& name, std::string_view value) {
    return folder_->setxattr(context(), inode, "user.oss." + name, value, 0);
  }
  Result<Entry> chmod(InodeNumber inode, mode_t mode) {
    return folder_->setattr(context(), inode, std::nullopt, {.mode = mode});
  }
  Result<std::string> acl() {
    return await<std::string>(nullptr, [&](Callback<std::string> done) {
      return store_.start_get_acl(key_, context().deadline, std::move(done));
    });
  }
};

// "What OSS knows of a file can be read with getfattr(1) … They are not listed, so that no program
// copies them."
TEST_F(StoreAttributes, TellWhatOssKnows) {
  const InodeNumber inode = theirs({.storage_class = "IA", .acl = "public-read"});
  EXPECT_EQ(get(inode, "etag"), store_.meta(key_)->etag);
  EXPECT_EQ(get(inode, "storage-class"), "IA");
  EXPECT_EQ(get(inode, "object-type"), "Normal");
  EXPECT_EQ(get(inode, "crc64"), std::to_string(*store_.meta(key_)->crc64));
  EXPECT_EQ(get(inode, "acl"), "public-read");
  oss::PutOptions encrypted;
  encrypted.headers.encryption.method = "SM4";
  EXPECT_EQ(get(inode, "encryption").error().code, Errc::kNoAttribute);
  store_.put_with(key_, "text", encrypted);
  EXPECT_EQ(get(inode, "encryption"), "SM4");
  for (const char* absent : {"version-id", "restore", "last-error", "else"})
    EXPECT_EQ(get(inode, absent).error().code, Errc::kNoAttribute) << absent;
  EXPECT_EQ(folder_->listxattr(context(), inode), "");  // so that nobody copies them
}

TEST_F(StoreAttributes, AreReadOnlyButForThree) {
  const InodeNumber inode = theirs();
  for (const char* name : {"etag", "object-type", "crc64", "version-id", "last-error", "else"})
    EXPECT_EQ(set(inode, name, "x").error().code, Errc::kNotPermitted) << name;
  for (const char* name : {"storage-class", "acl", "restore"})
    EXPECT_EQ(set(inode, name, "x").error().code, Errc::kInvalid) << name;
  EXPECT_EQ(folder_->removexattr(context(), inode, "user.oss.etag").error().code,
            Errc::kNotPermitted);
}

// "Setting user.oss.storage-class moves the file to that class … later copies and rewrites carry
// both along."
TEST_F(StoreAttributes, AClassThatIsSetStays) {
  const InodeNumber inode = theirs();
  ASSERT_TRUE(set(inode, "storage-class", "IA"));
  EXPECT_EQ(store_.meta(key_)->storage_class, "IA");
  clock_.advance(seconds(5));
  ASSERT_TRUE(chmod(inode, 0600));
  ASSERT_TRUE(write_file(kRoot, "f", "longer text"));
  EXPECT_EQ(store_.meta(key_)->storage_class, "IA");
  ASSERT_TRUE(set(inode, "storage-class", "Standard"));
  EXPECT_TRUE(folder_->drain(Deadline::in(clock_, seconds(30))));
  EXPECT_EQ(store_.meta(key_)->storage_class, "Standard");
}

// "… setting user.oss.acl gives it that access control list; later copies and rewrites carry both
// along."
TEST_F(StoreAttributes, AnAclThatIsSetStays) {
  const InodeNumber inode = theirs();
  ASSERT_TRUE(set(inode, "acl", "public-read"));
  EXPECT_EQ(acl(), "public-read");
  clock_.advance(seconds(5));
  ASSERT_TRUE(chmod(inode, 0600));
  EXPECT_EQ(acl(), "public-read");
  ASSERT_TRUE(write_file(kRoot, "f", "longer text"));
  EXPECT_EQ(acl(), "public-read");
  ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kReplace));
}

TEST_F(StoreAttributes, AnAclThatAnotherGaveSurvivesAChmod) {
  ASSERT_TRUE(chmod(theirs({.acl = "public-read"}), 0600));
  EXPECT_EQ(acl(), "public-read");
}

// "… Such a change notes it with the object, which then keeps it like one that was set here; the
// rename of a file of which nothing was changed does not ask for it, and leaves the object with
// that of the bucket."
TEST_F(StoreAttributes, AnAclThatAnotherGaveGoesToANewNameOnlyWhereItIsNoted) {
  const auto acl_of = [&](const std::string& key) {
    return await<std::string>(nullptr, [&](Callback<std::string> done) {
      return store_.start_get_acl(key, context().deadline, std::move(done));
    });
  };
  theirs({.acl = "public-read"});
  ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kReplace));
  EXPECT_EQ(faulty_.started(Operation::kGetAcl), 0U);
  EXPECT_EQ(acl_of("users/alice/g"), "default");
  ASSERT_TRUE(drain());
  ASSERT_TRUE(chmod(theirs({.acl = "public-read"}), 0600));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "h", RenameMode::kReplace));
  EXPECT_EQ(acl_of("users/alice/h"), "public-read");
}

TEST_F(StoreAttributes, WhereAclsCannotBeReadTheyAreAskedForOnce) {
  faulty_.fail({.operation = Operation::kGetAcl, .count = Calls::kAll},
               Error{Errc::kDenied, "not allowed", {}});
  const InodeNumber inode = theirs();
  ASSERT_TRUE(chmod(inode, 0600));
  clock_.advance(seconds(5));
  ASSERT_TRUE(chmod(inode, 0640));
  EXPECT_EQ(faulty_.started(Operation::kGetAcl), 1U);
}

TEST_F(StoreAttributes, WhoSaysThatAclsCannotBeReadIsNotAskedAtAll) {
  options_.acls_hidden = true;
  kill_and_begin();
  ASSERT_TRUE(chmod(theirs({.acl = "public-read"}), 0600));
  EXPECT_EQ(faulty_.started(Operation::kGetAcl), 0U);
}

TEST_F(StoreAttributes, TagsSurviveARewrite) {
  theirs({.tagging = "a=1&b=2"});
  ASSERT_TRUE(write_file(kRoot, "f", "longer text"));
  EXPECT_EQ(store_.content(key_), "longer text");
  EXPECT_EQ(store_.meta(key_)->tagging_count, 2U);
}

TEST_F(StoreAttributes, ARewriteWaitsForTagsThatCannotBeReadJustNow) {
  theirs({.tagging = "a=1"});
  faulty_.fail({.operation = Operation::kGetTagging, .count = 2},  // at flush and at release
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(write_file(kRoot, "f", "longer text"));
  EXPECT_EQ(store_.content(key_), "text");
  scheduler_.advance(seconds(60));
  EXPECT_EQ(store_.content(key_), "longer text");
  EXPECT_EQ(store_.meta(key_)->tagging_count, 1U);
}

TEST_F(StoreAttributes, AnArchivedFileSaysSoAndCanBeAskedFor) {
  const InodeNumber inode = theirs({.storage_class = "Archive"});
  EXPECT_EQ(read_file("f").error().code, Errc::kArchived);
  EXPECT_EQ(get(inode, "restore").error().code, Errc::kNoAttribute);
  ASSERT_TRUE(set(inode, "restore", "3 Bulk"));
  EXPECT_EQ(get(inode, "restore"), "ongoing-request=\"true\"");
  EXPECT_EQ(set(inode, "restore", "3").error().code, Errc::kBusy);
  store_.restore(key_);
  EXPECT_EQ(get(inode, "restore"), "ongoing-request=\"false\"");
  EXPECT_EQ(read_file("f"), "text");
}

TEST_F(StoreAttributes, LastErrorSaysWhyAFileIsNotInOss) {
  faulty_.fail({.operation = Operation::kPut, .count = Calls::kAll},
               Error{Errc::kDenied, "AccessDenied, request 7", {}});
  ASSERT_FALSE(write_file(kRoot, "f", "text"));
  const auto error = get(lookup("f")->attributes.inode, "last-error");
  ASSERT_TRUE(error);
  EXPECT_NE(error->find("request 7"), std::string::npos);
}

TEST_F(StoreAttributes, NewFilesHaveWhatTheMountSays) {
  options_.storage_class = "IA";
  options_.acl = "private";
  kill_and_begin();
  ASSERT_TRUE(write_file(kRoot, "f", "text"));
  EXPECT_EQ(store_.meta(key_)->storage_class, "IA");
  EXPECT_EQ(acl(), "private");
}

}  // namespace
}  // namespace stsfs::fs
