// A large file goes up while it is still being written.

#include "folder_fixture.h"
#include "stsfs/staging/upload.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class Streams : public FolderTest {
 protected:
  Streams() {
    options_.plan = small_plan();
    kill_and_begin();
  }

  const std::string piece_ = std::string(kUnit, 'p');
  const std::string key_ = "users/alice/f";
};

// "Other clients see the old content or the new, never a part."
TEST_F(Streams, ALargeFileGoesUpWhileItIsWritten) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  for (std::uint64_t at = 0; at < 64; ++at)
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece_), at * kUnit));
  EXPECT_GE(faulty_.started(Operation::kUploadPart), 6U);
  EXPECT_FALSE(store_.content(key_));
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("changed"), 5));
  ASSERT_TRUE(flush(made->second.handle));
  std::string expected(64 * kUnit, 'p');
  expected.replace(5, 7, "changed");
  EXPECT_TRUE(store_.content(key_) == expected);
  EXPECT_EQ(faulty_.started(Operation::kUploadPart), 9U);  // the first one twice
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);        // what nobody set needs no more
  EXPECT_EQ(store_.open_uploads(), 0U);
}

TEST_F(Streams, TimesThatWereSetAreThereAfterAStream) {
  const WallTime when(std::chrono::seconds(1'600'000'000));
  const std::pair<const char*, AttributeChange> changes[] = {{"mtime", {.mtime = when}},
                                                             {"atime", {.atime = when}}};
  for (const auto& [name, change] : changes) {
    auto made = folder_->create(context(), kRoot, name, 0644, O_WRONLY | O_CREAT);
    for (std::uint64_t at = 0; at < 40; ++at)
      ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece_), at * kUnit));
    ASSERT_TRUE(
        folder_->setattr(context(), made->first.attributes.inode, made->second.handle, change));
    ASSERT_TRUE(flush(made->second.handle));
    const auto meta = store_.meta(std::string("users/alice/") + name);
    EXPECT_EQ(meta->headers.user.at(name), "1600000000");
    EXPECT_EQ(meta->size_bytes, 40 * kUnit);
  }
}

TEST_F(Streams, AnAccessTimeThatWasSetOutlastsWhatIsWrittenThen) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  const auto write = [&](std::uint64_t at) {
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece_), at * kUnit));
  };
  for (std::uint64_t at = 0; at < 40; ++at) write(at);
  ASSERT_TRUE(folder_->setattr(context(), made->first.attributes.inode, made->second.handle,
                               {.atime = WallTime(std::chrono::seconds(1'600'000'000))}));
  write(40);
  ASSERT_TRUE(flush(made->second.handle));
  EXPECT_EQ(store_.meta(key_)->headers.user["atime"], "1600000000");
  EXPECT_EQ(store_.meta(key_)->size_bytes, 41 * kUnit);
}

TEST_F(Streams, AStreamOfAFileThatIsRemovedIsAborted) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  for (std::uint64_t at = 0; at < 40; ++at)
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece_), at * kUnit));
  ASSERT_EQ(store_.open_uploads(), 1U);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(store_.open_uploads(), 0U);
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(Streams, AnAppendSendsOnlyWhatIsNew) {
  const std::string base(100 * kUnit, 'b');
  store_.put(key_, base);
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_WRONLY | O_APPEND);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(std::string(kUnit, 'n')), 0));
  ASSERT_TRUE(flush(opened->handle));
  EXPECT_EQ(faulty_.started(Operation::kGet), 0U);
  EXPECT_EQ(faulty_.started(Operation::kCopyPart), 1U);
  EXPECT_EQ(faulty_.started(Operation::kUploadPart), 1U);
  EXPECT_TRUE(store_.content(key_) == base + std::string(kUnit, 'n'));
  // What comes from the base is read on from the new version.
  folder_->release(opened->handle);
  const auto again = folder_->open(context(), entry->attributes.inode, O_RDONLY);
  EXPECT_EQ(read_handle(again->handle, {0, 4}), "bbbb");
}

// All of it may end on another thread from there on, which must not have to wait for a look that
// has long ended where it is.
TEST_F(Streams, LetGoOfTheirLastLookBeforeTheLastRequest) {
  const auto deadline = Deadline::in(clock_, std::chrono::minutes(1));
  const auto upload = std::make_shared<staging::MultipartUpload>(
      faulty_, clock_, key_, oss::PutOptions{}, staging::UploadOptions{},
      [&](const std::string& id, const staging::PlannedPart& part, Deadline,
          Callback<oss::Part> done) {
        return faulty_.start_upload_part(key_, id, part.number, http::memory_body("text"), deadline,
                                         std::move(done));
      });
  bool holds_look = false;
  std::optional<bool> held_look;
  faulty_.before({.operation = Operation::kComplete}, [&] { held_look = holds_look; });
  Callback<void> looked;
  bool written = false;
  upload->complete(
      {{.number = 1, .range = {0, 4}}},
      [&](Callback<void> done) {
        looked = std::move(done);
        holds_look = true;
        return Transfer([&] { holds_look = false; });
      },
      [&](Result<oss::Written> result) { written = result.has_value(); });
  ASSERT_TRUE(holds_look);
  looked({});
  EXPECT_EQ(held_look, false);
  EXPECT_TRUE(written);
}

}  // namespace
}  // namespace stsfs::fs
