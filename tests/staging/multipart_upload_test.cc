// What a kill may leave of an upload in parts: nothing is sent before the log has its id.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "stsfs/staging/upload.h"

namespace stsfs::staging {
namespace {

class HeldLog final : public UploadLog {
 public:
  void upload_began(const BegunUpload& upload, UniqueFunction<void()> noted) override {
    id = upload.upload_id;
    noted_ = std::move(noted);
  }
  void upload_ended(const std::string& upload_id) override { ended = upload_id; }
  void let_go() { std::exchange(noted_, nullptr)(); }

  std::string id, ended;

 private:
  UniqueFunction<void()> noted_;
};

class MultipartUploadTest : public ::testing::Test {
 protected:
  MultipartUploadTest() {
    options_.log = log_;
    upload_ = std::make_shared<MultipartUpload>(
        store_, clock_, "k", oss::PutOptions(), options_,
        [this](const std::string& id, const PlannedPart& part, Deadline deadline,
               Callback<oss::Part> done) {
          ++sent_;
          return store_.start_upload_part("k", id, part.number, http::memory_body("text"), deadline,
                                          std::move(done));
        });
  }

  const PlannedPart part_{.number = 1, .range = {0, 4}};
  const std::shared_ptr<HeldLog> log_ = std::make_shared<HeldLog>();
  fakes::FakeClock clock_;
  fakes::InlineExecutor executor_;
  fakes::FakeObjectStore store_{clock_, executor_};
  UploadOptions options_;
  int sent_ = 0;
  std::shared_ptr<MultipartUpload> upload_;
};

TEST_F(MultipartUploadTest, SendsNothingBeforeItIsNoted) {
  std::optional<Result<oss::Written>> written;
  upload_->send(part_);
  upload_->complete({part_}, nullptr,
                    [&](Result<oss::Written> done) { written = std::move(done); });
  EXPECT_NE(log_->id, "");
  EXPECT_EQ(sent_, 0);
  EXPECT_FALSE(written);
  log_->let_go();
  EXPECT_EQ(sent_, 1);
  ASSERT_TRUE(written && *written);
  EXPECT_EQ(store_.content("k"), "text");
  EXPECT_EQ(log_->ended, log_->id);
}

TEST_F(MultipartUploadTest, SendsNothingWhenItIsCancelledBeforeItIsNoted) {
  upload_->send(part_);
  EXPECT_EQ(store_.open_uploads(), 1U);
  upload_->cancel();
  log_->let_go();
  EXPECT_EQ(sent_, 0);
  EXPECT_EQ(store_.open_uploads(), 0U);
  EXPECT_EQ(log_->ended, log_->id);
}

}  // namespace
}  // namespace stsfs::staging
