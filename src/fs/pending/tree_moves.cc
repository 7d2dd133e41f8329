#include "tree_moves.h"

#include <algorithm>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

bool overlap(const std::string& a, const std::string& b) {
  return a.starts_with(b) || b.starts_with(a);
}

std::string does_not_get_on(const staging::MoveEntry& move) {
  return "waits for the rename of " + printable(move.from) + " to " + printable(move.to) +
         ", which does not get on; `stsfs status` shows why";
}

}  // namespace

TreeMoves::TreeMoves(oss::ObjectStore& store, Scheduler& scheduler, const Clock& clock,
                     staging::NameJournal& journal, Removals& removals, TreeMoveOptions options,
                     Moved moved)
    : BehindJournal(scheduler, options.retry_backoff, options.retry_backoff_max),
      store_(store),
      clock_(clock),
      journal_(journal),
      removals_(removals),
      options_(std::move(options)),
      moved_(std::move(moved)),
      by_server_(store, clock, options_.at_one_stroke, options_.request_timeout) {
  MutexLock lock(mutex_);
  for (const staging::MoveEntry& entry : journal.moves()) {
    moves_.push_back(std::make_shared<Move>());
    moves_.back()->entry = entry;
    moves_.back()->confirmed = true;
  }
}

// --- a rename ---

Result<TreeMoves::Plan> TreeMoves::prepare(const std::string& from, const std::string& to,
                                           Interrupt* interrupt) {
  for (;;) {
    MovePointer other;
    {
      MutexLock lock(mutex_);
      other = in_the_way(from, to);
    }
    if (!other) break;
    if (auto ended = await_end(other->entry, interrupt); !ended)
      return fail(std::move(ended.error()));
  }
  Plan plan{.from = from, .to = to};
  if (at_one_stroke()) return plan;
  oss::ListRequest request{.prefix = from};
  do {
    auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
      return store_.start_list(request, deadline(), std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    for (oss::ListEntry& object : page->objects) {
      if (auto good = check_move(object, from, to); !good) return fail(std::move(good.error()));
      ++plan.total;
      if (plan.objects.size() < options_.planned_max) plan.objects.push_back(std::move(object));
    }
    request.continuation_token = page->next_token;
  } while (!request.continuation_token.empty());
  return plan;
}

TreeMoves::MovePointer TreeMoves::in_the_way(const std::string& from, const std::string& to) const {
  for (const MovePointer& move : moves_)
    for (const std::string* key : {&move->entry.from, &move->entry.to})
      if (overlap(*key, from) || overlap(*key, to)) return move;
  return nullptr;
}

bool TreeMoves::touches(const std::string& from, const std::string& to) const {
  MutexLock lock(mutex_);
  return in_the_way(from, to) != nullptr;
}

/// For as long as it gets on.
Result<void> TreeMoves::await_end(const staging::MoveEntry& move, Interrupt* interrupt) {
  for (;;) {
    const std::uint64_t before = moved_of(move.id);
    const auto waiter = std::make_shared<Waiter<void>>();
    const Transfer timer =
        scheduler_.after(options_.upload.progress_timeout, [text = does_not_get_on(move), waiter] {
          waiter->callback()(fail(Errc::kTimedOut, text));
        });
    when_ended(move.id, waiter->callback());
    auto ended = waiter->wait(interrupt);
    const bool late = !ended && ended.error().code == Errc::kTimedOut;
    if (!late || moved_of(move.id) == before) return ended;
  }
}

/// How far it has got on.
std::uint64_t TreeMoves::moved_of(std::uint64_t id) const {
  MutexLock lock(mutex_);
  const MovePointer move = find(id);
  return move ? move->moved.count() : 0;
}

std::uint64_t TreeMoves::switch_over(Plan plan) {
  auto move = std::make_shared<Move>();
  move->entry = {journal_.next_id(), std::move(plan.from), std::move(plan.to)};
  move->total = plan.total;
  move->planned_all = plan.total == plan.objects.size();
  move->planned = std::move(plan.objects);
  move->keeps_parent = !plan.parent_has_marker;
  MutexLock lock(mutex_);
  moves_.push_back(move);
  return move->entry.id;
}

Result<void> TreeMoves::confirm(std::uint64_t id, const std::string& old_path,
                                const std::string& new_path, bool replaces,
                                const std::function<void()>& noted, Interrupt* interrupt) {
  MovePointer move;
  {
    MutexLock lock(mutex_);
    move = find(id);
  }
  auto added = await<void>(nullptr, [&](Callback<void> done) {
    journal_.add(move->entry, old_path, new_path, std::move(done));
    return Transfer();
  });
  if (!added) {
    ended(move);
    return added;
  }
  noted();
  if (!at_one_stroke()) {
    go_on_behind(move);
    return {};
  }
  const Deadline until = Deadline::in(clock_, options_.stroke_timeout);
  if (replaces) {
    auto gone = by_server_.remove(move->entry.to, interrupt, until);
    if (!gone && ServerRenames::is_refusal(gone.error().code))
      return refused(move, std::move(gone.error()), old_path, new_path);
  }
  auto done = by_server_.rename(move->entry.from, move->entry.to, interrupt, until);
  // With an empty directory gone for it there is no way back.
  if (!done && !replaces && ServerRenames::is_refusal(done.error().code))
    return refused(move, std::move(done.error()), old_path, new_path);
  if (!done || !finish(move)) go_on_behind(move);
  return {};
}

void TreeMoves::go_on_behind(const MovePointer& move) {
  MutexLock lock(mutex_);
  move->confirmed = true;
  due_ = true;
  wake();
}

Result<void> TreeMoves::refused(const MovePointer& move, Error error, const std::string& old_path,
                                const std::string& new_path) {
  auto noted = await<void>(nullptr, [&](Callback<void> done) {
    journal_.take_back(move->entry, old_path, new_path, std::move(done));
    return Transfer();
  });
  if (!noted) {  // then it stands, and is tried again
    go_on_behind(move);
    return {};
  }
  ended(move);
  return fail(std::move(error));
}

/// The note goes before the old key is free again.
Result<void> TreeMoves::finish(const MovePointer& move) {
  auto erased = await<void>(nullptr, [&](Callback<void> done) {
    journal_.erase_move(move->entry.id, std::move(done));
    return Transfer();
  });
  if (erased) ended(move);
  return erased;
}

// --- what is asked ---

TreeMoves::MovePointer TreeMoves::find(std::uint64_t id) const {
  for (const MovePointer& move : moves_)
    if (move->entry.id == id) return move;
  return nullptr;
}

TreeMoves::Place TreeMoves::place_of(std::string_view key) const {
  MutexLock lock(mutex_);
  for (const MovePointer& move : moves_) {
    const auto& [id, from, to] = move->entry;
    if (key.starts_with(from)) return {.where = Where::kOld, .move = id};
    if (!key.starts_with(to)) continue;
    Place out{.where = Where::kNew, .move = id};
    out.old_key = from + std::string(key.substr(to.size()));
    out.from = from;
    out.to = to;
    out.is_moved = move->moved.has(out.old_key);
    return out;
  }
  return {};
}

bool TreeMoves::any() const {
  MutexLock lock(mutex_);
  return !moves_.empty();
}

std::vector<TreeMoves::UnderWay> TreeMoves::under_way() const {
  MutexLock lock(mutex_);
  std::vector<UnderWay> out;
  for (const MovePointer& move : moves_)
    out.push_back(
        {move->entry.from, move->entry.to, move->removed, [this, move](std::string_view old_key) {
           MutexLock relock(mutex_);
           return move->moved.has(old_key);
         }});
  return out;
}

/// Nothing when it is not known whether it is there still.
std::optional<std::string> TreeMoves::etag_copied(const MovePointer& move,
                                                  const std::string& old_key) const {
  MutexLock lock(mutex_);
  const std::string* etag = move->moved.etag_of(old_key);
  return etag != nullptr ? std::optional(*etag) : std::nullopt;
}

bool TreeMoves::is_copied(const MovePointer& move, const oss::ListEntry& object) const {
  return etag_copied(move, object.key) == object.etag;
}

void TreeMoves::bring(const std::string& new_key, Bring how, Callback<void> done) {
  {
    MutexLock lock(mutex_);
    if (!stopped_) {
      urgent_.push_back({new_key, how, std::move(done)});
      wake();
      return;
    }
  }
  done(fail(Errc::kInterrupted, "the mount is ending"));
}

void TreeMoves::when_ended(std::uint64_t id, Callback<void> done) {
  {
    MutexLock lock(mutex_);
    if (const MovePointer move = find(id); move && !stopped_) {
      move->waiters.push_back(std::move(done));
      due_ = true;
      wake();
      return;
    }
  }
  done({});
}

void TreeMoves::settle(Callback<void> done) {
  {
    MutexLock lock(mutex_);
    std::set<std::uint64_t> ids;
    for (const MovePointer& move : moves_) ids.insert(move->entry.id);
    due_ = true;
    if (wait_for(std::move(ids), done)) return;
  }
  done({});
}

std::vector<PendingFile> TreeMoves::pending() const {
  const auto path = [&](const std::string& key) {
    return key.substr(std::min(options_.prefix.size(), key.size()));
  };
  std::vector<PendingFile> out;
  MutexLock lock(mutex_);
  for (const MovePointer& move : moves_) {
    std::string doing = "being renamed from " + path(move->entry.from) + ", ";
    doing += std::to_string(move->done);
    if (move->total > 0) doing += " of " + std::to_string(std::max(move->total, move->done));
    out.push_back({.path = path(move->entry.to),
                   .last_error = move->last_error,
                   .doing = doing + " objects done"});
  }
  return out;
}

void TreeMoves::resume() {
  MutexLock lock(mutex_);
  if (moves_.empty()) return;
  due_ = true;
  wake();
}

void TreeMoves::stop() {
  BehindJournal::stop();
  std::vector<Callback<void>> told;
  {
    MutexLock lock(mutex_);
    for (Urgent& urgent : urgent_) told.push_back(std::move(urgent.done));
    urgent_.clear();
    for (const MovePointer& move : moves_)
      for (auto& waiter : std::exchange(move->waiters, {})) told.push_back(std::move(waiter));
  }
  for (auto& done : told) done(fail(Errc::kInterrupted, "the mount is ending"));
}

// --- the thread ---

BehindJournal::Pause TreeMoves::work(bool is_over) {
  bool roll_now = false;
  {
    MutexLock lock(mutex_);
    roll_now = std::exchange(due_, false) || is_over;
  }
  serve_urgent();
  return roll_now ? pause_after(roll()) : std::nullopt;
}

/// Every move once, as far as it goes. Returns whether one failed.
bool TreeMoves::roll() {
  std::vector<MovePointer> moves;
  {
    MutexLock lock(mutex_);
    for (const MovePointer& move : moves_) {
      if (!move->confirmed) continue;
      settling_.taken(move->entry.id);
      moves.push_back(move);
    }
  }
  bool failed = false;
  for (const MovePointer& move : moves) {
    auto rolled = roll_forward(move);
    if (rolled) rolled = finish(move);
    if (rolled) continue;
    failed = true;
    log_warning("fs", "{} is not all renamed to {} yet: {}", printable(move->entry.from),
                printable(move->entry.to), rolled.error().message);
    {
      MutexLock lock(mutex_);
      move->last_error = rolled.error().message;
      settling_.failed(move->entry.id, rolled.error());
    }
    tell_settled();
  }
  return failed;
}

void TreeMoves::ended(const MovePointer& move) {
  std::vector<Callback<void>> told;
  {
    MutexLock lock(mutex_);
    std::erase(moves_, move);
    told.swap(move->waiters);
    settling_.ended(move->entry.id);
    changed_.notify_all();
  }
  for (auto& done : told) done({});
  tell_settled();
}

// --- what cannot wait for its turn ---

void TreeMoves::serve_urgent() {
  std::vector<Urgent> urgent;
  {
    MutexLock lock(mutex_);
    urgent.swap(urgent_);
  }
  for (Urgent& one : urgent) one.done(bring_now(one.new_key, one.how));
}

/// The whole tree, where the server does it: one object ahead of it would be in its way.
Result<void> TreeMoves::bring_tree(const std::string& new_key) {
  const MovePointer move = confirmed_move(new_key);
  if (!move || moved_of(move->entry.id) > 0) return {};
  auto at_once = by_server_.take_up(move->entry.from, move->entry.to, &ending_);
  if (!at_once) return fail(std::move(at_once.error()));
  return *at_once ? finish(move) : Result<void>();
}

/// Waits for the reply to its rename.
TreeMoves::MovePointer TreeMoves::confirmed_move(const std::string& new_key) {
  const Place place = place_of(new_key);
  MutexLock lock(mutex_);
  MovePointer move = find(place.move);
  while (move && !move->confirmed && !stopped_) {
    changed_.wait(mutex_);
    move = find(place.move);
  }
  return place.where == Where::kNew ? move : nullptr;
}

Result<void> TreeMoves::bring_now(const std::string& new_key, Bring how) {
  if (auto brought = at_one_stroke() ? bring_tree(new_key) : Result<void>(); !brought)
    return brought;
  const Place place = place_of(new_key);
  if (place.where != Where::kNew)
    return how == Bring::kDiscarded ? remove(new_key, "") : Result<void>();
  MovePointer move;
  {
    MutexLock lock(mutex_);
    move = find(place.move);
  }
  auto done = how == Bring::kDiscarded ? discard_now(move, place, new_key)
                                       : replace_now(move, place, new_key);
  if (!done) return done;
  MutexLock lock(mutex_);
  move->moved.gone(place.old_key);
  if (how == Bring::kDiscarded && new_key == move->entry.to) move->removed = true;
  return {};
}

Result<void> TreeMoves::replace_now(const MovePointer& move, const Place& place,
                                    const std::string& new_key) {
  if (!etag_copied(move, place.old_key)) {
    auto page = await<oss::ListPage>(&ending_, [&](Callback<oss::ListPage> done) {
      return store_.start_list({.prefix = place.old_key, .keys_max = 1}, deadline(),
                               std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    if (page->objects.empty() || page->objects[0].key != place.old_key) return {};
    if (auto done = copy_some(move, {page->objects[0]}); !done) return done;
    if (!is_copied(move, page->objects[0]))
      return fail(Errc::kUnavailable, printable(new_key) + " changes while it is renamed");
  }
  return remove(place.old_key, etag_copied(move, place.old_key).value_or(""));
}

/// The one that shows last: an error between the two leaves it where it is.
Result<void> TreeMoves::discard_now(const MovePointer& move, const Place& place,
                                    const std::string& new_key) {
  const auto old_etag = etag_copied(move, place.old_key);
  if (!place.is_moved) {
    if (auto gone = remove(new_key, ""); !gone) return gone;
    return remove(place.old_key, "");
  }
  // Else only what another client has put there since can be there.
  if (old_etag)
    if (auto gone = remove(place.old_key, *old_etag); !gone) return gone;
  return remove(new_key, "");
}

/// What another client has put there meanwhile stays.
Result<void> TreeMoves::remove(const std::string& key, const std::string& etag) {
  auto gone = await<void>(&ending_, [&](Callback<void> done) {
    return store_.start_delete(key, etag, deadline(), std::move(done));
  });
  if (!gone && gone.error().code == Errc::kChanged) return {};
  return gone;
}

}  // namespace stsfs::fs
