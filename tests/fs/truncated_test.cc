// Large objects that are cut or extended: what stays the same is copied on the server.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class Truncated : public FolderTest {
 protected:
  Truncated() {
    options_.plan = small_plan();
    kill_and_begin();
    for (std::size_t i = 0; i < before_.size(); ++i) before_[i] = static_cast<char>('a' + i % 23);
    store_.put(key_, before_);
  }

  struct Requests {
    std::uint64_t copied_parts, sent_parts, puts, gets;
    bool operator==(const Requests&) const = default;
    friend void PrintTo(const Requests& one, std::ostream* out) {
      *out << one.copied_parts << " copied parts, " << one.sent_parts << " sent parts, " << one.puts
           << " puts, " << one.gets << " gets";
    }
  };
  Requests requests() const {
    return {faulty_.started(Operation::kCopyPart), faulty_.started(Operation::kUploadPart),
            faulty_.started(Operation::kPut), faulty_.started(Operation::kGet)};
  }
  /// Of a truncate(2), until the file is in OSS.
  Requests requests_of(std::uint64_t size_bytes) {
    const auto inode = lookup("f")->attributes.inode;
    EXPECT_TRUE(folder_->setattr(context(), inode, {}, {.size_bytes = size_bytes}));
    EXPECT_TRUE(drain());
    std::string wanted = before_;
    wanted.resize(size_bytes);
    EXPECT_TRUE(store_.content(key_) == wanted);
    EXPECT_EQ(store_.open_uploads(), 0U);
    return requests();
  }

  const std::string key_ = "users/alice/f";
  std::string before_ = std::string(40 * kUnit, '\0');
};

TEST_F(Truncated, WhatIsLeftOfALargeObjectIsCopied) {
  EXPECT_EQ(requests_of(39 * kUnit + 1), (Requests{1, 0, 0, 0}));
}

TEST_F(Truncated, SoIsWhatOnePutWouldTake) {
  EXPECT_EQ(requests_of(options_.plan.put_size_max - 1), (Requests{1, 0, 0, 0}));
}

TEST_F(Truncated, SoIsWhatWouldBeFetchedIfItWereWrittenTo) {
  EXPECT_EQ(requests_of(options_.plan.refetch_size_max + 1), (Requests{1, 0, 0, 0}));
}

TEST_F(Truncated, NothingIsFetchedOfWhatIsCutToNothing) {
  EXPECT_EQ(requests_of(0), (Requests{0, 0, 1, 0}));
}

TEST_F(Truncated, OnlyTheHoleOfAnExtensionIsSent) {
  EXPECT_EQ(requests_of(50 * kUnit), (Requests{1, 2, 0, 0}));
}

TEST_F(Truncated, SoIsOneByteOfIt) {
  EXPECT_EQ(requests_of(40 * kUnit + 1), (Requests{1, 1, 0, 0}));
}

/// Too short for a part that others follow: what it lacks comes out of the object.
TEST_F(Truncated, AByteWithinFetchesWhatFillsAPart) {
  const auto inode = lookup("f")->attributes.inode;
  const auto handle = folder_->open(context(), inode, O_WRONLY)->handle;
  ASSERT_TRUE(folder_->setattr(context(), inode, handle, {.size_bytes = 39 * kUnit + 1}));
  ASSERT_TRUE(folder_->write(context(), handle, as_bytes("X"), 10 * kUnit));
  ASSERT_TRUE(flush(handle));
  folder_->release(handle);
  EXPECT_EQ(requests(), (Requests{2, 1, 0, 1}));
  std::string wanted = before_.substr(0, 39 * kUnit + 1);
  wanted[10 * kUnit] = 'X';
  EXPECT_TRUE(store_.content(key_) == wanted);
}

/// What was cut away does not come back.
TEST_F(Truncated, WhatIsCutAndExtendedAgainIsZeros) {
  const auto inode = lookup("f")->attributes.inode;
  const auto handle = folder_->open(context(), inode, O_WRONLY)->handle;
  for (const std::uint64_t units : {30, 38})
    ASSERT_TRUE(folder_->setattr(context(), inode, handle, {.size_bytes = units * kUnit}));
  ASSERT_TRUE(flush(handle));
  folder_->release(handle);
  EXPECT_EQ(requests(), (Requests{1, 1, 0, 0}));
  EXPECT_TRUE(store_.content(key_) == before_.substr(0, 30 * kUnit) + std::string(8 * kUnit, '\0'));
}

}  // namespace
}  // namespace stsfs::fs
