// A file that was closed and is being written again, in OSS or not there yet: what is done to its
// name and its attributes meanwhile survives a kill, with the bytes that were closed.

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

class NamesWhileWritten : public BackgroundCommitTest,
                          public ::testing::WithParamInterface<int> {  // flags of the writer
 protected:
  NamesWhileWritten() {
    EXPECT_TRUE(write_file(kRoot, "f", "closed"));
    const auto writer =
        folder_->open(context(), lookup("f")->attributes.inode, O_WRONLY | GetParam());
    EXPECT_TRUE(folder_->write(context(), writer->handle, as_bytes("ha"), 0));
  }
  Result<void> rename(std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace);
  }
  void kill() {
    kill_and_begin();
    resume();
    ASSERT_TRUE(drain());
  }
};

TEST_P(NamesWhileWritten, ARenameStays) {
  ASSERT_TRUE(rename("f", "g"));
  kill();
  EXPECT_EQ(read_file("g"), "closed");
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/g"});
}

TEST_P(NamesWhileWritten, SoDoesWhatGetsTheOldName) {
  ASSERT_TRUE(rename("f", "g"));
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  kill();
  EXPECT_EQ(read_file("f"), "new");
  EXPECT_EQ(read_file("g"), "closed");
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{key_, "users/alice/g"}));
}

TEST_P(NamesWhileWritten, ARenameOverAnotherStays) {
  store_.put("users/alice/g", "old");
  ASSERT_EQ(read_file("g"), "old");
  ASSERT_TRUE(rename("f", "g"));
  kill();
  EXPECT_EQ(read_file("g"), "closed");
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/g"});
}

TEST_P(NamesWhileWritten, AChangeOfAttributesStays) {
  ASSERT_TRUE(
      folder_->setattr(context(), lookup("f")->attributes.inode, std::nullopt, {.mode = 0600}));
  kill();
  EXPECT_EQ(lookup("f")->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(read_file("f"), "closed");
}

TEST_P(NamesWhileWritten, ARemovalStays) {
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  kill();
  EXPECT_TRUE(store_.keys().empty());
}

INSTANTIATE_TEST_SUITE_P(By, NamesWhileWritten, ::testing::Values(0, O_TRUNC, O_APPEND),
                         [](const auto& flags) {
                           return flags.param == 0         ? "WhoWritesInPlace"
                                  : flags.param == O_TRUNC ? "WhoBeganAnew"
                                                           : "WhoAppends";
                         });

// --- it is in OSS ---

/// Nobody sees a part of what is being written, under whichever name.
class InStoreWhileWritten : public BackgroundCommitTest,
                            public ::testing::WithParamInterface<CommitMode> {
 protected:
  InStoreWhileWritten() {
    options_.commit = GetParam();
    folder_->stop();
    folder_.reset();
    begin();
    store_.put("users/alice/d/", "");
    store_.put("users/alice/d/f", "whole");
    directory_number_ = lookup("d")->attributes.inode;
    writer_ = open_writer(O_WRONLY | O_TRUNC);
  }
  ~InStoreWhileWritten() override {
    for (const std::string& content : sent_) EXPECT_NE(content, "half");
  }
  HandleNumber open_writer(int flags) {
    const auto opened =
        folder_->open(context(), lookup(directory_number_, "f")->attributes.inode, flags);
    EXPECT_TRUE(folder_->write(context(), opened->handle, as_bytes("half"), 0));
    faulty_.before({.operation = oss::Operation::kPut, .count = fakes::Calls::kAll},
                   [this] { look(); });
    faulty_.before({.operation = oss::Operation::kCopy, .count = fakes::Calls::kAll},
                   [this] { look(); });
    return opened->handle;
  }
  void look() {
    for (const std::string& key : store_.keys())
      if (const auto content = store_.content(key)) sent_.push_back(*content);
  }
  Result<void> rename(std::string_view from, InodeNumber new_parent, std::string_view to,
                      RenameMode mode = RenameMode::kReplace) {
    auto done = folder_->rename(context(), directory_number_, from, new_parent, to, mode);
    look();
    return done;
  }
  Result<void> finish() {
    if (auto more = folder_->write(context(), writer_, as_bytes(" and the rest"), 4); !more)
      return fail(more.error());
    auto closed = flush(writer_);
    folder_->release(writer_);
    return closed ? drain() : std::move(closed);
  }
  /// What is to be done behind the call. Not a drain: that asks for what is not closed, too.
  void let_go_on() {
    resume();
    look();
  }
  void kill() {
    kill_and_begin();
    resume();
    ASSERT_TRUE(drain());
    look();
  }
  std::optional<std::string> content(const std::string& path) {
    return store_.content("users/alice/" + path);
  }
  std::vector<std::string> files() {
    std::vector<std::string> out = store_.keys();
    std::erase_if(out, [](const std::string& key) { return key.ends_with("/"); });
    return out;
  }

  InodeNumber directory_number_{};
  HandleNumber writer_{};
  std::vector<std::string> sent_;
};

const std::string kAll = "half and the rest";

TEST_P(InStoreWhileWritten, ItIsRenamedAsItWas) {
  ASSERT_TRUE(rename("f", kRoot, "g"));
  EXPECT_EQ(content("g"), "whole");
  EXPECT_EQ(lookup("g")->attributes.size_bytes, 4U);
  ASSERT_TRUE(finish());
  EXPECT_EQ(content("g"), kAll);
  EXPECT_EQ(files(), std::vector<std::string>{"users/alice/g"});
}

TEST_P(InStoreWhileWritten, ItIsWholeUnderItsNewNameAfterAKill) {
  ASSERT_TRUE(rename("f", kRoot, "g"));
  kill();
  EXPECT_EQ(read_file("g"), "whole");
  EXPECT_EQ(files(), std::vector<std::string>{"users/alice/g"});
}

TEST_P(InStoreWhileWritten, ItGoesWithItsDirectory) {
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  const auto enough = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (content("d/f") && std::chrono::steady_clock::now() < enough) std::this_thread::yield();
  look();
  EXPECT_EQ(content("e/f"), "whole");
  ASSERT_TRUE(finish());
  EXPECT_EQ(content("e/f"), kAll);
  EXPECT_EQ(files(), std::vector<std::string>{"users/alice/e/f"});
}

TEST_P(InStoreWhileWritten, ItChangesPlacesAsItWas) {
  store_.put("users/alice/g", "other");
  ASSERT_TRUE(rename("f", kRoot, "g", RenameMode::kExchange));
  EXPECT_EQ(content("g"), "whole");
  EXPECT_EQ(content("d/f"), "other");
  ASSERT_TRUE(finish());
  EXPECT_EQ(content("g"), kAll);
  EXPECT_EQ(content("d/f"), "other");
}

TEST_P(InStoreWhileWritten, ItHasASecondNameAsItWas) {
  const InodeNumber inode = lookup(directory_number_, "f")->attributes.inode;
  ASSERT_TRUE(folder_->link(context(), inode, kRoot, "g"));
  ASSERT_TRUE(folder_->link(context(), inode, kRoot, "h"));  // makes `g` in OSS before it returns
  look();
  ASSERT_TRUE(store_.meta("users/alice/g"));
  kill();
  EXPECT_EQ(read_file("g"), "whole");
  EXPECT_EQ(read_file(lookup("d")->attributes.inode, "f"), "whole");
}

TEST_P(InStoreWhileWritten, WhatTakesItsPlaceIsAllThatIsSent) {
  ASSERT_TRUE(write_file(directory_number_, "g", "new"));
  let_go_on();
  ASSERT_TRUE(rename("g", directory_number_, "f"));
  EXPECT_EQ(content("d/f"), "new");
  ASSERT_TRUE(finish());  // of a file without a name
  EXPECT_EQ(content("d/f"), "new");
  EXPECT_EQ(files(), std::vector<std::string>{"users/alice/d/f"});
}

TEST_P(InStoreWhileWritten, ItIsNoPartOfWhatAnotherClientHasPutThere) {
  store_.put("users/alice/d/f", "theirs");
  EXPECT_EQ(rename("f", kRoot, "g").error().code, Errc::kStale);
  EXPECT_EQ(content("d/f"), "theirs");
  EXPECT_EQ(content("g"), std::nullopt);
  EXPECT_EQ(finish().error().code, Errc::kStale);
  EXPECT_EQ(content("d/f"), "theirs");
  const auto left = files();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(store_.content(left[1]), kAll) << left[1];
}

INSTANTIATE_TEST_SUITE_P(By, InStoreWhileWritten,
                         ::testing::Values(CommitMode::kClose, CommitMode::kBackground),
                         [](const auto& mode) {
                           return mode.param == CommitMode::kClose ? "Close" : "Background";
                         });

}  // namespace
}  // namespace stsfs::fs
