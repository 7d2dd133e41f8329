// Attributes that OSS lacks while it has the bytes: a copy of the object onto itself; of a symbolic
// link that is an OSS Symlink object, another one in its place.

#include "file_content.h"
#include "naming/write_id.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

/// But for the times that follow each write. That of access does not: it is as it was made, or
/// somebody gave it.
bool same_but_times(oss::UserMetadata a, oss::UserMetadata b) {
  for (oss::UserMetadata* user : {&a, &b})
    for (const char* name : {"mtime", "ctime", oss::kWriteIdName}) user->erase(name);
  return a == b;
}

bool has_mtime_of(const oss::UserMetadata& have, const oss::UserMetadata& want) {
  const auto a = have.find("mtime");
  const auto b = want.find("mtime");
  return a != have.end() && b != want.end() && a->second == b->second;
}

}  // namespace

/// A stream began before the last write, with attributes of then: what they lack is put right by a
/// copy onto itself. Times that nobody set are the server's then, for that is when it was written.
void FileContent::stamp(oss::Written written, const oss::UserMetadata& present) {
  CommitOutcome outcome;
  outcome.headers = request_.put.headers;
  outcome.size = commit_size_;
  outcome.times_differ = !has_mtime_of(present, request_.put.headers.user);
  const bool right = same_but_times(present, request_.put.headers.user) &&
                     (!outcome.times_differ || !request_.times_given);
  if (right) {
    outcome.written = std::move(written);
    finish(std::move(outcome));
    return;
  }
  outcome.times_differ = false;
  oss::CopyOptions copy{.source_key = request_.key,
                        .source_etag = written.etag,
                        .replace_metadata = true,
                        .put = request_.put};
  copy.put.headers.user[oss::kWriteIdName] = write_id(commit_writes_);
  copy.put.replaces = written.etag;
  auto check = last_look(written.etag);
  chain_.step([&] {
    return staging::start_copy(
        around_.store, around_.clock, request_.key, std::move(copy), commit_size_,
        around_.options.upload,
        [self = shared_from_this(), outcome](Result<oss::Written> copied) {
          if (!copied) {
            self->finish(fail(std::move(copied.error())));
            return;
          }
          CommitOutcome stamped = outcome;
          stamped.written = std::move(*copied);
          self->finish(std::move(stamped));
        },
        std::move(check));
  });
}

/// Nothing but attributes changed: a copy of the object onto itself, which goes only if it still is
/// the version that we know.
void FileContent::copy_attributes() {
  if (!request_.symlink_key.empty() && request_.is_just_confirmed)
    put_link(request_.symlink_key);
  else if (!request_.symlink_key.empty() || request_.is_unseen_link)
    look_at_link();
  else
    copy_onto_itself();
}

void FileContent::copy_onto_itself() {
  oss::CopyOptions copy{.source_key = base_key_,
                        .source_etag = expected_etag_,
                        .replace_metadata = true,
                        .put = request_.put};
  copy.put.headers.user[oss::kWriteIdName] = write_id(commit_writes_);
  if (base_key_ == request_.key) copy.put.replaces = expected_etag_;
  auto check = last_look(copy.put.replaces);
  chain_.step([&] {
    return staging::start_copy(
        around_.store, around_.clock, request_.key, std::move(copy), commit_size_,
        around_.options.upload,
        [self = shared_from_this()](Result<oss::Written> written) {
          self->attributes_copied(std::move(written));
        },
        std::move(check));
  });
}

/// A symbolic link of which an earlier daemon left the attributes, or that was not looked at
/// lately.
void FileContent::look_at_link() {
  chain_.step([&] {
    return around_.store.start_get_symlink(
        request_.key, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this()](Result<oss::Symlink> link) {
          if (link)
            self->found_link(*link);
          else if (link.error().code == Errc::kInvalid)  // in the form of s3fs
            self->copy_onto_itself();
          else
            self->attributes_copied(fail(std::move(link.error())));
        });
  });
}

void FileContent::found_link(const oss::Symlink& link) {
  const auto made_by = link.user.find(oss::kWriteIdName);
  const ObjectVersion found{request_.key, link.etag};
  if (made_by != link.user.end() && made_by->second == write_id(commit_writes_)) {
    attributes_copied(oss::Written{.etag = link.etag});  // it was us, and the answer was lost
  } else if (around_.successors.are_same(found.key, found.etag, expected_etag_)) {
    // In a tree on its way either may be that of its old place.
    expected_etag_ = around_.successors.of(found).value_or(found).etag;
    put_link(link.target);
  } else {
    refuse_attributes(Error{Errc::kChanged, "another client made another link of it", {}});
  }
}

/// An OSS Symlink object is put anew: whether a copy onto itself leaves it one is not documented.
void FileContent::put_link(const std::string& target) {
  oss::PutOptions put = request_.put;
  put.headers.user[oss::kWriteIdName] = write_id(commit_writes_);
  put.replaces = expected_etag_;
  chain_.step([&] {
    return around_.store.start_put_symlink(
        request_.key, target, put, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this()](Result<oss::Written> written) {
          self->attributes_copied(std::move(written));
        });
  });
}

void FileContent::attributes_copied(Result<oss::Written> written) {
  if (written) {
    if (written->etag.empty()) written->etag = expected_etag_;
    CommitOutcome outcome;
    outcome.written = std::move(*written);
    outcome.size = commit_size_;
    outcome.headers = request_.put.headers;
    outcome.same_bytes_as = expected_etag_;
    finish(std::move(outcome));
    return;
  }
  if (starts_over(written.error())) return;
  switch (written.error().code) {
    case Errc::kChanged:  // it may have been us, and the answer was lost
      if (looks_++ > 0)
        refuse_attributes(written.error());
      else
        look_at_target();
      return;
    case Errc::kNotFound:
    case Errc::kDenied:
    case Errc::kArchived:
    case Errc::kMetadataFull:
    case Errc::kNotSupported:
    case Errc::kInvalid:
      refuse_attributes(written.error());
      return;
    default:
      finish(fail(std::move(written.error())));
  }
}

/// Trying again would not help, and no byte is at stake.
void FileContent::refuse_attributes(const Error& error) {
  log_warning("fs", "the attributes of {} could not be changed: {}", printable(request_.path),
              error.message);
  CommitOutcome outcome;
  outcome.written.etag = expected_etag_;
  outcome.size = commit_size_;
  outcome.refused = true;
  finish(std::move(outcome));
}

}  // namespace stsfs::fs
