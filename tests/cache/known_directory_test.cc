#include "stsfs/cache/known_directory.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace stsfs::cache {
namespace {

KnownEntry file(std::string etag = {}) {
  return {.size_bytes = 7,
          .etag = std::move(etag),
          .last_modified = WallTime(std::chrono::seconds(1'700'000'123)),
          .type = oss::ObjectType::kMultipart,
          .storage_class = "IA"};
}
KnownEntry directory() { return {.is_directory = true}; }

std::vector<std::string> names_of(const KnownDirectory& directory) {
  std::vector<std::string> out;
  for (const auto& page : directory.pages())
    for (std::size_t row = 0; row < page->size(); ++row)
      if (!page->is_hidden(row)) out.emplace_back(page->name(row));
  return out;
}

TEST(KnownDirectory, GivesBackWhatAListingTold) {
  const std::string md5 = "\"5B3C1A2E053D763E1B002CC607C5A0FE\"";
  const std::string parts = "\"5B3C1A2E053D763E1B002CC607C5A0FE-10000\"";
  for (const std::string& etag :
       {md5, parts, std::string(), std::string("\"5b3c1a2e053d763e1b002cc607c5a0fe\""),
        std::string("\"5B3C1A2E053D763E1B002CC607C5A0FE-07\""), std::string("W/\"x\""),
        std::string("\"5B3C1A2E053D763E1B002CC607C5A0FE-10001\"")}) {
    KnownDirectory known;
    known.set("name", file(etag));
    const auto found = known.find("name");
    ASSERT_TRUE(found) << etag;
    EXPECT_EQ(found->etag, etag);
    EXPECT_EQ(found->size_bytes, 7u);
    EXPECT_EQ(found->last_modified, file().last_modified);
    EXPECT_EQ(found->type, oss::ObjectType::kMultipart);
    EXPECT_EQ(found->storage_class, "IA");
    EXPECT_FALSE(found->has_marker);
  }
}

TEST(KnownDirectory, KeepsStorageClassesThatNobodyKnowsYet) {
  KnownDirectory known;
  KnownEntry cold = file();
  cold.storage_class = "FrozenArchive";
  known.set("a", cold);
  known.set("b", cold);
  EXPECT_EQ(known.find("b")->storage_class, "FrozenArchive");
}

TEST(KnownDirectory, ADirectoryWinsOverAFileOfItsName) {
  DirectoryPage page;
  page.append("x", file());
  page.append("x!", file());
  page.append("x", directory());
  KnownDirectory known;
  known.append(std::move(page));
  EXPECT_TRUE(known.find("x")->is_directory);
  EXPECT_EQ(known.size(), 2u);
  EXPECT_EQ(names_of(known), (std::vector<std::string>{"x!", "x"}));
}

TEST(KnownDirectory, AndAlsoOverOneOnAPageBefore) {
  KnownDirectory known;
  DirectoryPage first;
  first.append("x", file());
  first.append("x!", file());
  known.append(std::move(first));
  const KnownDirectory reader = known;
  DirectoryPage second;
  second.append("x", directory());
  known.append(std::move(second));
  EXPECT_EQ(names_of(known), (std::vector<std::string>{"x!", "x"}));
  EXPECT_EQ(names_of(reader), (std::vector<std::string>{"x", "x!"}));
}

TEST(KnownDirectory, KeepsAFileThatADirectoryHidesWhenThatChanges) {
  KnownDirectory known;
  DirectoryPage page;
  page.append("x", file());
  page.append("x", directory());
  known.append(std::move(page));
  EXPECT_FALSE(known.set("x", directory()));
  EXPECT_TRUE(known.has_file("x"));
  EXPECT_EQ(names_of(known), (std::vector<std::string>{"x"}));
  EXPECT_EQ(known.size(), 1U);
}

TEST(KnownDirectory, CoversWhatItsPagesHavePassed) {
  KnownDirectory known;
  DirectoryPage page;
  page.append("b", file());
  page.append("d", file());
  known.append(std::move(page));
  EXPECT_TRUE(known.covers("a"));
  EXPECT_TRUE(known.covers("c"));
  EXPECT_FALSE(known.covers("d"));  // `d/` would come on a later page
  EXPECT_FALSE(known.covers("e"));
}

TEST(KnownDirectory, TellsWhichPageShowsThatAFileIsBesideNoDirectory) {
  using Texts = std::vector<std::string>;
  KnownDirectory known;
  const auto append = [&](const Texts& files, const Texts& directories = {}) {
    DirectoryPage page;
    for (const std::string& name : files) page.append(name, file());
    for (const std::string& name : directories) page.append(name, directory());
    known.append(std::move(page));
  };
  const auto closed_by = [&](std::size_t page) {
    Texts out;
    for (const auto& [at, row] : known.closed_by(page))
      out.emplace_back(known.pages()[at]->name(row));
    return out;
  };
  append({"a", "x", "x!", "x!!"});
  EXPECT_FALSE(known.pages()[0]->is_open(0));
  for (std::size_t row = 1; row < 4; ++row) EXPECT_TRUE(known.pages()[0]->is_open(row)) << row;
  EXPECT_TRUE(closed_by(0).empty());
  EXPECT_EQ(closed_by(1), (Texts{"x", "x!", "x!!"}));  // if this is all
  append({"x!-", "x-"});
  EXPECT_EQ(closed_by(1), (Texts{"x!", "x!!"}));
  EXPECT_EQ(closed_by(2), (Texts{"x", "x-"}));
  append({}, {"x"});
  EXPECT_EQ(closed_by(2), (Texts{"x-"}));  // and `x` is hidden
  EXPECT_TRUE(closed_by(3).empty());
}

TEST(KnownDirectory, NamesWhatComesBehindAName) {
  KnownDirectory known;
  for (const char* name : {"a", "b", "c", "d"}) known.set(name, file());
  const auto behind = known.after("b", 5);
  ASSERT_EQ(behind.size(), 2u);
  EXPECT_EQ(behind[0].first, "c");
  EXPECT_EQ(known.after("bb", 1).front().first, "c");
  EXPECT_TRUE(known.after("d", 1).empty());
}

TEST(KnownDirectory, TakesLittleMemory) {
  KnownDirectory known;
  for (int pages = 0; pages < 100; ++pages) {
    DirectoryPage page;
    for (int i = 0; i < 1'000; ++i) {
      char name[32];
      std::snprintf(name, sizeof(name), "picture-%08d.jpg", pages * 1'000 + i);
      page.append(name, file("\"5B3C1A2E053D763E1B002CC607C5A0FE\""));
    }
    known.append(std::move(page));
  }
  EXPECT_LT(known.memory_bytes() / known.size(), 80u);
}

TEST(KnownDirectory, RandomChangesAgreeWithAMapAndLeaveCopiesAlone) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  KnownDirectory known;
  std::map<std::string, std::string> reference;
  const auto check = [&](const KnownDirectory& what, const auto& expected) {
    ASSERT_EQ(what.size(), expected.size());
    for (const auto& [name, etag] : expected) {
      const auto found = what.find(name);
      ASSERT_TRUE(found) << name;
      ASSERT_EQ(found->is_directory ? "dir" : found->etag, etag) << name;
    }
    ASSERT_EQ(names_of(what).size(), expected.size());
  };
  KnownDirectory copy;
  auto copied = reference;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "n" + std::to_string(random() % 6'000);
    switch (random() % 4) {
      case 0:
        EXPECT_EQ(known.erase(name), reference.erase(name) > 0);
        break;
      case 1:
        known.set(name, directory());
        reference[name] = "dir";
        break;
      default:
        const std::string etag = "\"e" + std::to_string(random() % 3) + "\"";
        known.set(name, file(etag));
        reference[name] = etag;
    }
    if (i == 10'000) {
      copy = known;
      copied = reference;
    }
  }
  check(known, reference);
  check(copy, copied);
}

}  // namespace
}  // namespace stsfs::cache
