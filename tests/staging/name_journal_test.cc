#include "stsfs/staging/name_journal.h"

#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "stsfs/staging/journal.h"
#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

using namespace std::string_literals;

class NameJournalTest : public ::testing::Test {
 protected:
  NameJournalTest() { open(); }
  /// As the next daemon does.
  void open() {
    names_.reset();
    journal_.reset();
    journal_ = Journal::open({.file = file_}).value();
    names_ = NameJournal::open(*journal_).value();
  }
  static Callback<void> confirmed(int& count) {
    return [&count](Result<void> result) {
      EXPECT_TRUE(result);
      ++count;
    };
  }
  LinkEntry add_link(const std::string& from, const std::string& to) {
    LinkEntry link{.id = names_->next_id(), .from = from, .to = to};
    int count = 0;
    names_->add(link, confirmed(count));
    EXPECT_EQ(count, 1);
    return link;
  }

  stsfs::testing::TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/journal.db";
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<NameJournal> names_;
};

TEST_F(NameJournalTest, GivesBackLinksInTheirOrder) {
  const LinkEntry first = add_link("users/a/z 数\n%", "users/a/b\xff\x01");
  const LinkEntry second = add_link("users/a/a"s, "users/a/"s + std::string(250, 'x'));
  open();
  const auto& links = names_->links();
  ASSERT_EQ(links.size(), 2U);
  EXPECT_EQ(links[0].id, first.id);
  EXPECT_EQ(links[0].from, first.from);
  EXPECT_EQ(links[0].to, first.to);
  EXPECT_EQ(links[1].id, second.id);
  EXPECT_EQ(links[1].from, second.from);
  EXPECT_EQ(links[1].to, second.to);
}

TEST_F(NameJournalTest, ForgetsALinkThatEnded) {
  const LinkEntry first = add_link("a", "b");
  const LinkEntry second = add_link("c", "d");
  int erased = 0;
  names_->erase_link(first.id, confirmed(erased));
  names_->erase_link(first.id, confirmed(erased));  // once more, as after a lost confirmation
  EXPECT_EQ(erased, 2);
  open();
  ASSERT_EQ(names_->links().size(), 1U);
  EXPECT_EQ(names_->links()[0].id, second.id);
}

// A note that is erased by number must be the one that is meant, over all tables and daemons.
TEST_F(NameJournalTest, NumbersGoOnBehindThoseOfEveryTable) {
  int noted = 0;
  names_->add({RemovalEntry{.id = names_->next_id(), .key = "r", .removed_at = {}}},
              confirmed(noted));
  names_->add(MoveEntry{.id = names_->next_id(), .from = "d/", .to = "e/"}, "d", "e",
              confirmed(noted));
  EXPECT_EQ(noted, 2);
  const LinkEntry link = add_link("a", "b");
  open();
  EXPECT_EQ(names_->removals().size(), 1U);
  EXPECT_EQ(names_->moves().size(), 1U);
  ASSERT_EQ(names_->links().size(), 1U);
  EXPECT_GT(names_->next_id(), link.id);
  names_->erase_link(link.id, confirmed(noted));
  open();
  EXPECT_TRUE(names_->links().empty());
  EXPECT_EQ(names_->removals().size(), 1U);
  EXPECT_EQ(names_->moves().size(), 1U);
}

TEST_F(NameJournalTest, LinksAreOwed) {
  EXPECT_EQ(Journal::owed_by(file_).value(), 0U);
  const LinkEntry link = add_link("a", "b");
  EXPECT_EQ(Journal::owed_by(file_).value(), 1U);
  EXPECT_EQ(Journal::names_owed_by(file_).value(), 1U);
  int erased = 0;
  names_->erase_link(link.id, confirmed(erased));
  EXPECT_EQ(Journal::owed_by(file_).value(), 0U);
}

TEST_F(NameJournalTest, ExchangesAreOwed) {
  int done = 0;
  const ExchangeEntry exchange{
      .id = names_->next_id(), .one = "a", .other = "b", .third = ".stsfs-exchange-1"};
  names_->note(exchange, confirmed(done));
  EXPECT_EQ(Journal::owed_by(file_).value(), 1U);
  names_->erase_exchange(exchange.id, confirmed(done));
  EXPECT_EQ(Journal::owed_by(file_).value(), 0U);
}

TEST_F(NameJournalTest, OfAVersionThatKnewNoLinksIsTakenOver) {
  int noted = 0;
  names_->add({RemovalEntry{.id = names_->next_id(), .key = "r", .removed_at = {}}},
              confirmed(noted));
  names_.reset();
  journal_.reset();
  SQLite::Database(file_, SQLite::OPEN_READWRITE).exec("DROP TABLE links");
  EXPECT_EQ(Journal::owed_by(file_).value(), 1U);
  open();
  EXPECT_EQ(names_->removals().size(), 1U);
  add_link("a", "b");
  open();
  EXPECT_EQ(names_->links().size(), 1U);
}

TEST_F(NameJournalTest, TakesLinksFromManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([this, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string name = std::to_string(t) + "-" + std::to_string(i);
          LinkEntry link{.id = names_->next_id(), .from = name, .to = name + "-2"};
          names_->add(link, [](Result<void> result) { EXPECT_TRUE(result); });
          if (i % 2 == 0)
            names_->erase_link(link.id, [](Result<void> result) { EXPECT_TRUE(result); });
        }
      });
  }
  open();
  ASSERT_EQ(names_->links().size(), std::size_t{kThreads} * kEach / 2);
  for (const LinkEntry& link : names_->links()) EXPECT_EQ(link.to, link.from + "-2");
}

}  // namespace
}  // namespace stsfs::staging
