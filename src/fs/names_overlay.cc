#include "names_overlay.h"

#include "merged_listing.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// A continuation token of ours: where the page ended, and the server's token, which counts while
/// nothing is overlaid.
constexpr char kTokenMark = '\x01';

std::string token_of(const std::string& last, const std::string& native) {
  return kTokenMark + last + '\0' + native;
}

std::string last_of(const oss::ListPage& page) {
  std::string out;
  if (!page.objects.empty()) out = page.objects.back().key;
  if (!page.common_prefixes.empty())
    out = std::max(out, after_all_below(page.common_prefixes.back()));
  return out;
}

/// Takes our token apart: `start_after` and the server's token.
void take_token(oss::ListRequest& request) {
  std::string& token = request.continuation_token;
  if (token.empty() || token[0] != kTokenMark) return;
  const auto end = token.find('\0');
  request.start_after = token.substr(1, end - 1);
  token.erase(0, end + 1);
}

/// Something that is called from elsewhere unless it was called off before: its cancel waits while
/// it runs, as that of a request does.
class Call {
 public:
  explicit Call(UniqueFunction<void(Result<void>)> what) : what_(std::move(what)) {}

  void run(Result<void> result) STSFS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (cancelled_) return;
      runner_ = std::this_thread::get_id();
    }
    what_(std::move(result));
    MutexLock lock(mutex_);
    runner_ = {};
    ended_.notify_all();
  }
  void cancel() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    cancelled_ = true;
    while (runner_ != std::thread::id{} && runner_ != std::this_thread::get_id())
      ended_.wait(mutex_);
  }

 private:
  UniqueFunction<void(Result<void>)> what_;
  Mutex mutex_;
  Condition ended_;
  bool cancelled_ STSFS_GUARDED_BY(mutex_) = false;
  std::thread::id runner_ STSFS_GUARDED_BY(mutex_);
};

tl::unexpected<Error> removed(std::string_view key) {
  return fail(Errc::kNotFound, printable(key) + " was removed here");
}

}  // namespace

// --- looking ---

Transfer NamesOverlay::start_list(const oss::ListRequest& asked, Deadline deadline,
                                  Callback<oss::ListPage> done) {
  oss::ListRequest request = asked;
  take_token(request);
  if (!removals_.any_below(request.prefix)) {
    return inner_.start_list(request, deadline,
                             [done = std::move(done)](Result<oss::ListPage> page) mutable {
                               if (page && !page->next_token.empty())
                                 page->next_token = token_of(last_of(*page), page->next_token);
                               done(std::move(page));
                             });
  }
  ListingOverlay overlay;
  overlay.hides = [this](std::string_view key, std::string_view etag) {
    return removals_.hides(key, etag);
  };
  request.continuation_token.clear();
  auto listing =
      std::make_shared<MergedListing>(inner_, request, deadline, std::move(overlay),
                                      [done = std::move(done)](Result<oss::ListPage> page) mutable {
                                        if (page && !page->next_token.empty())
                                          page->next_token = token_of(page->next_token, "");
                                        done(std::move(page));
                                      });
  return listing->start();
}

/// Asks, unless the key is known to be gone, and does not see what was removed.
template <class T>
Transfer NamesOverlay::look(std::string_view key, Callback<T> done,
                            UniqueFunction<Transfer(const std::string&, Callback<T>)> ask) {
  if (removals_.hides_surely(key)) {
    done(removed(key));
    return Transfer();
  }
  const std::string name(key);
  return ask(name, [this, name, done = std::move(done)](Result<T> got) mutable {
    if (got && removals_.hides(name, got->etag)) got = removed(name);
    done(std::move(got));
  });
}

Transfer NamesOverlay::start_head(std::string_view key, Deadline deadline,
                                  Callback<oss::ObjectMeta> done) {
  return look<oss::ObjectMeta>(key, std::move(done), [&](const std::string& name, auto next) {
    return inner_.start_head(name, deadline, std::move(next));
  });
}

Transfer NamesOverlay::start_brief(std::string_view key, Deadline deadline,
                                   Callback<oss::ObjectBrief> done) {
  return look<oss::ObjectBrief>(key, std::move(done), [&](const std::string& name, auto next) {
    return inner_.start_brief(name, deadline, std::move(next));
  });
}

Transfer NamesOverlay::start_get_symlink(std::string_view key, Deadline deadline,
                                         Callback<oss::Symlink> done) {
  return look<oss::Symlink>(key, std::move(done), [&](const std::string& name, auto next) {
    return inner_.start_get_symlink(name, deadline, std::move(next));
  });
}

Transfer NamesOverlay::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                 oss::ReadSink& sink, Deadline deadline, Callback<void> done) {
  return inner_.start_get(key, etag, range, sink, deadline, std::move(done));
}

// --- writing ---

/// Goes on when nothing is pending at the key any more.
template <class T>
Transfer NamesOverlay::write(std::string_view key, Callback<T> done,
                             UniqueFunction<Transfer(Callback<T>)> go) {
  if (!removals_.any_below(key)) return go(std::move(done));
  auto chain = std::make_shared<Chain>();
  auto call = std::make_shared<Call>(
      [chain, done = std::move(done), go = std::move(go)](Result<void> free) mutable {
        if (!free)
          done(fail(std::move(free.error())));
        else
          chain->step([&] { return go(std::move(done)); });
      });
  removals_.before_write(std::string(key),
                         [call](Result<void> free) { call->run(std::move(free)); });
  return Transfer([chain, call] {
    call->cancel();
    chain->cancel();
  });
}

Transfer NamesOverlay::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                 const oss::PutOptions& options, Deadline deadline,
                                 Callback<oss::Written> done) {
  return write<oss::Written>(
      key, std::move(done), [=, this, key = std::string(key)](Callback<oss::Written> next) {
        return inner_.start_put(key, body, options, deadline, std::move(next));
      });
}

Transfer NamesOverlay::start_copy(std::string_view key, const oss::CopyOptions& options,
                                  Deadline deadline, Callback<oss::Written> done) {
  return write<oss::Written>(key, std::move(done),
                             [=, this, key = std::string(key)](Callback<oss::Written> next) {
                               return inner_.start_copy(key, options, deadline, std::move(next));
                             });
}

Transfer NamesOverlay::start_complete(std::string_view key, std::string_view upload_id,
                                      std::vector<oss::Part> parts, const oss::PutOptions& options,
                                      Deadline deadline, Callback<oss::Written> done) {
  return write<oss::Written>(key, std::move(done),
                             [=, this, key = std::string(key),
                              upload_id = std::string(upload_id)](Callback<oss::Written> next) {
                               return inner_.start_complete(key, upload_id, parts, options,
                                                            deadline, std::move(next));
                             });
}

Transfer NamesOverlay::start_put_symlink(std::string_view key, std::string_view target_key,
                                         const oss::PutOptions& options, Deadline deadline,
                                         Callback<oss::Written> done) {
  return write<oss::Written>(key, std::move(done),
                             [=, this, key = std::string(key),
                              target = std::string(target_key)](Callback<oss::Written> next) {
                               return inner_.start_put_symlink(key, target, options, deadline,
                                                               std::move(next));
                             });
}

/// An upload that forbids overwriting is refused when it begins, too.
Transfer NamesOverlay::start_initiate(std::string_view key, const oss::PutOptions& options,
                                      Deadline deadline, Callback<std::string> done) {
  return write<std::string>(key, std::move(done),
                            [=, this, key = std::string(key)](Callback<std::string> next) {
                              return inner_.start_initiate(key, options, deadline, std::move(next));
                            });
}

// --- what names do not matter to ---

Transfer NamesOverlay::start_delete(std::string_view key, Deadline deadline, Callback<void> done) {
  return inner_.start_delete(key, deadline, std::move(done));
}

Transfer NamesOverlay::start_delete_many(std::vector<std::string> keys, Deadline deadline,
                                         Callback<std::vector<std::string>> done) {
  return inner_.start_delete_many(std::move(keys), deadline, std::move(done));
}

Transfer NamesOverlay::start_upload_part(std::string_view key, std::string_view upload_id,
                                         int number, std::shared_ptr<http::BodySource> body,
                                         Deadline deadline, Callback<oss::Part> done) {
  return inner_.start_upload_part(key, upload_id, number, std::move(body), deadline,
                                  std::move(done));
}

Transfer NamesOverlay::start_copy_part(std::string_view key, std::string_view upload_id, int number,
                                       std::string_view source_key, std::string_view source_etag,
                                       ByteRange range, Deadline deadline,
                                       Callback<oss::Part> done) {
  return inner_.start_copy_part(key, upload_id, number, source_key, source_etag, range, deadline,
                                std::move(done));
}

Transfer NamesOverlay::start_abort(std::string_view key, std::string_view upload_id,
                                   Deadline deadline, Callback<void> done) {
  return inner_.start_abort(key, upload_id, deadline, std::move(done));
}

Transfer NamesOverlay::start_list_parts(std::string_view key, std::string_view upload_id,
                                        Deadline deadline, Callback<std::vector<oss::Part>> done) {
  return inner_.start_list_parts(key, upload_id, deadline, std::move(done));
}

}  // namespace stsfs::fs
