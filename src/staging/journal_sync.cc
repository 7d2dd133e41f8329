#include "journal_sync.h"

#include <fcntl.h>
#include <unistd.h>

#include <iterator>
#include <utility>

#include "stsfs/base/await.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"

namespace stsfs::staging {
namespace {

constexpr std::size_t kWaitingMax = 4096;  // files

}  // namespace

JournalSync::JournalSync(std::string log, std::chrono::milliseconds interval, Mark mark, Fold fold)
    : log_(std::move(log)), interval_(interval), mark_(std::move(mark)), fold_(std::move(fold)) {
  thread_ = std::thread([this] { run(); });
}

JournalSync::~JournalSync() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    wanted_.notify_all();
  }
  thread_.join();
}

void JournalSync::log_grew() {
  MutexLock lock(mutex_);
  if (std::exchange(grew_, true)) return;
  wanted_.notify_all();
}

void JournalSync::noted(Note note, std::shared_ptr<const StagedFile> staged,
                        std::shared_ptr<const StagedFile> before) {
  std::shared_ptr<const StagedFile> replaced;  // its last owner may be here: not under the lock
  Batch::node_type earlier;
  {
    MutexLock lock(mutex_);
    earlier = under_way_.extract(note.id);
    Unsynced& now = unsynced_[note.id];
    replaced = std::exchange(now.staged, std::move(staged));
    now.number = note.number;
    if (before) before_[note.id].push_back(std::move(before));
  }
  log_grew();
}

void JournalSync::erased(std::uint64_t id, std::shared_ptr<StagedFile> staged, bool in_oss) {
  Batch::node_type dropped, under_way;  // with what may be its last owner: not under the lock
  std::map<std::uint64_t, StagedFiles>::node_type before;
  {
    MutexLock lock(mutex_);
    dropped = unsynced_.extract(id);
    under_way = under_way_.extract(id);
    before = before_.extract(id);
    const bool waits =
        staged && (!in_oss || (erased_.size() < kWaitingMax && staged->is_worth_releasing()));
    if (!waits) return;
    erased_.push_back(std::move(staged));
  }
  log_grew();
}

void JournalSync::settle(Callback<void> done) {
  {
    MutexLock lock(mutex_);
    if (grew_ || syncing_) {
      settling_.push_back(std::move(done));
      wanted_.notify_all();
      return;
    }
  }
  done({});
}

void JournalSync::run() {
  bool failed = false;
  for (bool ending = false; !ending;) {
    std::vector<Callback<void>> settling;
    {
      MutexLock lock(mutex_);
      syncing_ = false;
      while (!grew_ && !ending_ && settling_.empty()) wanted_.wait(mutex_);
      // What comes within the interval shares the disk's time, and is often erased before.
      const auto until = std::chrono::steady_clock::now() + interval_;
      while (!ending_ && settling_.empty() &&
             wanted_.wait_until(mutex_, until) != std::cv_status::timeout) {
      }
      ending = ending_;
      settling.swap(settling_);
      // What comes from now on is for the next time.
      if (!std::exchange(grew_, false) && settling.empty()) continue;
      syncing_ = true;
    }
    const auto synced = sync();
    if (!synced && !failed)
      log_error("staging",
                "a loss of power may take what is not in OSS yet, the disk refuses it: {}",
                synced.error().message);
    if (synced && failed) log_info("staging", "the disk has taken what it refused before");
    failed = !synced;
    for (Callback<void>& done : settling) done(synced);
    MutexLock lock(mutex_);
    grew_ = grew_ || failed;
  }
}

Result<void> JournalSync::sync() {
  const auto ended = mark({});  // of files: those need not be brought to the disk any more
  const auto files = sync_files();
  auto log = sync_log();
  if (!log) return log;
  return files ? ended : files;
}

/// And marks them. What fails stays for the next time, and so does what the notes before lay in.
Result<void> JournalSync::sync_files() {
  Batch batch;  // goes behind the lock, with what may be the last owners
  {
    MutexLock lock(mutex_);
    under_way_.swap(unsynced_);
    batch = under_way_;
  }
  Result<void> out;
  std::vector<Note> there;
  for (const auto& [id, one] : batch) {
    Result<void> synced = one.staged ? one.staged->sync() : Result<void>();
    if (synced)
      there.push_back({id, one.number});
    else if (out)
      out = std::move(synced);
  }
  const auto marked = there.empty() ? Result<void>() : mark(there);
  MutexLock lock(mutex_);
  if (marked)
    for (const Note& note : there) under_way_.erase(note.id);
  unsynced_.merge(under_way_);
  under_way_.clear();
  return marked ? out : marked;
}

/// In WAL mode the log is what must be on the disk; SQLite syncs the database at a checkpoint. Once
/// the disk has refused it there is no asking again: the kernel may have forgotten what it lacks.
Result<void> JournalSync::sync_log() {
  std::vector<std::shared_ptr<StagedFile>> erased;  // goes when the log is on the disk
  {
    MutexLock lock(mutex_);
    erased.swap(erased_);
  }
  if (!log_failed_) {
    const UniqueFd log(::open(log_.c_str(), O_RDONLY | O_CLOEXEC));
    log_failed_ = !log || fdatasync(log.get()) != 0;
  }
  if (log_failed_) {
    auto folded = await<void>(nullptr, [&](Callback<void> done) {
      fold_(std::move(done));
      return Transfer();
    });
    if (!folded) {
      MutexLock lock(mutex_);
      std::move(erased.begin(), erased.end(), std::back_inserter(erased_));
      return folded;
    }
    log_failed_ = false;
  }
  needless_.clear();
  for (const auto& file : erased)
    if (file.use_count() == 1) file->release();  // nobody is left who could note it again
  return {};
}

/// Returns when the marks are in the log, and whatever was waiting to be, so that syncing it brings
/// them too. What only the notes before these needed goes then: no loss of power brings those back.
Result<void> JournalSync::mark(std::vector<Note> notes) {
  auto needless = await<StagedFiles>(nullptr, [&](Callback<StagedFiles> done) {
    mark_(std::move(notes), [this, done = std::move(done)](auto latest) mutable {
      if (latest)
        done(before(*latest));
      else
        done(fail(std::move(latest.error())));
    });
    return Transfer();
  });
  if (!needless) return fail(std::move(needless.error()));
  std::move(needless->begin(), needless->end(), std::back_inserter(needless_));
  return {};
}

/// Asked while no later note of the same files is known.
JournalSync::StagedFiles JournalSync::before(const std::vector<std::uint64_t>& ids) {
  StagedFiles out;
  MutexLock lock(mutex_);
  for (const std::uint64_t id : ids)
    if (const auto found = before_.extract(id); !found.empty())
      std::move(found.mapped().begin(), found.mapped().end(), std::back_inserter(out));
  return out;
}

}  // namespace stsfs::staging
