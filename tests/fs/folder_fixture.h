#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "stsfs/base/text.h"
#include "stsfs/fs/mounted_folder.h"
#include "support/temporary_directory.h"

namespace stsfs::fs {

constexpr InodeNumber kRoot = InodeNumber::kRoot;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// For scenarios that are run at each of their requests: with `small_plan` a file of so many of
/// these is brought to OSS as one of so many MiB is without.
constexpr std::uint64_t kUnit = kMiB / 8;
inline staging::PlanOptions small_plan() {
  staging::PlanOptions out;
  for (std::uint64_t* size : {&out.put_size_max, &out.refetch_size_max, &out.part_size_min,
                              &out.copied_run_min, &out.copied_part_max})
    *size /= kMiB / kUnit;
  return out;
}

/// A folder over a bucket in memory; every call is answered at once, on the caller's thread, unless
/// an executor says otherwise.
class FolderTest : public ::testing::Test {
 protected:
  explicit FolderTest(
      const fakes::FakeStoreOptions& store = {},
      std::unique_ptr<fakes::Executor> executor = std::make_unique<fakes::InlineExecutor>())
      : executor_(std::move(executor)),
        store_(clock_, *executor_, store),
        faulty_(store_, &scheduler_),
        scheduler_(clock_) {
    options_.prefix = "users/alice/";
    options_.symlink_objects = !store.hierarchical_namespace;
    options_.hierarchical_namespace = store.hierarchical_namespace;
    options_.staging_directory = directory_.path() + "/staging";
    begin();
  }
  ~FolderTest() override { folder_->stop(); }

  void begin() { folder_ = MountedFolder::make(faulty_, scheduler_, clock_, options_).value(); }
  /// As if the daemon had been killed and started again: nothing is drained.
  void kill_and_begin() {
    folder_->stop();
    folder_.reset();
    begin();
  }

  /// All that is pending goes to OSS now.
  Result<void> drain() { return folder_->drain(Deadline::in(clock_, std::chrono::hours(1))); }

  /// As if it had been ended and started again.
  void begin_anew() {
    ASSERT_TRUE(drain());
    kill_and_begin();
  }

  Context context() {
    return {.caller = {.uid = 7, .gid = 8, .pid = 9},
            .deadline = Deadline::in(clock_, std::chrono::seconds(30))};
  }
  Result<Entry> lookup(InodeNumber parent, std::string_view name) {
    return folder_->lookup(context(), parent, name);
  }
  Result<Entry> lookup(std::string_view name) { return lookup(InodeNumber::kRoot, name); }

  Result<void> wait(const std::function<void(Callback<void>)>& start) {
    std::promise<Result<void>> promise;
    start([&](Result<void> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  Result<void> flush(HandleNumber handle) {
    return wait([&](Callback<void> done) {
      folder_->flush(
          context(), handle, [this](pid_t process) { return holders_.contains(process); },
          std::move(done));
    });
  }
  /// Who has a descriptor left for writing when one is flushed.
  std::set<pid_t> holders_;

  Result<void> write_file(InodeNumber parent, std::string_view name, std::string_view text) {
    auto made = folder_->create(context(), parent, name, 0644, O_WRONLY | O_CREAT);
    if (!made) return fail(made.error());
    if (auto written = folder_->write(context(), made->second.handle, as_bytes(text), 0); !written)
      return fail(written.error());
    auto flushed = flush(made->second.handle);
    folder_->release(made->second.handle);
    return flushed;
  }
  Result<std::string> read_handle(HandleNumber handle, ByteRange range) {
    std::promise<Result<std::string>> promise;
    folder_->read(context(), handle, range, [&](Result<std::span<const std::byte>> got) {
      if (got)
        promise.set_value(std::string(as_text(*got)));
      else
        promise.set_value(fail(got.error()));
    });
    return promise.get_future().get();
  }
  Result<std::string> read_file(InodeNumber parent, std::string_view name) {
    auto entry = lookup(parent, name);
    if (!entry) return fail(entry.error());
    auto opened = folder_->open(context(), entry->attributes.inode, O_RDONLY);
    if (!opened) return fail(opened.error());
    auto text = read_handle(opened->handle, {0, 1 << 24});
    folder_->release(opened->handle);
    return text;
  }
  Result<std::string> read_file(std::string_view name) {
    return read_file(InodeNumber::kRoot, name);
  }
  std::vector<std::string> names(InodeNumber inode) {
    std::vector<std::string> out;
    auto handle = folder_->opendir(context(), inode).value();
    EXPECT_TRUE(folder_->readdir(context(), handle, 0, [&](const DirectoryEntry& entry) {
      out.emplace_back(entry.name);
      return true;
    }));
    folder_->releasedir(handle);
    return out;
  }

  stsfs::testing::TemporaryDirectory directory_{stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock_;
  const std::unique_ptr<fakes::Executor> executor_;
  fakes::FakeObjectStore store_;
  fakes::FaultyStore faulty_;
  fakes::FakeScheduler scheduler_;
  FolderOptions options_;
  std::unique_ptr<MountedFolder> folder_;
};

}  // namespace stsfs::fs
