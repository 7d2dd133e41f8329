// Random operations on a mounted folder against a plain map of names: of files, some of which have
// several, of symbolic links and of directories. The store completes on a thread of its own, in a
// shaken order; in half of the runs requests fail, and in half of them two mounts take turns: the
// one that stops has brought everything to OSS, and what the other knew of the folder is older than
// names and attributes are good for. Copies keep the ETag of what they are made of, or have one of
// their own. STSFS_MODEL_SEED repeats a run.

#include <ostream>

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

class FolderModelTest : public ::testing::TestWithParam<Kind> {
 protected:
  static void run(std::uint64_t seed, int steps) {
    FolderModel(seed, GetParam().options).run(steps);
  }
};

TEST_P(FolderModelTest, AgreesWithAPlainMapOfFilesInManyShortRuns) {
  run_seeded({.usual = 400, .full = 1'000, .one_in_sanitized = 10},
             [](std::uint64_t seed) { run(seed, 20 + static_cast<int>(seed % 41)); });
}

TEST_P(FolderModelTest, AgreesWithAPlainMapOfFilesInLongRuns) {
  run_seeded({.usual = 20, .full = 100}, [](std::uint64_t seed) { run(seed, 400); });
}

INSTANTIATE_TEST_SUITE_P(
    Runs, FolderModelTest,
    ::testing::Values(Kind{"OneMount", {}}, Kind{"OneMountWithFaults", {.faults = true}},
                      Kind{"TwoMounts", {.mounts = 2}},
                      Kind{"TwoMountsWithFaults", {.faults = true, .mounts = 2}},
                      Kind{"OneMountAndOtherEtags", {.copies_keep_etags = false}},
                      Kind{"OneMountWithFaultsAndOtherEtags",
                           {.faults = true, .copies_keep_etags = false}}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace stsfs::fs
