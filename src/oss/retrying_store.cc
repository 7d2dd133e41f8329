#include "stsfs/oss/retrying_store.h"

#include <algorithm>

#include "attempts.h"
#include "checked_bodies.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/crc64.h"

namespace stsfs::oss {
namespace {

std::string write_id(const UserMetadata& user) {
  const auto found = user.find(kWriteIdName);
  return found == user.end() ? std::string() : found->second;
}

Written written_of(const ObjectMeta& meta) {
  return {meta.etag, meta.crc64, meta.version_id, meta.server_time};
}

bool differ(const std::optional<std::uint64_t>& a, const std::optional<std::uint64_t>& b) {
  return a && b && *a != *b;
}

/// Whether `meta` is the object that completing `parts` made. Without an id on both sides, size and
/// checksum must both be known and agree.
bool is_completed(const ObjectMeta& meta, const std::vector<Part>& parts,
                  const PutOptions& options) {
  std::uint64_t size_bytes = 0;
  std::optional<std::uint64_t> crc = 0;
  for (const Part& part : parts) {
    size_bytes += part.size_bytes;
    crc = crc && part.crc64 ? std::optional(crc64_combine(*crc, *part.crc64, part.size_bytes))
                            : std::nullopt;
  }
  if (meta.size_bytes != size_bytes) return false;
  if (differ(crc, meta.crc64)) return false;
  const std::string id = write_id(options.headers.user);
  if (!id.empty()) return write_id(meta.headers.user) == id;
  return crc && meta.crc64;
}

/// Only tells `Attempts` that the earlier error stands.
tl::unexpected<Error> not_own() { return fail(Errc::kExists, "another writer's object"); }

}  // namespace

// --- reading: a body that breaks off is gone on with ---

/// Passes on to the caller's sink what comes, over several answers, as if it were one.
class RetryingStore::GetAttempts final
    : public ReadSink,
      public std::enable_shared_from_this<RetryingStore::GetAttempts> {
 public:
  GetAttempts(RetryingStore& store, std::string_view key, std::string_view etag, ByteRange range,
              ReadSink& sink, Deadline deadline, Callback<void> done)
      : store_(store),
        key_(key),
        range_(range),
        deadline_(deadline),
        sink_(sink),
        etag_(etag),
        plan_(store.options_, store.clock_, deadline, Damage::kFinal),
        done_(std::move(done)) {}

  void run() {
    plan_.begin_attempt();
    const ByteRange rest{range_.offset + delivered_bytes_, range_.length - delivered_bytes_};
    progressed_ = false;
    chain_.step([&] {
      return store_.inner_.start_get(
          key_, etag_, rest, *this, deadline_,
          [self = shared_from_this()](Result<void> result) { self->ended(std::move(result)); });
    });
  }
  void cancel() { chain_.cancel(); }

  Result<void> begin(const ObjectMeta& meta) override {
    if (begun_) return {};  // If-Match holds the later answers to the first version
    begun_ = true;
    etag_ = meta.etag;
    range_.length =
        std::min(range_.length, meta.size_bytes - std::min(range_.offset, meta.size_bytes));
    if (range_.length == meta.size_bytes && meta.type != ObjectType::kSymlink)
      whole_crc64_ = meta.crc64;
    return note(sink_.begin(meta));
  }

  Result<void> write(std::span<const std::byte> bytes) override {
    delivered_bytes_ += bytes.size();
    progressed_ = progressed_ || !bytes.empty();
    if (whole_crc64_) crc64_ = crc64(crc64_, bytes);
    return note(sink_.write(bytes));
  }

 private:
  Result<void> note(Result<void> result) {
    sink_failed_ = sink_failed_ || !result;
    return result;
  }

  void ended(Result<void> result) {
    if (result) return finish(check_whole());
    if (progressed_) plan_.note_progress();
    if (sink_failed_) return finish(std::move(result));
    const bool complete = begun_ && delivered_bytes_ == range_.length;
    if (complete && result.error().code == Errc::kUnavailable) return finish(check_whole());
    const auto pause = plan_.pause_after(result.error());
    if (!pause) return finish(fail(plan_.give_up(std::move(result.error()))));
    chain_.step([&] {
      return store_.scheduler_.after(*pause, [self = shared_from_this()] { self->run(); });
    });
  }

  /// Over several answers nobody below has seen the whole.
  Result<void> check_whole() const {
    if (!whole_crc64_ || *whole_crc64_ == crc64_) return {};
    return fail(Errc::kCorrupt, "the bytes read do not have the CRC-64 that the server says");
  }

  void finish(Result<void> result) {
    auto done = std::move(done_);
    done(std::move(result));
  }

  RetryingStore& store_;
  const std::string key_;
  ByteRange range_;
  const Deadline deadline_;
  ReadSink& sink_;
  std::string etag_;
  RetryPlan plan_;
  Callback<void> done_;
  bool begun_ = false;
  bool progressed_ = false;
  bool sink_failed_ = false;
  std::uint64_t delivered_bytes_ = 0;
  std::uint64_t crc64_ = 0;
  std::optional<std::uint64_t> whole_crc64_;
  Chain chain_;
};

Transfer RetryingStore::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                  ReadSink& sink, Deadline deadline, Callback<void> done) {
  auto attempts =
      std::make_shared<GetAttempts>(*this, key, etag, range, sink, deadline, std::move(done));
  attempts->run();
  return Transfer([attempts] { attempts->cancel(); });
}

// --- what may simply be asked again ---

Transfer RetryingStore::start_list(const ListRequest& request, Deadline deadline,
                                   Callback<ListPage> done) {
  return Attempts<ListPage>::begin(std::make_shared<Attempts<ListPage>>(
      *this, deadline,
      [this, request, deadline](Callback<ListPage> each) {
        return inner_.start_list(request, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_head(std::string_view key, Deadline deadline,
                                   Callback<ObjectMeta> done) {
  return Attempts<ObjectMeta>::begin(std::make_shared<Attempts<ObjectMeta>>(
      *this, deadline,
      [this, key = std::string(key), deadline](Callback<ObjectMeta> each) {
        return inner_.start_head(key, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_brief(std::string_view key, Deadline deadline,
                                    Callback<ObjectBrief> done) {
  return Attempts<ObjectBrief>::begin(std::make_shared<Attempts<ObjectBrief>>(
      *this, deadline,
      [this, key = std::string(key), deadline](Callback<ObjectBrief> each) {
        return inner_.start_brief(key, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_initiate(std::string_view key, const PutOptions& options,
                                       Deadline deadline, Callback<std::string> done) {
  return Attempts<std::string>::begin(std::make_shared<Attempts<std::string>>(
      *this, deadline,
      [this, key = std::string(key), options, deadline](Callback<std::string> each) {
        return inner_.start_initiate(key, options, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_upload_part(std::string_view key, std::string_view upload_id,
                                          int number, std::shared_ptr<http::BodySource> body,
                                          Deadline deadline, Callback<Part> done) {
  return Attempts<Part>::begin(std::make_shared<Attempts<Part>>(
      *this, deadline,
      [this, key = std::string(key), id = std::string(upload_id), number, body = std::move(body),
       deadline](Callback<Part> each) {
        return inner_.start_upload_part(key, id, number, body, deadline, std::move(each));
      },
      std::move(done), Damage::kSendAgain));
}

Transfer RetryingStore::start_copy_part(std::string_view key, std::string_view upload_id,
                                        int number, std::string_view source_key,
                                        std::string_view source_etag, ByteRange range,
                                        Deadline deadline, Callback<Part> done) {
  return Attempts<Part>::begin(std::make_shared<Attempts<Part>>(
      *this, deadline,
      [this, key = std::string(key), id = std::string(upload_id), number,
       source_key = std::string(source_key), source_etag = std::string(source_etag), range,
       deadline](Callback<Part> each) {
        return inner_.start_copy_part(key, id, number, source_key, source_etag, range, deadline,
                                      std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_abort(std::string_view key, std::string_view upload_id,
                                    Deadline deadline, Callback<void> done) {
  return Attempts<void>::begin(std::make_shared<Attempts<void>>(
      *this, deadline,
      [this, key = std::string(key), id = std::string(upload_id), deadline](Callback<void> each) {
        return inner_.start_abort(key, id, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_list_parts(std::string_view key, std::string_view upload_id,
                                         Deadline deadline, Callback<std::vector<Part>> done) {
  using Parts = std::vector<Part>;
  return Attempts<Parts>::begin(std::make_shared<Attempts<Parts>>(
      *this, deadline,
      [this, key = std::string(key), id = std::string(upload_id), deadline](Callback<Parts> each) {
        return inner_.start_list_parts(key, id, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_get_symlink(std::string_view key, Deadline deadline,
                                          Callback<Symlink> done) {
  return Attempts<Symlink>::begin(std::make_shared<Attempts<Symlink>>(
      *this, deadline,
      [this, key = std::string(key), deadline](Callback<Symlink> each) {
        return inner_.start_get_symlink(key, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_get_acl(std::string_view key, Deadline deadline,
                                      Callback<std::string> done) {
  return Attempts<std::string>::begin(std::make_shared<Attempts<std::string>>(
      *this, deadline,
      [this, key = std::string(key), deadline](Callback<std::string> each) {
        return inner_.start_get_acl(key, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_get_tagging(std::string_view key, Deadline deadline,
                                          Callback<std::string> done) {
  return Attempts<std::string>::begin(std::make_shared<Attempts<std::string>>(
      *this, deadline,
      [this, key = std::string(key), deadline](Callback<std::string> each) {
        return inner_.start_get_tagging(key, deadline, std::move(each));
      },
      std::move(done)));
}

Transfer RetryingStore::start_restore(std::string_view key, const RestoreRequest& request,
                                      Deadline deadline, Callback<void> done) {
  return Attempts<void>::begin(std::make_shared<Attempts<void>>(
      *this, deadline,
      [this, key = std::string(key), request, deadline](Callback<void> each) {
        return inner_.start_restore(key, request, deadline, std::move(each));
      },
      std::move(done)));
}

// --- what may meet its own result, or another client's ---

/// A GetObjectMeta, as it tells of a symbolic link itself.
Transfer RetryingStore::look_for(const std::string& key, const std::string& etag, Deadline deadline,
                                 Callback<Seen> done) {
  return inner_.start_brief(key, deadline,
                            [etag, done = std::move(done)](Result<ObjectBrief> brief) mutable {
                              if (!brief && brief.error().code != Errc::kNotFound)
                                return done(fail(std::move(brief.error())));
                              const bool same = brief && brief->etag == etag;
                              done(same ? Seen::kExpected : Seen::kAnother);
                            });
}

template <class T>
void RetryingStore::guard(Attempts<T>& attempts, std::string_view key, const std::string& replaces,
                          Deadline deadline) {
  if (replaces.empty()) return;
  attempts.look_before_repeating(
      [this, key = std::string(key), replaces, deadline](Callback<Seen> seen) {
        return look_for(key, replaces, deadline, std::move(seen));
      });
}

Transfer RetryingStore::look_for_own(const std::string& key, const PutOptions& options,
                                     Deadline deadline, Callback<ObjectMeta> done) {
  return start_head(key, deadline,
                    [id = write_id(options.headers.user),
                     done = std::move(done)](Result<ObjectMeta> meta) mutable {
                      if (meta && write_id(meta->headers.user) != id) return done(not_own());
                      done(std::move(meta));
                    });
}

Transfer RetryingStore::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                  const PutOptions& options, Deadline deadline,
                                  Callback<Written> done) {
  const auto source =
      std::make_shared<CheckedSource>(body ? std::move(body) : http::memory_body({}));
  auto attempts = std::make_shared<Attempts<Written>>(
      *this, deadline,
      [this, key = std::string(key), source, options, deadline](Callback<Written> each) {
        return inner_.start_put(key, source, options, deadline, std::move(each));
      },
      std::move(done), Damage::kSendAgain);
  if (!write_id(options.headers.user).empty())
    attempts->verify_with([this, key = std::string(key), source, options,
                           deadline](Callback<Written> own) {
      return look_for_own(
          key, options, deadline, [source, own = std::move(own)](Result<ObjectMeta> meta) mutable {
            if (!meta) return own(fail(std::move(meta.error())));
            if (meta->size_bytes != source->size_bytes() ||
                differ(meta->crc64, source->whole_crc64()))
              return own(fail(Errc::kCorrupt, "what an earlier attempt left is damaged"));
            own(written_of(*meta));
          });
    });
  guard(*attempts, key, options.replaces, deadline);
  return Attempts<Written>::begin(attempts);
}

Transfer RetryingStore::start_copy(std::string_view key, const CopyOptions& options,
                                   Deadline deadline, Callback<Written> done) {
  auto attempts = std::make_shared<Attempts<Written>>(
      *this, deadline,
      [this, key = std::string(key), options, deadline](Callback<Written> each) {
        return inner_.start_copy(key, options, deadline, std::move(each));
      },
      std::move(done));
  if (options.replace_metadata && !write_id(options.put.headers.user).empty())
    attempts->verify_with(
        [this, key = std::string(key), put = options.put, deadline](Callback<Written> own) {
          return look_for_own(key, put, deadline,
                              [own = std::move(own)](Result<ObjectMeta> meta) mutable {
                                if (!meta) return own(fail(std::move(meta.error())));
                                own(written_of(*meta));
                              });
        });
  // The server itself compares what is copied onto itself.
  if (key != options.source_key || options.put.replaces != options.source_etag)
    guard(*attempts, key, options.put.replaces, deadline);
  return Attempts<Written>::begin(attempts);
}

Transfer RetryingStore::start_complete(std::string_view key, std::string_view upload_id,
                                       std::vector<Part> parts, const PutOptions& options,
                                       Deadline deadline, Callback<Written> done) {
  auto attempts = std::make_shared<Attempts<Written>>(
      *this, deadline,
      [this, key = std::string(key), id = std::string(upload_id), parts, options,
       deadline](Callback<Written> each) {
        return inner_.start_complete(key, id, parts, options, deadline, std::move(each));
      },
      std::move(done));
  attempts->verify_with(
      [this, key = std::string(key), parts = std::move(parts), options,
       deadline](Callback<Written> own) {
        return start_head(key, deadline,
                          [parts, options, own = std::move(own)](Result<ObjectMeta> meta) mutable {
                            if (!meta) return own(fail(std::move(meta.error())));
                            if (!is_completed(*meta, parts, options)) return own(not_own());
                            own(written_of(*meta));
                          });
      },
      write_id(options.headers.user).empty() ? Proof::kCircumstances : Proof::kId);
  guard(*attempts, key, options.replaces, deadline);
  return Attempts<Written>::begin(attempts);
}

Transfer RetryingStore::start_put_symlink(std::string_view key, std::string_view target_key,
                                          const PutOptions& options, Deadline deadline,
                                          Callback<Written> done) {
  auto attempts = std::make_shared<Attempts<Written>>(
      *this, deadline,
      [this, key = std::string(key), target = std::string(target_key), options,
       deadline](Callback<Written> each) {
        return inner_.start_put_symlink(key, target, options, deadline, std::move(each));
      },
      std::move(done));
  // A HEAD would follow the link.
  attempts->verify_with([this, key = std::string(key), target = std::string(target_key),
                         id = write_id(options.headers.user), deadline](Callback<Written> own) {
    return start_get_symlink(
        key, deadline, [target, id, own = std::move(own)](Result<Symlink> link) mutable {
          if (!link) return own(fail(std::move(link.error())));
          if (id.empty() || link->target != target || write_id(link->user) != id)
            return own(not_own());
          own(Written{link->etag, std::nullopt, {}, {}});
        });
  });
  guard(*attempts, key, options.replaces, deadline);
  return Attempts<Written>::begin(attempts);
}

/// Nothing in the metadata tells whose a rename was: but the old name is gone and the new one
/// there.
Transfer RetryingStore::start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                     Callback<void> done) {
  auto attempts = std::make_shared<Attempts<void>>(
      *this, deadline,
      [this, from = std::string(from), to = std::string(to), deadline](Callback<void> each) {
        return inner_.start_rename(from, to, deadline, std::move(each));
      },
      std::move(done));
  auto gone_and_there = [this, from = std::string(from), to = std::string(to),
                         deadline](Callback<void> own) {
    auto chain = std::make_shared<Chain>();
    auto look = [this, chain, to, deadline, own = std::move(own)](Result<ObjectMeta> old) mutable {
      if (old || old.error().code != Errc::kNotFound) return own(not_own());
      chain->step([&] {
        return start_head(to, deadline, [own = std::move(own)](Result<ObjectMeta> meta) mutable {
          own(meta ? Result<void>() : not_own());
        });
      });
    };
    chain->step([&] { return start_head(from, deadline, std::move(look)); });
    return Transfer([chain] { chain->cancel(); });
  };
  attempts->verify_with(std::move(gone_and_there), Proof::kCircumstances);
  return Attempts<void>::begin(attempts);
}

// --- deleting: what came after the call began stays ---

namespace {

/// Equal bytes have the same ETag, so the time counts, too.
Seen seen_of(const Result<ObjectBrief>& brief, const Doomed& doomed,
             std::chrono::nanoseconds passed) {
  if (!brief) return Seen::kNothing;
  const bool other = !doomed.etag.empty() && brief->etag != doomed.etag;
  return other || is_written_within(*brief, passed) ? Seen::kAnother : Seen::kExpected;
}

/// That a real directory of a hierarchical namespace is not found is no sign of its being gone.
bool is_directory(const Doomed& doomed) { return doomed.key.ends_with('/'); }

}  // namespace

/// Looks at all of them, and leaves those that are still to go.
class RetryingStore::DoomedLook final
    : public std::enable_shared_from_this<RetryingStore::DoomedLook> {
 public:
  DoomedLook(RetryingStore& store, std::shared_ptr<std::vector<Doomed>> doomed, bool is_alone,
             SteadyTime began, Callback<Seen> done)
      : store_(store),
        doomed_(std::move(doomed)),
        is_alone_(is_alone),
        began_(began),
        done_(std::move(done)) {
    MutexLock lock(mutex_);
    seen_.resize(doomed_->size());
    left_ = doomed_->size();
  }

  Transfer start(Deadline deadline) {
    const SteadyTime asked = store_.clock_.steady();
    const std::vector<Doomed> all = *doomed_;
    for (std::size_t i = 0; i < all.size(); ++i) {
      Transfer transfer = store_.inner_.start_brief(
          all[i].key, deadline,
          [self = shared_from_this(), i, asked, one = all[i]](const Result<ObjectBrief>& brief) {
            if (!brief && brief.error().code != Errc::kNotFound)
              self->found(i, fail(brief.error()));
            else if (!brief && is_directory(one))
              self->found(i, Seen::kExpected);
            else
              self->found(i, seen_of(brief, one, asked - self->began_));
          });
      MutexLock lock(mutex_);
      transfers_.push_back(std::move(transfer));
    }
    return Transfer([self = shared_from_this()] { self->cancel(); });
  }

 private:
  void found(std::size_t i, Result<Seen> seen) {
    {
      MutexLock lock(mutex_);
      seen_[i] = std::move(seen);
      if (--left_ > 0) return;
    }
    auto done = std::move(done_);
    done(leave_expected());
  }

  Result<Seen> leave_expected() {
    MutexLock lock(mutex_);
    std::vector<Doomed> expected;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      if (!seen_[i]) return seen_[i];
      if (*seen_[i] == Seen::kExpected) expected.push_back((*doomed_)[i]);
    }
    if (expected.empty()) return is_alone_ ? *seen_[0] : Seen::kNothing;
    *doomed_ = std::move(expected);
    return Seen::kExpected;
  }

  void cancel() {
    std::vector<Transfer> dropped;
    MutexLock lock(mutex_);
    dropped.swap(transfers_);
  }

  RetryingStore& store_;
  const std::shared_ptr<std::vector<Doomed>> doomed_;
  const bool is_alone_;  // else those go that are still to
  const SteadyTime began_;
  Callback<Seen> done_;
  Mutex mutex_;  // a leaf
  std::size_t left_ STSFS_GUARDED_BY(mutex_) = 0;
  std::vector<Result<Seen>> seen_ STSFS_GUARDED_BY(mutex_);
  std::vector<Transfer> transfers_ STSFS_GUARDED_BY(mutex_);
};

template <class T>
void RetryingStore::guard_deletes(Attempts<T>& attempts,
                                  std::shared_ptr<std::vector<Doomed>> doomed, Deadline deadline) {
  attempts.look_before_repeating([this, doomed = std::move(doomed), began = clock_.steady(),
                                  deadline](Callback<Seen> seen) {
    return std::make_shared<DoomedLook>(*this, doomed, std::is_void_v<T>, began, std::move(seen))
        ->start(deadline);
  });
}

Transfer RetryingStore::start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                                     Callback<void> done) {
  const auto doomed = std::make_shared<std::vector<Doomed>>();
  doomed->push_back({std::string(key), std::string(etag)});
  auto attempts = std::make_shared<Attempts<void>>(
      *this, deadline,
      [this, doomed, deadline](Callback<void> each) {
        const Doomed& one = doomed->front();
        return inner_.start_delete(one.key, one.etag, deadline, std::move(each));
      },
      std::move(done));
  guard_deletes(*attempts, doomed, deadline);
  return Attempts<void>::begin(attempts);
}

Transfer RetryingStore::start_delete_many(std::vector<Doomed> doomed, Deadline deadline,
                                          Callback<std::vector<std::string>> done) {
  using Keys = std::vector<std::string>;
  const auto left = std::make_shared<std::vector<Doomed>>(std::move(doomed));
  auto attempts = std::make_shared<Attempts<Keys>>(
      *this, deadline,
      [this, left, deadline](Callback<Keys> each) {
        return inner_.start_delete_many(*left, deadline, std::move(each));
      },
      std::move(done));
  guard_deletes(*attempts, left, deadline);
  return Attempts<Keys>::begin(attempts);
}

}  // namespace stsfs::oss
