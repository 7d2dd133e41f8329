// Files with several names that are looked at one after the other.

#include "links_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class LinksAheadTest : public LinksFixture {
 protected:
  static constexpr int kFiles = 70;
  static std::string name_of(int i) { return "f" + std::to_string(10 + i); }
  static std::string second_name_of(int i) { return name_of(i) + "-2"; }
  void SetUp() override {
    for (int i = 0; i < kFiles; ++i) {
      ASSERT_TRUE(write_file(kRoot, name_of(i), "text"));
      ASSERT_TRUE(link(name_of(i), second_name_of(i)));
    }
    begin_anew();
    heads_ = faulty_.started(Operation::kHead);
    lists_ = faulty_.started(Operation::kList);
    names(kRoot);
  }
  /// What `ls -l` asks of files i up to `end`.
  void look_at(int i, int end) {
    for (; i < end; ++i) {
      const auto first = lookup(name_of(i));
      const auto second = lookup(second_name_of(i));
      ASSERT_TRUE(first && second);
      EXPECT_EQ(first->attributes.inode, second->attributes.inode);
      EXPECT_EQ(first->attributes.link_count, 2U);
      EXPECT_EQ(second->attributes.size_bytes, 4U);
    }
  }
  std::uint64_t heads() const { return faulty_.started(Operation::kHead) - heads_; }
  std::uint64_t lists() const { return faulty_.started(Operation::kList) - lists_; }

 private:
  std::uint64_t heads_ = 0, lists_ = 0;
};

TEST_F(LinksAheadTest, AreAskedForTogether) {
  look_at(0, kFiles);
  EXPECT_LE(heads(), static_cast<std::uint64_t>(kFiles) + 4);
  EXPECT_LE(lists(), 8U);
}

TEST_F(LinksAheadTest, AreAskedForTogetherBesideManyOthers) {
  const std::string area = "users/alice/.stsfs-links/";
  for (int i = 1000; i < 2100; ++i)
    store_.put(area + "00000000000000000000" + std::to_string(i), "");
  look_at(0, kFiles);
  EXPECT_LE(heads(), static_cast<std::uint64_t>(kFiles) + 4);
  EXPECT_LE(lists(), static_cast<std::uint64_t>(kFiles) + 8);
}

TEST_F(LinksAheadTest, ShowWhatWasChangedHereSinceTheyWereAskedFor) {
  look_at(0, 5);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, second_name_of(6)));
  EXPECT_EQ(count_of(name_of(6)), 1U);
  look_at(7, 9);
  ASSERT_TRUE(write_file(kRoot, second_name_of(10), "a longer text"));
  EXPECT_EQ(lookup(name_of(10))->attributes.size_bytes, 13U);
  look_at(11, 13);
  ASSERT_TRUE(folder_->rename(context(), kRoot, second_name_of(14), kRoot, second_name_of(15),
                              RenameMode::kReplace));
  EXPECT_EQ(count_of(name_of(15)), 1U);
  EXPECT_EQ(count_of(name_of(14)), 2U);
}

TEST_F(LinksAheadTest, ShowWhatAnotherClientChangedASecondAgo) {
  look_at(0, 5);
  const std::string content = *store_.content("users/alice/" + name_of(6));
  store_.put(content, "another text", {});
  store_.put(content + ".another", "");
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(lookup(name_of(6))->attributes.size_bytes, 12U);
  EXPECT_EQ(count_of(name_of(6)), 3U);
}

}  // namespace
}  // namespace stsfs::fs
