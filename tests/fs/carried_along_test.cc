// What an object has besides its bytes, and is still to have after every copy and rewrite.

#include <sys/stat.h>

#include <algorithm>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::seconds;

const std::string kAlice = "users/alice/";
const oss::Encryption kEncryption{.method = "KMS", .key_id = "a-key", .data_method = "SM4"};

/// Larger than what one request copies here.
const std::string& large_body() {
  static const std::string out(9 * kUnit, 'x');
  return out;
}

class CarriedAlong : public FolderTest {
 protected:
  explicit CarriedAlong(const fakes::FakeStoreOptions& store = {}) : FolderTest(store) {
    options_.plan = small_plan();
    options_.plan.copy_size_max = kMiB;
    kill_and_begin();
  }

  /// Another client's, encrypted and with tags.
  void put(const std::string& name, const std::string& content) {
    oss::PutOptions options{.storage_class = "IA", .tagging = "a=1&b=2"};
    options.headers.content_type = "text/plain";
    options.headers.encryption = kEncryption;
    store_.put_with(kAlice + name, content, options);
  }
  InodeNumber inode_of(std::string_view name) { return lookup(name)->attributes.inode; }
  Result<void> rename(std::string_view from, std::string_view to,
                      RenameMode mode = RenameMode::kReplace) {
    return folder_->rename(context(), kRoot, from, kRoot, to, mode);
  }
  Result<Entry> chmod(std::string_view name, mode_t mode) {
    return folder_->setattr(context(), inode_of(name), std::nullopt, {.mode = mode});
  }
  std::string tags(const std::string& name) {
    return await<std::string>(nullptr,
                              [&](Callback<std::string> done) {
                                return store_.start_get_tagging(kAlice + name, context().deadline,
                                                                std::move(done));
                              })
        .value_or("none");
  }
  /// All of it is as another client had put it.
  void expect_whole(const std::string& name, const std::string& content) {
    const auto meta = store_.meta(kAlice + name);
    ASSERT_TRUE(meta) << name;
    EXPECT_TRUE(store_.content(kAlice + name) == content) << name;
    EXPECT_EQ(meta->headers.encryption, kEncryption) << name;
    EXPECT_EQ(meta->headers.content_type, "text/plain") << name;
    EXPECT_EQ(meta->storage_class, "IA") << name;
    EXPECT_EQ(tags(name), "a=1&b=2") << name;
  }
  std::string conflict_of(const std::string& name) {
    for (const std::string& key : store_.keys())
      if (key.starts_with(kAlice + name + ".conflict-")) return key.substr(kAlice.size());
    return "no conflict";
  }
};

/// One that a single request copies, and one that goes in parts.
class CarriedAlongOfAnySize : public CarriedAlong, public ::testing::WithParamInterface<bool> {
 protected:
  const std::string text_ = GetParam() ? large_body() : "text";
};
INSTANTIATE_TEST_SUITE_P(, CarriedAlongOfAnySize, ::testing::Bool(),
                         [](const auto& in_parts) { return in_parts.param ? "InParts" : "Whole"; });

// "Otherwise a change is a copy of the object onto itself on the server, which keeps its content
// type, encoding, storage class, server-side encryption, tags and metadata …"
TEST_P(CarriedAlongOfAnySize, ByAChangeOfAttributes) {
  put("f", text_);
  ASSERT_TRUE(chmod("f", 0600));
  expect_whole("f", text_);
}

TEST_P(CarriedAlongOfAnySize, ByAChangeThatIsHeldBackOverAKill) {
  put("f", text_);
  ASSERT_TRUE(chmod("f", 0600));
  ASSERT_TRUE(chmod("f", 0640));  // which follows at once
  kill_and_begin();
  ASSERT_TRUE(drain());
  expect_whole("f", text_);
  EXPECT_EQ(store_.meta(kAlice + "f")->headers.user["mode"], std::to_string(S_IFREG | 0640));
}

TEST_P(CarriedAlongOfAnySize, ByARename) {
  put("f", text_);
  ASSERT_TRUE(rename("f", "g"));
  expect_whole("g", text_);
}

TEST_P(CarriedAlongOfAnySize, ByARenameThatTakesAttributesAlong) {
  put("f", text_);
  ASSERT_TRUE(chmod("f", 0600));
  ASSERT_TRUE(chmod("f", 0640));
  ASSERT_TRUE(rename("f", "g"));
  expect_whole("g", text_);
  EXPECT_EQ(store_.meta(kAlice + "g")->headers.user["mode"], std::to_string(S_IFREG | 0640));
}

TEST_P(CarriedAlongOfAnySize, ByAnExchange) {
  put("f", text_);
  store_.put(kAlice + "g", "other");
  ASSERT_TRUE(rename("f", "g", RenameMode::kExchange));
  expect_whole("g", text_);
  EXPECT_EQ(store_.content(kAlice + "f"), "other");
  EXPECT_EQ(store_.meta(kAlice + "f")->headers.encryption, oss::Encryption());
  EXPECT_EQ(tags("f"), "");
}

TEST_P(CarriedAlongOfAnySize, ByAFurtherName) {
  put("f", text_);
  ASSERT_TRUE(folder_->link(context(), inode_of("f"), kRoot, "g"));
  ASSERT_TRUE(drain());
  const auto keys = store_.keys();
  const auto shared = std::find_if(keys.begin(), keys.end(), [&](const std::string& key) {
    return store_.meta(key)->type != oss::ObjectType::kSymlink &&
           store_.content(key)->size() == text_.size();
  });
  ASSERT_NE(shared, keys.end());
  expect_whole(shared->substr(kAlice.size()), text_);
}

TEST_P(CarriedAlongOfAnySize, ByARewrite) {
  put("f", "old");
  ASSERT_TRUE(
      write_file(kRoot, "f", GetParam() ? large_body() + large_body() + large_body() : text_));
  expect_whole("f", GetParam() ? large_body() + large_body() + large_body() : text_);
}

TEST_P(CarriedAlongOfAnySize, ByWhatIsKeptOfAnotherClientsWhenAFileIsRenamedOverIt) {
  store_.put(kAlice + "f", "first");
  ASSERT_TRUE(write_file(kRoot, "new", "ours"));
  ASSERT_TRUE(lookup("f"));
  put("f", text_);
  ASSERT_TRUE(rename("new", "f"));
  EXPECT_EQ(store_.content(kAlice + "f"), "ours");
  expect_whole(conflict_of("f"), text_);
}

// A version that was written here and is not in OSS yet has the tags of the one before it.
TEST_F(CarriedAlong, ByARewriteThatAKillLeftToTheNextDaemon) {
  put("f", "old");
  faulty_.fail({.operation = Operation::kPut, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(write_file(kRoot, "f", "text"));
  faulty_.heal();
  kill_and_begin();
  ASSERT_TRUE(drain());
  expect_whole("f", "text");
}

// What goes in parts inherits nothing: who may not read its tags loses them, and not the file.
TEST_F(CarriedAlong, TagsThatMayNotBeReadDoNotKeepALargeFileFromItsNewName) {
  put("f", large_body());
  faulty_.fail({.operation = Operation::kGetTagging, .count = fakes::Calls::kAll},
               Error{Errc::kDenied, "not allowed", {}});
  ASSERT_TRUE(rename("f", "g"));
  EXPECT_TRUE(store_.content(kAlice + "g") == large_body());
}

TEST_F(CarriedAlong, TagsThatCannotBeReadJustNowKeepALargeFileAtItsOldName) {
  put("f", large_body());
  faulty_.fail({.operation = Operation::kGetTagging, .count = 1},
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(rename("f", "g"));
  ASSERT_TRUE(rename("f", "g"));
  expect_whole("g", large_body());
}

TEST_F(CarriedAlong, NothingIsAskedForTagsThatACopyInherits) {
  put("f", "text");
  ASSERT_TRUE(rename("f", "g"));
  EXPECT_EQ(faulty_.started(Operation::kGetTagging), 0U);
}

// "The rename of a directory copies what lies below without looking at each … what is smaller than
// 1 GiB is encrypted as the bucket says, whatever it was before."
TEST_F(CarriedAlong, ADirectorysRenameLooksAtLargeFilesOnly) {
  put("d/large", large_body());
  put("d/small", "text");
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  expect_whole("n/large", large_body());
  EXPECT_EQ(tags("n/small"), "a=1&b=2");
  EXPECT_EQ(store_.meta(kAlice + "n/small")->headers.encryption, oss::Encryption());
}

class CarriedAlongInACheaperBucket : public CarriedAlong {
 protected:
  CarriedAlongInACheaperBucket() : CarriedAlong({.storage_class = "IA"}) {
    for (const char* name : {"d/f", "d/large"})
      store_.put_with(kAlice + name, name == std::string("d/f") ? "text" : large_body(),
                      {.storage_class = "Standard"});
  }
  std::string class_of(const std::string& name) {
    const auto meta = store_.meta(kAlice + name);
    return meta ? meta->storage_class : "none";
  }
};

TEST_F(CarriedAlongInACheaperBucket, TheClassOfWhatLiesInADirectoryThatIsRenamed) {
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(class_of("n/f"), "Standard");
  EXPECT_EQ(class_of("n/large"), "Standard");
}

TEST_F(CarriedAlongInACheaperBucket, TheClassOfWhatIsPutBesideAnotherClients) {
  faulty_.before({.operation = Operation::kCopy, .key = kAlice + "n/f"},
                 [&] { store_.put(kAlice + "n/f", "theirs"); });
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(kAlice + "n/f"), "theirs");
  EXPECT_EQ(class_of(conflict_of("n/f")), "Standard");
}

TEST_F(CarriedAlongInACheaperBucket, TheClassOfAnotherClientsThatIsRenamedOver) {
  store_.put(kAlice + "f", "first");
  ASSERT_TRUE(write_file(kRoot, "new", "ours"));
  ASSERT_TRUE(lookup("f"));
  store_.put_with(kAlice + "f", "theirs", {.storage_class = "Standard"});
  ASSERT_TRUE(rename("new", "f"));
  EXPECT_EQ(class_of(conflict_of("f")), "Standard");
}

}  // namespace
}  // namespace stsfs::fs
