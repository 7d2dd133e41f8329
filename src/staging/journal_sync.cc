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

JournalSync::JournalSync(std::string log, std::chrono::milliseconds interval, Mark mark)
    : log_(std::move(log)), interval_(interval), mark_(std::move(mark)) {
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
  {
    MutexLock lock(mutex_);
    Unsynced& now = unsynced_[note.id];
    replaced = std::exchange(now.staged, std::move(staged));
    now.number = note.number;
    if (before) before_[note.id].push_back(std::move(before));
  }
  log_grew();
}

void JournalSync::erased(std::uint64_t id, std::shared_ptr<StagedFile> staged, bool in_oss) {
  Batch::node_type dropped;  // with what may be its last owner: not under the lock
  std::map<std::uint64_t, StagedFiles>::node_type before;
  {
    MutexLock lock(mutex_);
    dropped = unsynced_.extract(id);
    before = before_.extract(id);
    const bool waits =
        staged && (!in_oss || (erased_.size() < kWaitingMax && staged->is_worth_releasing()));
    if (!waits) return;
    erased_.push_back(std::move(staged));
  }
  log_grew();
}

void JournalSync::run() {
  for (bool ending = false; !ending;) {
    {
      MutexLock lock(mutex_);
      while (!grew_ && !ending_) wanted_.wait(mutex_);
      // What comes within the interval shares the disk's time, and is often erased before.
      const auto until = std::chrono::steady_clock::now() + interval_;
      while (!ending_ && wanted_.wait_until(mutex_, until) != std::cv_status::timeout) {
      }
      ending = ending_;
      if (!std::exchange(grew_, false)) continue;  // what comes from now on is for the next time
    }
    sync();
  }
}

void JournalSync::sync() {
  mark({});  // first the ends of files: those need not be brought to the disk any more
  Batch batch;
  {
    MutexLock lock(mutex_);
    batch.swap(unsynced_);
  }
  std::vector<Note> there;
  for (const auto& [id, one] : batch) {
    if (one.staged)
      if (auto synced = one.staged->sync(); !synced) {
        log_warning("staging", "{}", synced.error().message);
        continue;  // what the note before lay in stays
      }
    there.push_back({id, one.number});
  }
  // They go when the log is on the disk: no loss of power brings the note back that needs them.
  const StagedFiles before = there.empty() ? StagedFiles() : mark(std::move(there));
  std::vector<std::shared_ptr<StagedFile>> erased;  // goes when the log is on the disk
  {
    MutexLock lock(mutex_);
    erased.swap(erased_);
  }
  // In WAL mode the log is what must be on the disk; SQLite syncs the database at a checkpoint.
  const UniqueFd log(::open(log_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!log || fdatasync(log.get()) != 0) {
    log_warning("staging", "the journal could not be written to the disk");
    return;
  }
  for (const auto& file : erased)
    if (file.use_count() == 1) file->release();  // nobody is left who could note it again
}

/// Returns when the marks are in the log, and whatever was waiting to be, so that syncing it brings
/// them too; with what only the notes before these needed.
JournalSync::StagedFiles JournalSync::mark(std::vector<Note> notes) {
  auto needless = await<StagedFiles>(nullptr, [&](Callback<StagedFiles> done) {
    mark_(std::move(notes), [this, done = std::move(done)](auto latest) mutable {
      if (latest)
        done(before(*latest));
      else
        done(fail(std::move(latest.error())));
    });
    return Transfer();
  });
  if (needless) return std::move(*needless);
  log_warning("staging", "{}", needless.error().message);
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
