#include "names_overlay.h"

#include "gone.h"
#include "merged_listing.h"
#include "moved_links.h"
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

  /// The first one counts.
  void run(Result<void> result) STSFS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (cancelled_ || ran_) return;
      ran_ = true;
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
  bool ran_ STSFS_GUARDED_BY(mutex_) = false;
  std::thread::id runner_ STSFS_GUARDED_BY(mutex_);
};

tl::unexpected<Error> removed(std::string_view key) {
  return fail(Errc::kNotFound, printable(key) + " was removed here");
}

}  // namespace

// --- looking ---

/// Whether nothing is pending that a listing of the prefix would show.
bool NamesOverlay::is_plain(std::string_view prefix) const {
  if (removals_.any_below(prefix)) return false;
  for (const auto& move : moves_.under_way())
    for (const std::string* key : {&move.from, &move.to})
      if (key->starts_with(prefix) || prefix.starts_with(*key)) return false;
  return true;
}

Transfer NamesOverlay::start_list(const oss::ListRequest& asked, Deadline deadline,
                                  Callback<oss::ListPage> done) {
  oss::ListRequest request = asked;
  take_token(request);
  if (is_plain(request.prefix)) {
    return inner_.start_list(request, deadline,
                             [done = std::move(done)](Result<oss::ListPage> page) mutable {
                               if (page && !page->next_token.empty())
                                 page->next_token = token_of(last_of(*page), page->next_token);
                               done(std::move(page));
                             });
  }
  ListingOverlay overlay;
  overlay.hides = [view = removals_.view()](std::string_view key, std::string_view etag) {
    return view->hides(key, etag);
  };
  for (TreeMoves::UnderWay& move : moves_.under_way())
    overlay.moves.push_back(
        {std::move(move.from), std::move(move.to), move.is_removed, std::move(move.is_moved)});
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

/// Asks where the object lies now: in a tree under way first where it comes from, then where it
/// goes to, since it may have moved between the two.
template <class T>
Transfer NamesOverlay::where_it_is(std::string_view key, Callback<T> done, Ask<T> ask) {
  const TreeMoves::Place place = moves_.place_of(key);
  if (place.where != TreeMoves::Where::kNew || place.is_moved)
    return ask(std::string(key), std::move(done));
  auto chain = std::make_shared<Chain>();
  auto shared = std::make_shared<std::pair<Ask<T>, Callback<T>>>(std::move(ask), std::move(done));
  chain->step([&] {
    return shared->first(place.old_key, [chain, shared, key = std::string(key)](Result<T> got) {
      if (!got && is_gone(got.error()))
        chain->step([&] { return shared->first(key, std::move(shared->second)); });
      else
        shared->second(std::move(got));
    });
  });
  return Transfer([chain] { chain->cancel(); });
}

/// Asks, unless the key is known to be gone, and does not see what was removed.
template <class T>
Transfer NamesOverlay::look(std::string_view key, Callback<T> done, Ask<T> ask) {
  if (removals_.hides_surely(key) || moves_.place_of(key).where == TreeMoves::Where::kOld) {
    done(removed(key));
    return Transfer();
  }
  return where_it_is<T>(
      key,
      [view = removals_.view(), name = std::string(key),
       done = std::move(done)](Result<T> got) mutable {
        if (got && view->hides(name, got->etag)) got = removed(name);
        done(std::move(got));
      },
      std::move(ask));
}

Transfer NamesOverlay::start_head(std::string_view key, Deadline deadline,
                                  Callback<oss::ObjectMeta> done) {
  // Of a symbolic link it tells the target's version, or that nobody can follow it: not whether it
  // is the link that was removed.
  auto unless_removed = [view = removals_.view(), name = std::string(key),
                         done = std::move(done)](Result<oss::ObjectMeta> meta) mutable {
    const bool is_link =
        meta ? meta->type == oss::ObjectType::kSymlink : meta.error().code == Errc::kLoop;
    if (is_link && view->hides(name, "")) meta = removed(name);
    done(std::move(meta));
  };
  return look<oss::ObjectMeta>(key, std::move(unless_removed),
                               [=, this](const std::string& name, auto next) {
                                 return inner_.start_head(name, deadline, std::move(next));
                               });
}

Transfer NamesOverlay::start_brief(std::string_view key, Deadline deadline,
                                   Callback<oss::ObjectBrief> done) {
  return look<oss::ObjectBrief>(key, std::move(done),
                                [=, this](const std::string& name, auto next) {
                                  return inner_.start_brief(name, deadline, std::move(next));
                                });
}

/// Where a link comes from it leads to what it is to lead to where it goes: who puts it anew puts
/// that.
Transfer NamesOverlay::start_get_symlink(std::string_view key, Deadline deadline,
                                         Callback<oss::Symlink> done) {
  const TreeMoves::Place place = moves_.place_of(key);
  return look<oss::Symlink>(key, std::move(done), [=, this](const std::string& name, auto next) {
    if (name != place.old_key) return inner_.start_get_symlink(name, deadline, std::move(next));
    return inner_.start_get_symlink(
        name, deadline, [place, next = std::move(next)](Result<oss::Symlink> link) mutable {
          if (link) link->target = moved_target({place.from, place.to}, link->target);
          next(std::move(link));
        });
  });
}

Transfer NamesOverlay::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                 oss::ReadSink& sink, Deadline deadline, Callback<void> done) {
  return where_it_is<void>(
      key, std::move(done),
      [=, this, &sink, etag = std::string(etag)](const std::string& name, Callback<void> next) {
        return inner_.start_get(name, etag, range, sink, deadline, std::move(next));
      });
}

Transfer NamesOverlay::start_get_acl(std::string_view key, Deadline deadline,
                                     Callback<std::string> done) {
  return where_it_is<std::string>(key, std::move(done),
                                  [=, this](const std::string& name, auto next) {
                                    return inner_.start_get_acl(name, deadline, std::move(next));
                                  });
}

Transfer NamesOverlay::start_get_tagging(std::string_view key, Deadline deadline,
                                         Callback<std::string> done) {
  return where_it_is<std::string>(
      key, std::move(done), [=, this](const std::string& name, auto next) {
        return inner_.start_get_tagging(name, deadline, std::move(next));
      });
}

Transfer NamesOverlay::start_restore(std::string_view key, const oss::RestoreRequest& request,
                                     Deadline deadline, Callback<void> done) {
  return where_it_is<void>(key, std::move(done), [=, this](const std::string& name, auto next) {
    return inner_.start_restore(name, request, deadline, std::move(next));
  });
}

// --- writing ---

/// Goes on when nothing is pending at the key any more.
template <class T>
Transfer NamesOverlay::write(std::string_view key, Deadline deadline, Callback<T> done,
                             UniqueFunction<Transfer(Callback<T>)> go) {
  removals_.written(key);
  const TreeMoves::Place place = moves_.place_of(key);
  const bool moves = place.where != TreeMoves::Where::kElsewhere;
  if (!moves && !removals_.any_below(key)) return go(std::move(done));
  auto chain = std::make_shared<Chain>();
  // What frees a key runs on a thread of its own. A failure is told where all others are, on the
  // loop: who is told may drop a request that ends there just now, and would wait for the loop
  // while that waits here.
  auto call = std::make_shared<Call>([this, chain, done = std::move(done),
                                      go = std::move(go)](Result<void> free) mutable {
    chain->step([&] {
      if (free) return go(std::move(done));
      return scheduler_.after(std::chrono::milliseconds(0),
                              [done = std::move(done), error = std::move(free.error())]() mutable {
                                done(fail(std::move(error)));
                              });
    });
  });
  auto timer = std::make_shared<Transfer>();
  if (moves)
    *timer = scheduler_.after(deadline.left(clock_), [call, key = std::string(key)] {
      call->run(fail(Errc::kTimedOut, printable(key) + " waits for the end of a rename"));
    });
  auto freed = [call](Result<void> free) { call->run(std::move(free)); };
  auto brought = [this, freed, key = std::string(key)](Result<void> free) mutable {
    if (free)
      removals_.before_write(key, std::move(freed));  // what was brought may have been removed
    else
      freed(std::move(free));
  };
  if (place.where == TreeMoves::Where::kNew)
    moves_.bring(std::string(key), TreeMoves::Bring::kReplaced, std::move(brought));
  else if (place.where == TreeMoves::Where::kOld)
    moves_.when_ended(place.move, std::move(freed));
  else
    removals_.before_write(std::string(key), std::move(freed));
  return Transfer([chain, call, timer] {
    timer->cancel();
    call->cancel();
    chain->cancel();
  });
}

/// One request, like the writes: whoever brings the object must not be waited for by its answer.
Transfer NamesOverlay::start_settled_head(std::string_view key, Deadline deadline,
                                          Callback<oss::ObjectMeta> done) {
  return write<oss::ObjectMeta>(key, deadline, std::move(done),
                                [=, this, key = std::string(key)](Callback<oss::ObjectMeta> next) {
                                  return start_head(key, deadline, std::move(next));
                                });
}

Transfer NamesOverlay::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                 const oss::PutOptions& options, Deadline deadline,
                                 Callback<oss::Written> done) {
  return write<oss::Written>(key, deadline, std::move(done),
                             [=, this, key = std::string(key)](Callback<oss::Written> next) {
                               return inner_.start_put(key, body, options, deadline,
                                                       std::move(next));
                             });
}

Transfer NamesOverlay::start_copy(std::string_view key, const oss::CopyOptions& options,
                                  Deadline deadline, Callback<oss::Written> done) {
  return write<oss::Written>(
      key, deadline, std::move(done),
      [=, this, key = std::string(key)](Callback<oss::Written> next) {
        return where_it_is<oss::Written>(
            options.source_key, std::move(next),
            [=, this](const std::string& source, Callback<oss::Written> copied) {
              oss::CopyOptions copy = options;
              copy.source_key = source;
              return inner_.start_copy(key, copy, deadline, std::move(copied));
            });
      });
}

Transfer NamesOverlay::start_complete(std::string_view key, std::string_view upload_id,
                                      std::vector<oss::Part> parts, const oss::PutOptions& options,
                                      Deadline deadline, Callback<oss::Written> done) {
  return write<oss::Written>(key, deadline, std::move(done),
                             [=, this, key = std::string(key),
                              upload_id = std::string(upload_id)](Callback<oss::Written> next) {
                               return inner_.start_complete(key, upload_id, parts, options,
                                                            deadline, std::move(next));
                             });
}

Transfer NamesOverlay::start_put_symlink(std::string_view key, std::string_view target_key,
                                         const oss::PutOptions& options, Deadline deadline,
                                         Callback<oss::Written> done) {
  return write<oss::Written>(key, deadline, std::move(done),
                             [=, this, key = std::string(key),
                              target = std::string(target_key)](Callback<oss::Written> next) {
                               return inner_.start_put_symlink(key, target, options, deadline,
                                                               std::move(next));
                             });
}

/// It takes the old name away, too: what is on its way there has to have come.
Transfer NamesOverlay::start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                    Callback<void> done) {
  return write<void>(
      to, deadline, std::move(done),
      [=, this, from = std::string(from), to = std::string(to)](Callback<void> next) {
        return write<void>(from, deadline, std::move(next), [=, this](Callback<void> last) {
          return inner_.start_rename(from, to, deadline, std::move(last));
        });
      });
}

/// An upload that forbids overwriting is refused when it begins, too.
Transfer NamesOverlay::start_initiate(std::string_view key, const oss::PutOptions& options,
                                      Deadline deadline, Callback<std::string> done) {
  return write<std::string>(key, deadline, std::move(done),
                            [=, this, key = std::string(key)](Callback<std::string> next) {
                              return inner_.start_initiate(key, options, deadline, std::move(next));
                            });
}

// --- what names do not matter to ---

Transfer NamesOverlay::start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                                    Callback<void> done) {
  const TreeMoves::Place place = moves_.place_of(key);
  if (place.where == TreeMoves::Where::kElsewhere)
    return inner_.start_delete(key, etag, deadline, std::move(done));
  if (place.where == TreeMoves::Where::kOld) {
    done({});
    return Transfer();
  }
  auto call = std::make_shared<Call>(std::move(done));
  moves_.bring(std::string(key), TreeMoves::Bring::kDiscarded,
               [call](Result<void> gone) { call->run(std::move(gone)); });
  return Transfer([call] { call->cancel(); });
}

Transfer NamesOverlay::start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                                         Callback<std::vector<std::string>> done) {
  return inner_.start_delete_many(std::move(doomed), deadline, std::move(done));
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
  return where_it_is<oss::Part>(
      source_key, std::move(done),
      [=, this, key = std::string(key), upload_id = std::string(upload_id),
       source_etag = std::string(source_etag)](const std::string& source,
                                               Callback<oss::Part> next) {
        return inner_.start_copy_part(key, upload_id, number, source, source_etag, range, deadline,
                                      std::move(next));
      });
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
