// Random operations on a mounted folder against a plain map of names: of files, some of which have
// several, of symbolic links and of directories. The store completes on a thread of its own, in a
// shaken order; in half of the runs requests fail, and in half of them two mounts take turns: the
// one that stops has brought everything to OSS, and what the other knew of the folder is older than
// names and attributes are good for. Copies keep the ETag of what they are made of, or have one of
// their own. STSFS_MODEL_SEED repeats a run.

#include <ostream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "model/folder_model.h"
#include "model/seeded_runs.h"

namespace stsfs::fs {
namespace {

struct Kind {
  const char* name;
  WorldOptions options;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

/// Now, and as a machine sees it that has never seen it before.
void compare(ModelWorld& world, const std::vector<FolderModel*>& models) {
  for (FolderModel* model : models)
    if (!::testing::Test::HasFatalFailure()) model->compare();
  world.mount_another();
  for (FolderModel* model : models)
    if (!::testing::Test::HasFatalFailure()) model->compare();
  if (!::testing::Test::HasFatalFailure()) return;
  for (const FolderModel* model : models) model->tell();
}

class FolderModelTest : public ::testing::TestWithParam<Kind> {
 protected:
  static void run(std::uint64_t seed, int steps) {
    ModelWorld world(seed, GetParam().options);
    FolderModel model(seed, world);
    model.run(steps);
    compare(world, {&model});
  }
};

TEST_P(FolderModelTest, AgreesWithAPlainMapOfFilesInManyShortRuns) {
  run_seeded({.usual = 400, .full = 1'000, .one_in_sanitized = 10},
             [](std::uint64_t seed) { run(seed, 20 + static_cast<int>(seed % 41)); });
}

TEST_P(FolderModelTest, AgreesWithAPlainMapOfFilesInLongRuns) {
  run_seeded({.usual = 20, .full = 100, .one_in_sanitized = 4},
             [](std::uint64_t seed) { run(seed, 400); });
}

INSTANTIATE_TEST_SUITE_P(
    Runs, FolderModelTest,
    ::testing::Values(
        Kind{"OneMount", {}}, Kind{"OneMountWithFaults", {.faults = true}},
        Kind{"TwoMounts", {.mounts = 2}},
        Kind{"TwoMountsWithFaults", {.faults = true, .mounts = 2}},
        Kind{"OneMountAndOtherEtags", {.copies_keep_etags = false}},
        Kind{"OneMountWithFaultsAndOtherEtags", {.faults = true, .copies_keep_etags = false}},
        Kind{"TwoMountsInBackground", {.mounts = 2, .commit = CommitMode::kBackground}},
        Kind{"OneMountInBackgroundWithFaults", {.faults = true, .commit = CommitMode::kBackground}},
        Kind{"TwoMountsOfAHierarchy", {.mounts = 2, .hierarchical_namespace = true}}),
    [](const auto& kind) { return kind.param.name; });

// Two at once in one mount: each has names of its own, in a directory that both use. What a run
// does is up to the order of two threads, too, and no seed repeats it: in full runs only, or when
// asked for with STSFS_MODEL_RUNS.
TEST(TwoFolderModels, AgreeWithTwoPlainMapsOfFilesThatChangeAtOnce) {
  run_seeded({.usual = 0, .full = 1'000, .one_in_sanitized = 10}, [](std::uint64_t seed) {
    ModelWorld world(seed, {.copies_keep_etags = seed % 2 == 0});
    FolderModel one(seed, world);
    FolderModel other(seed + 1, world, 'n');
    std::thread beside([&] { other.run(40); });
    one.run(40);
    beside.join();
    compare(world, {&one, &other});
  });
}

}  // namespace
}  // namespace stsfs::fs
