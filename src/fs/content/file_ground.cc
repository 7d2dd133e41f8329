// What a file stands on is gone: a request says that its base, or what it copies from, is not that
// version any more. This mount itself may have done that; the same bytes lie elsewhere then: a
// directory was renamed, or attributes were changed, and copies have ETags of their own. So
// whoever finds it, a read, a fetch or a commit, first goes by what the owner says (`follow`), and
// once more asks there. Only what nobody here has done is another client's doing.

#include <algorithm>

#include "file_content.h"
#include "gone.h"
#include "naming/write_id.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

using staging::CopySource;
using staging::Extent;
using staging::Origin;

/// A commit that finds its plan overtaken more often is tried again later.
constexpr int kStartsMax = 16;

}  // namespace

std::vector<ObjectVersion> FileContent::stands_on() const {
  std::vector<ObjectVersion> out;
  const auto add = [&](const std::string& key, const std::string& etag) {
    ObjectVersion version{key, etag};
    if (std::find(out.begin(), out.end(), version) == out.end()) out.push_back(std::move(version));
  };
  if (!etag_.empty()) add(key_, etag_);
  for (const Extent& extent : map_.all())
    if (extent.source) add(extent.source->key, extent.source->etag);
  return out;
}

void FileContent::stand_on(const ObjectVersion& before, const ObjectVersion& now) {
  std::shared_ptr<BaseReader> old;
  bool is_copied = false;
  {
    MutexLock lock(mutex_);
    // Ours that lies beside another's is found by its name.
    const bool may = !detached_ || now.key == before.key;
    const bool is_ours = ObjectVersion{key_, etag_} == before && may;
    if (is_ours) {
      key_ = now.key;
      etag_ = now.etag;
      old = std::move(base_);
    }
    for (const Extent& extent : map_.all()) {
      if (!extent.source || ObjectVersion{extent.source->key, extent.source->etag} != before)
        continue;
      const CopySource source = *extent.source;
      is_copied |= map_.move_source(
          source, std::make_shared<const CopySource>(CopySource{now.key, now.etag, source.size}));
    }
    if (!is_ours && !is_copied) return;
    ++ground_;
    ++state_;
  }
  if (is_copied) around_.copy_users.add(now.key, weak_from_this());
}

/// Goes over to where the owner says that its base, and what it copies from, are now.
void FileContent::follow() {
  std::vector<ObjectVersion> known;
  {
    MutexLock lock(mutex_);
    known = stands_on();
  }
  for (const ObjectVersion& version : known)
    if (const auto now = around_.successors.of(version)) stand_on(version, *now);
}

/// Whether what was asked for at `ground`, and was not there, is elsewhere now.
bool FileContent::has_moved_since(std::uint64_t ground) {
  follow();
  MutexLock lock(mutex_);
  return ground_ != ground;
}

// --- a read ---

/// A commit that failed may have come through all the same, and nobody has told so yet.
bool FileContent::may_have_come_through(std::uint64_t ground) const {
  MutexLock lock(mutex_);
  return ground_ == ground && begun_ && !committing_ && holds_ == 0;
}

/// A version that is gone may have been replaced by a commit of our own, in which what came from it
/// lies at the same offsets, or be about to get another name: then whoever does that is waited for.
/// One that is to be tried again is tried now: it finds out.
void FileContent::read_again(ByteRange range, Callback<std::span<const std::byte>> done,
                             Error error, std::uint64_t ground) {
  if (is_gone(error)) follow();
  if (is_gone(error) && may_have_come_through(ground)) commit_unasked();
  const auto shared = std::make_shared<Callback<std::span<const std::byte>>>(std::move(done));
  bool has_moved = false;
  bool waits = false;
  {
    MutexLock lock(mutex_);
    has_moved = is_gone(error) && ground_ != ground;
    waits = is_gone(error) && !has_moved && (committing_ || holds_ > 0) && !stopped_;
    if (waits)
      gone_readers_.push_back(
          [self = shared_from_this(), range, shared, error, ground](Result<void>) {
            if (self->has_moved_since(ground))
              self->read(range, std::move(*shared));
            else
              (*shared)(fail(as_stale(error)));
          });
  }
  if (has_moved) read(range, std::move(*shared));
  if (!has_moved && !waits) (*shared)(fail(as_stale(std::move(error))));
}

/// To be told, with no lock held, when what they waited for has ended.
std::vector<Callback<void>> FileContent::take_gone_readers() {
  return std::exchange(gone_readers_, {});
}

// --- a commit ---

/// Whether what it was planned on is elsewhere now, or here: an object that it was to copy from may
/// have been fetched meanwhile, or written over.
bool FileContent::is_off_its_plan() const {
  MutexLock lock(mutex_);
  if (key_ != base_key_ || etag_ != expected_etag_) return true;
  for (const Extent& extent : commit_extents_)
    if (extent.origin == Origin::kCopied && map_.within(extent.range) != std::vector{extent})
      return true;
  return false;
}

/// After a request of the commit failed. True: it goes on from its plan with what there is now.
bool FileContent::starts_over(const Error& error) {
  if (!is_gone(error)) return false;
  follow();
  if (!is_off_its_plan()) return false;
  if (auto stream = std::exchange(commit_stream_, nullptr)) stream->cancel();
  if (++starts_ > kStartsMax)
    finish(fail(Errc::kUnavailable,
                printable(request_.path) +
                    " changes its place faster than it can be sent: " + error.message));
  else
    prepare();
  return true;
}

/// Where the content has moved to, a copy may have an ETag of its own.
bool FileContent::is_copy_of_base(const oss::ObjectMeta& meta) const {
  const auto& own = request_.own_version;
  const auto id = meta.headers.user.find(oss::kWriteIdName);
  return request_.key != request_.path_key && own && own->etag == expected_etag_ &&
         id != meta.headers.user.end() && id->second == write_id(own->writes);
}

/// Before what is at the key counts as another client's: in a tree on its way it may be what an
/// earlier daemon has copied, or has not.
void FileContent::settle_target() {
  ++looks_;
  settled_ = true;
  chain_.step([&] {
    return around_.owner.look_settled(request_.key,
                                      [self = shared_from_this()](Result<oss::ObjectMeta> meta) {
                                        self->looked_at_target(std::move(meta));
                                      });
  });
}

/// To a version of our own, in which what comes from the base lies at the same offsets; or to what
/// we have made of it since we asked for it: a note of the older one would be nobody's.
void FileContent::move_base(const oss::ObjectMeta& meta) {
  std::shared_ptr<BaseReader> old_base;
  MutexLock lock(mutex_);
  ObjectVersion now{request_.key, meta.etag};
  if (auto heir = around_.successors.of(now)) now = std::move(*heir);
  expected_etag_ = now.etag;
  base_key_ = now.key;
  if (key_ != now.key || etag_ != now.etag) {
    ++ground_;
    ++state_;  // who tells where it is now waits for the note of that
  }
  if (etag_ != now.etag) old_base = std::move(base_);
  key_ = std::move(now.key);
  etag_ = std::move(now.etag);
  base_size_ = meta.size_bytes;
}

}  // namespace stsfs::fs
