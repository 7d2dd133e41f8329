#include <algorithm>

#include <gmock/gmock.h>

#include "contract/contract_test.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::contract {
namespace {

using oss::ObjectType;
using oss::PutOptions;

// Every name that a person may give a file, and some that only a program does.
const std::string kOddNames[] = {
    "blank in it",
    " leading",
    "trailing ",
    "per%cent",
    "%41",
    "a+b",
    "quote'\"`",
    "new\nline",
    "tab\there",
    "cr\rhere",
    "back\\slash",
    "question?mark",
    "hash#",
    "amper&sand=1",
    "<xml>",
    "\xE4\xBD\xA0\xE5\xA5\xBD",
    "\xF0\x9F\x98\x80",
    "~tilde",
    "semi;colon,comma",
    "co:lon",
    "[bracket]{brace}",
    "*star",
    "!bang",
    "$dollar",
    "..",
    "a/../b",
    "./dot",
    "double//slash",
    std::string(255, 'n'),
};

TEST_P(ObjectStoreContract, WhatIsPutIsThere) {
  const auto written = put("a", "hello world");
  ASSERT_WELL(written);
  const auto meta = head("a");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->size_bytes, 11u);
  EXPECT_EQ(meta->etag, written->etag);
  EXPECT_EQ(meta->type, ObjectType::kNormal);
  EXPECT_EQ(meta->crc64, 5981764153023615706ULL);
  EXPECT_EQ(meta->last_modified, std::chrono::floor<std::chrono::seconds>(meta->last_modified));
  const auto content = get("a");
  ASSERT_WELL(content);
  EXPECT_EQ(*content, "hello world");
}

TEST_P(ObjectStoreContract, AnEmptyObjectIsThereToo) {
  ASSERT_WELL(put("empty", ""));
  const auto meta = head("empty");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->size_bytes, 0u);
  expect_failure(get("empty", {0, 1}), Errc::kRange);
}

TEST_P(ObjectStoreContract, WhatIsNotThereIsNotFound) {
  expect_failure(head("none"), Errc::kNotFound);
  expect_failure(brief("none"), Errc::kNotFound);
  expect_failure(get("none"), Errc::kNotFound);
  expect_failure(get_symlink("none"), Errc::kNotFound);
  expect_failure(copy("none", "b"), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, TheLastWriterWins) {
  ASSERT_WELL(put("a", "one"));
  const auto second = put("a", "two");
  ASSERT_WELL(second);
  EXPECT_EQ(head("a")->etag, second->etag);
  EXPECT_EQ(*get("a"), "two");
}

TEST_P(ObjectStoreContract, ANewFileMeetsTheOneThatIsThere) {
  const PutOptions only_new{
      .headers = {}, .storage_class = {}, .acl = {}, .tagging = {}, .forbid_overwrite = true};
  EXPECT_WELL(put("a", "one", only_new));
  expect_failure(put("a", "two", only_new), Errc::kExists);
  EXPECT_EQ(*get("a"), "one");
}

TEST_P(ObjectStoreContract, MetadataComesBack) {
  PutOptions options;
  options.headers.content_type = "text/plain; charset=utf-8";
  options.headers.cache_control = "no-cache";
  options.headers.content_disposition = "attachment";
  options.headers.user = {{"mode", "33188"}, {"mtime", "1700000000.123456789"}, {"x-y", "a b"}};
  ASSERT_WELL(put("a", "x", options));
  const auto meta = head("a");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->headers.user, options.headers.user);
  EXPECT_EQ(meta->headers.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(meta->headers.cache_control, "no-cache");
  EXPECT_EQ(meta->headers.content_disposition, "attachment");
}

TEST_P(ObjectStoreContract, MetadataNamesAreOfLowerCase) {
  PutOptions options;
  options.headers.user = {{"MoDe", "1"}};
  ASSERT_WELL(put("a", "x", options));
  EXPECT_EQ(head("a")->headers.user, (oss::UserMetadata{{"mode", "1"}}));
}

TEST_P(ObjectStoreContract, MetadataHasABound) {
  PutOptions options;
  options.headers.user = {{"a", std::string(8 * 1024, 'v')}};
  expect_failure(put("a", "x", options), Errc::kMetadataFull);
  options.headers.user = {{"a", std::string(7 * 1024, 'v')}};
  EXPECT_WELL(put("a", "x", options));
}

TEST_P(ObjectStoreContract, TagsAreCounted) {
  PutOptions options;
  options.tagging = "a=1&b=2";
  ASSERT_WELL(put("a", "x", options));
  EXPECT_EQ(head("a")->tagging_count, 2u);
}

TEST_P(ObjectStoreContract, KeysMayHoldAnything) {
  for (const std::string& name : kOddNames) {
    SCOPED_TRACE(printable(name));
    EXPECT_WELL(put(name, name));
    const auto content = get(name);
    ASSERT_WELL(content);
    EXPECT_EQ(*content, name);
  }
  std::vector<std::string> expected(std::begin(kOddNames), std::end(kOddNames));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names(), expected);
  for (const std::string& name : kOddNames) EXPECT_WELL(erase(name));
  EXPECT_TRUE(names().empty());
}

TEST_P(ObjectStoreContract, KeysHaveABound) {
  const std::string longest(oss::kKeySizeMax - key("").size(), 'k');
  EXPECT_WELL(put(longest, "x"));
  EXPECT_WELL(head(longest));
  expect_failure(put(longest + "k", "x"), Errc::kNameTooLong);
  expect_failure(head(longest + "k"), Errc::kNameTooLong);
}

// --- ranges ---

TEST_P(ObjectStoreContract, ARangeIsWhatIsRead) {
  ASSERT_WELL(put("a", "0123456789"));
  EXPECT_EQ(*get("a", {0, 3}), "012");
  EXPECT_EQ(*get("a", {3, 4}), "3456");
  EXPECT_EQ(*get("a", {9, 1}), "9");
}

TEST_P(ObjectStoreContract, ARangeIsCutAtTheEnd) {
  ASSERT_WELL(put("a", "0123456789"));
  EXPECT_EQ(*get("a", {8, 100}), "89");
  expect_failure(get("a", {10, 1}), Errc::kRange);
  expect_failure(get("a", {1'000'000, 1}), Errc::kRange);
  expect_failure(get("a", {0, 0}), Errc::kInvalid);
}

TEST_P(ObjectStoreContract, AReadSaysWhatItReads) {
  PutOptions options;
  options.headers.user = {{"mode", "33188"}};
  const auto written = put("a", "0123456789", options);
  ASSERT_WELL(written);
  fakes::TextSink sink;
  ASSERT_WELL(await<void>(nullptr, [&](Callback<void> done) {
    return store().start_get(key("a"), "", {2, 3}, sink, deadline(), std::move(done));
  }));
  EXPECT_EQ(sink.begins, 1);
  EXPECT_EQ(sink.meta.size_bytes, 10u);
  EXPECT_EQ(sink.meta.etag, written->etag);
  EXPECT_EQ(sink.meta.headers.user, options.headers.user);
}

TEST_P(ObjectStoreContract, AReadIsOfTheVersionThatWasNamed) {
  const auto first = put("a", "one");
  ASSERT_WELL(first);
  EXPECT_EQ(*get("a", {0, 3}, first->etag), "one");
  ASSERT_WELL(put("a", "two"));
  expect_failure(get("a", {0, 3}, first->etag), Errc::kChanged);
}

TEST_P(ObjectStoreContract, ASinkThatRefusesEndsTheRead) {
  class RefusingSink final : public oss::ReadSink {
    Result<void> begin(const oss::ObjectMeta&) override { return fail(Errc::kStale, "too late"); }
    Result<void> write(std::span<const std::byte>) override { return {}; }
  };
  ASSERT_WELL(put("a", "x"));
  RefusingSink sink;
  const auto result = await<void>(nullptr, [&](Callback<void> done) {
    return store().start_get(key("a"), "", {0, 1}, sink, deadline(), std::move(done));
  });
  expect_failure(result, Errc::kStale);
}

TEST_P(ObjectStoreContract, BytesOfEveryKindPassUnchanged) {
  std::string content(1'000'003, '\0');
  std::uint64_t state = 1;
  for (char& c : content) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    c = static_cast<char>(state >> 56);
  }
  const auto written = put("big", content);
  ASSERT_WELL(written);
  EXPECT_EQ(written->crc64, crc64(0, as_bytes(content)));
  EXPECT_EQ(*get("big"), content);
  EXPECT_EQ(*get("big", {65'535, 131'073}), content.substr(65'535, 131'073));
}

// --- copies ---

TEST_P(ObjectStoreContract, ACopyHasBytesAndMetadata) {
  PutOptions options;
  options.headers.content_type = "text/plain";
  options.headers.user = {{"mode", "33188"}};
  ASSERT_WELL(put("a b+c", "content", options));
  const auto written = copy("a b+c", "d");
  ASSERT_WELL(written);
  const auto meta = head("d");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->etag, written->etag);
  EXPECT_EQ(meta->headers.user, options.headers.user);
  EXPECT_EQ(meta->headers.content_type, "text/plain");
  EXPECT_EQ(*get("d"), "content");
  EXPECT_EQ(*get("a b+c"), "content");
}

TEST_P(ObjectStoreContract, ACopyMayReplaceMetadata) {
  PutOptions before;
  before.headers.user = {{"mode", "1"}, {"other", "x"}};
  ASSERT_WELL(put("a", "content", before));
  oss::CopyOptions options;
  options.replace_metadata = true;
  options.put.headers.user = {{"mode", "2"}};
  options.put.headers.content_type = "text/html";
  ASSERT_WELL(copy("a", "b", options));
  EXPECT_EQ(head("b")->headers.user, options.put.headers.user);
  EXPECT_EQ(head("b")->headers.content_type, "text/html");
  EXPECT_EQ(head("a")->headers.user, before.headers.user);
}

TEST_P(ObjectStoreContract, ACopyOntoItselfChangesMetadata) {
  ASSERT_WELL(put("a", "content"));
  oss::CopyOptions options;
  options.replace_metadata = true;
  options.put.headers.user = {{"mode", "2"}};
  const auto written = copy("a", "a", options);
  ASSERT_WELL(written);
  const auto meta = head("a");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->headers.user, options.put.headers.user);
  EXPECT_EQ(meta->etag, written->etag);
  EXPECT_EQ(*get("a"), "content");
}

TEST_P(ObjectStoreContract, ACopyIsOfTheVersionThatWasNamed) {
  const auto first = put("a", "one");
  ASSERT_WELL(first);
  ASSERT_WELL(put("a", "two"));
  oss::CopyOptions options;
  options.source_etag = first->etag;
  expect_failure(copy("a", "b", options), Errc::kChanged);
  options.source_etag = head("a")->etag;
  EXPECT_WELL(copy("a", "b", options));
}

TEST_P(ObjectStoreContract, ACopyMayRefuseToOverwrite) {
  ASSERT_WELL(put("a", "one"));
  ASSERT_WELL(put("b", "two"));
  oss::CopyOptions options;
  options.put.forbid_overwrite = true;
  expect_failure(copy("a", "b", options), Errc::kExists);
  EXPECT_EQ(*get("b"), "two");
  EXPECT_WELL(copy("a", "c", options));
}

// --- deleting ---

TEST_P(ObjectStoreContract, WhatIsDeletedIsGone) {
  ASSERT_WELL(put("a", "x"));
  EXPECT_WELL(erase("a"));
  expect_failure(head("a"), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, DeletingNothingIsWell) { EXPECT_WELL(erase("none")); }

TEST_P(ObjectStoreContract, ManyAreDeletedAtOnce) {
  std::vector<oss::Doomed> doomed;
  for (const char* name : {"a", "new\nline", "amper&<sand>", "per%cent+plus", "\xF0\x9F\x98\x80"}) {
    ASSERT_WELL(put(name, "x"));
    doomed.push_back({key(name), ""});
  }
  doomed.push_back({key("never there"), ""});
  // A server under load does a part of it: what it did not confirm is asked for again.
  while (!doomed.empty()) {
    const auto left =
        await<std::vector<std::string>>(nullptr, [&](Callback<std::vector<std::string>> done) {
          return store().start_delete_many(doomed, deadline(), std::move(done));
        });
    ASSERT_WELL(left);
    ASSERT_LT(left->size(), doomed.size()) << printable(left->front());
    std::erase_if(doomed, [&](const oss::Doomed& one) {
      return std::find(left->begin(), left->end(), one.key) == left->end();
    });
  }
  EXPECT_TRUE(names().empty());
}

// --- the calls themselves ---

TEST_P(ObjectStoreContract, ADeadlineThatHasPassedIsTold) {
  const auto result = await<oss::ObjectMeta>(nullptr, [&](Callback<oss::ObjectMeta> done) {
    return store().start_head(key("a"), Deadline::at(SteadyTime::min()), std::move(done));
  });
  expect_failure(result, Errc::kTimedOut);
}

TEST_P(ObjectStoreContract, ADroppedTransferNeverCallsBack) {
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<int>(0);
    Transfer transfer = store().start_put(key("a"), http::memory_body("x"), {}, deadline(),
                                          [&](const Result<oss::Written>&) { ++*alive; });
    transfer.cancel();
    alive.reset();  // a sanitizer sees a callback that comes later
  }
}

TEST_P(ObjectStoreContract, ManyCallsRunAtOnce) {
  constexpr int kCalls = 200;
  std::vector<std::shared_ptr<Waiter<oss::Written>>> waiters;
  std::vector<Transfer> transfers;
  for (int i = 0; i < kCalls; ++i) {
    const std::string name = "many/" + std::to_string(i);
    waiters.push_back(std::make_shared<Waiter<oss::Written>>());
    transfers.push_back(store().start_put(key(name), http::memory_body(name), {}, deadline(),
                                          waiters.back()->callback()));
  }
  for (const auto& waiter : waiters) EXPECT_WELL(waiter->wait(nullptr));
  EXPECT_EQ(names().size(), static_cast<std::size_t>(kCalls));
}

}  // namespace
}  // namespace stsfs::contract
