// A large file that is written from its start goes up while it is being written, so that closing it
// waits for its last parts only. It stays an ordinary staged file: a part that is written again is
// sent again, and whenever the stream does not fit any more it is dropped and the file goes up
// whole.

#include "file_content.h"
#include "naming/write_id.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

/// The times that follow each write are not known yet; the rest hardly ever changes.
oss::UserMetadata without_write_times(oss::UserMetadata user) {
  for (const char* name : {"mtime", "ctime"}) user.erase(name);
  return user;
}

}  // namespace

bool FileContent::may_stream() const {
  if (stopped_ || committing_ || detached_ || holds_ > 0 || map_.size() < stream_from_)
    return false;
  const auto extents = map_.all();
  return extents.size() == 1 && extents[0].origin == staging::Origin::kStaged;
}

std::shared_ptr<staging::MultipartUpload> FileContent::begin_stream(const CommitRequest& now) {
  oss::PutOptions put = now.put;
  stream_user_ = put.headers.user = without_write_times(std::move(put.headers.user));
  draw_number(now);  // the commit that ends the stream is the next write
  ++state_;
  put.headers.user[oss::kWriteIdName] = write_id(writes_);
  put.forbid_overwrite = etag_.empty();
  streamed_ = 0;
  stream_view_ = std::make_shared<staging::StagedView>(staged_);
  stream_ = std::make_shared<staging::MultipartUpload>(
      around_.store, around_.clock, now.key, std::move(put), upload_options(),
      [&store = around_.store, key = now.key, view = stream_view_](
          const std::string& id, const staging::PlannedPart& part, Deadline deadline,
          Callback<oss::Part> done) {
        return store.start_upload_part(
            key, id, part.number,
            staging::staged_body(view, {{part.range, staging::Origin::kStaged}}), deadline,
            std::move(done));
      });
  last_stream_ = stream_;
  return stream_;
}

/// Hands over every part that the writer has left behind.
void FileContent::stream() {
  bool begins = false;
  {
    MutexLock lock(mutex_);
    if (!may_stream() || stream_begins_) return;
    begins = !stream_;
    stream_begins_ = begins;
  }
  CommitRequest now;
  if (begins) now = around_.owner.describe(inode_);
  std::shared_ptr<staging::MultipartUpload> upload;
  std::vector<staging::PlannedPart> parts;
  {
    MutexLock lock(mutex_);
    if (begins) {
      stream_begins_ = false;
      if (now.gone || !may_stream() || stream_) return;
      if (now.tagged) {  // which its beginning would have to name: the commit asks for them
        stream_from_ = UINT64_MAX;
        return;
      }
      begin_stream(now);
    }
    if (!stream_) return;
    if (stream_->failed()) {  // what went wrong shows when the file is committed whole
      stream_from_ = UINT64_MAX;
      return;
    }
    upload = stream_;
    const auto& plan = around_.options.upload.plan;
    for (;;) {
      const ByteRange next = staging::streamed_part(streamed_ + 1, plan);
      stream_from_ = std::max(next.end() + next.length, plan.put_size_max + plan.part_size_min);
      if (map_.size() < stream_from_) break;
      parts.push_back({++streamed_, next, false});
    }
  }
  for (const staging::PlannedPart& part : parts) upload->send(part);
}

/// For whoever completes or cancels it, with no lock held.
std::shared_ptr<staging::MultipartUpload> FileContent::take_stream() {
  stream_from_ = UINT64_MAX;
  stream_view_.reset();
  return std::exchange(stream_, nullptr);
}

}  // namespace stsfs::fs
