// A file that is written in place while it is being sent.

#include <atomic>
#include <thread>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

/// What holds of a file that is put, of one in parts, and of one that went up while it was written.
class WrittenWhileSent : public FolderTest {
 protected:
  explicit WrittenWhileSent(
      std::unique_ptr<fakes::Executor> executor = std::make_unique<fakes::InlineExecutor>())
      : FolderTest({}, std::move(executor)) {
    options_.plan = small_plan();
    kill_and_begin();
  }

  const std::string key_ = "users/alice/f";

  HandleNumber create() {
    return folder_->create(context(), kRoot, "f", 0644, O_RDWR | O_CREAT)->second.handle;
  }
  void fill(HandleNumber handle, std::uint64_t size, char with, std::uint64_t from = 0) {
    for (std::uint64_t at = from; at < from + size; at += kUnit)
      ASSERT_TRUE(folder_->write(
          context(), handle, as_bytes(std::string(std::min(kUnit, from + size - at), with)), at));
  }
  Result<void> fsync(HandleNumber handle) {
    return wait(
        [&](Callback<void> done) { folder_->fsync(context(), handle, false, std::move(done)); });
  }
  static bool is_all(const std::optional<std::string>& text, std::uint64_t size, char with) {
    return text && *text == std::string(size, with);
  }
  /// It holds 'a', and is written over half way through that request of an fsync.
  void expect_one_version_each(HandleNumber handle, std::uint64_t size, Calls request) {
    faulty_.half_way(request, [=, this] { fill(handle, size, 'b'); });
    ASSERT_TRUE(fsync(handle));
    EXPECT_TRUE(is_all(store_.content(key_), size, 'a'));
    ASSERT_TRUE(fsync(handle));
    EXPECT_TRUE(is_all(store_.content(key_), size, 'b'));
    folder_->release(handle);
  }
};

// "A file that is written in place while it is being sent goes as it was when that began; what was
// written goes with the next close or fsync."
TEST_F(WrittenWhileSent, APutSendsWhatWasThereWhenItBegan) {
  const HandleNumber handle = create();
  fill(handle, 4 * kUnit, 'a');
  expect_one_version_each(handle, 4 * kUnit, {.operation = Operation::kPut});
}

TEST_F(WrittenWhileSent, SoDoPartsOfAFileThatWasSmallerBefore) {
  store_.put(key_, std::string(20 * kUnit, 'x'));
  ASSERT_TRUE(lookup("f"));
  const HandleNumber handle =
      folder_->open(context(), lookup("f")->attributes.inode, O_RDWR)->handle;
  fill(handle, 20 * kUnit, 'a');
  expect_one_version_each(handle, 20 * kUnit, {.operation = Operation::kUploadPart, .from = 2});
}

TEST_F(WrittenWhileSent, SoDoTheLastPartsOfAStream) {
  const HandleNumber handle = create();
  fill(handle, 40 * kUnit, 'a');
  const auto before = faulty_.started(Operation::kUploadPart);
  ASSERT_GE(before, 2U);
  expect_one_version_each(handle, 40 * kUnit, {.operation = Operation::kUploadPart});
  EXPECT_GT(faulty_.started(Operation::kUploadPart), before);
}

/// The part is on its way when the commit begins, and what it sends is not outdated then.
TEST_F(WrittenWhileSent, SoDoesAPartThatWasBegunBefore) {
  const HandleNumber handle = create();
  std::shared_ptr<std::promise<Result<void>>> synced;
  faulty_.half_way({.operation = Operation::kUploadPart}, [&] {
    synced = std::make_shared<std::promise<Result<void>>>();
    folder_->fsync(context(), handle, false,
                   [synced](Result<void> result) { synced->set_value(std::move(result)); });
    fill(handle, 8 * kUnit, 'b');
  });
  for (std::uint64_t at = 0; !synced; at += kUnit) fill(handle, kUnit, 'a', at);
  ASSERT_TRUE(synced->get_future().get());
  const auto text = store_.content(key_);
  ASSERT_TRUE(text);
  EXPECT_TRUE(is_all(text, text->size(), 'a'));
  folder_->release(handle);
}

/// Who changes the size waits for the journal, which is not to wait for what is sent.
class CutWhileSent : public WrittenWhileSent {
 protected:
  CutWhileSent() : WrittenWhileSent(std::make_unique<fakes::LoopExecutor>()) {}
};

TEST_F(CutWhileSent, ACutAndWhatIsWrittenBehindItChangeNothing) {
  const HandleNumber handle = create();
  const InodeNumber inode = lookup("f")->attributes.inode;
  fill(handle, 4 * kUnit, 'a');
  faulty_.half_way({.operation = Operation::kPut}, [&] {
    ASSERT_TRUE(folder_->setattr(context(), inode, handle, {.size_bytes = 3 * kUnit}));
    fill(handle, kUnit, 'b', 3 * kUnit);
    ASSERT_TRUE(folder_->allocate(context(), handle, {2 * kUnit, kUnit}, Allocation::kPunch));
    fill(handle, kUnit / 2, 'c', 2 * kUnit);
  });
  std::optional<std::string> sent;  // the next commit follows by itself
  faulty_.after({.operation = Operation::kPut}, [&] { sent = store_.content(key_); });
  ASSERT_TRUE(fsync(handle));
  EXPECT_TRUE(is_all(sent, 4 * kUnit, 'a'));
  ASSERT_TRUE(fsync(handle));
  EXPECT_TRUE(store_.content(key_) == std::string(2 * kUnit, 'a') + std::string(kUnit / 2, 'c') +
                                          std::string(kUnit / 2, '\0') + std::string(kUnit, 'b'));
  folder_->release(handle);
}

/// One writes version after version, the other has them sent.
TEST_F(WrittenWhileSent, InTheBucketIsNeverAMixture) {
  constexpr std::uint64_t kSize = 256 * 1024;
  const HandleNumber handle = create();
  ASSERT_TRUE(folder_->write(context(), handle, as_bytes(std::string(kSize, 'a')), 0));
  faulty_.half_way({.operation = Operation::kPut, .count = Calls::kAll},
                   [] { std::this_thread::yield(); });
  std::atomic<bool> ends{false};
  std::jthread writer([&] {
    for (int version = 1; !ends; ++version)
      ASSERT_TRUE(
          folder_->write(context(), handle,
                         as_bytes(std::string(kSize, static_cast<char>('a' + version % 26))), 0));
  });
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(fsync(handle));
    const auto text = store_.content(key_);
    ASSERT_TRUE(text);
    EXPECT_TRUE(is_all(text, kSize, text->front())) << "in round " << round;
  }
  ends = true;
  writer.join();
  folder_->release(handle);
}

}  // namespace
}  // namespace stsfs::fs
