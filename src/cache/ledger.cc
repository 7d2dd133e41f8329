#include "ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <thread>

namespace stsfs::cache {
namespace {

/// The moment in which the number is changed, which no two processes share: not of the lock that is
/// held while every file is looked at. Whoever is stopped in it must not hold up the others: after
/// some tries they go on without, and the next count sets right what that may cost.
class Moment {
 public:
  explicit Moment(int fd) : fd_(fd) {
    for (int i = 0; i < kTries && !(mine_ = lock(F_WRLCK)); ++i) std::this_thread::yield();
  }
  ~Moment() {
    if (mine_) lock(F_UNLCK);
  }
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

 private:
  static constexpr int kTries = 100;

  bool lock(short type) const {
    struct flock what {};
    what.l_type = type;
    what.l_whence = SEEK_SET;
    what.l_len = sizeof(std::int64_t);
    return fcntl(fd_, F_OFD_SETLK, &what) == 0;
  }

  const int fd_;
  bool mine_ = false;
};

}  // namespace

std::uint64_t Ledger::bytes() const {
  MutexLock lock(mutex_);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, in_file() + unwritten_));
}

void Ledger::add(std::uint64_t bytes) { change(static_cast<std::int64_t>(bytes)); }
void Ledger::subtract(std::uint64_t bytes) { change(-static_cast<std::int64_t>(bytes)); }

void Ledger::set(std::uint64_t bytes) {
  MutexLock lock(mutex_);
  const Moment moment(file_.get());
  put(static_cast<std::int64_t>(bytes), in_file());
}

bool Ledger::try_lock() const { return flock(file_.get(), LOCK_EX | LOCK_NB) == 0; }
void Ledger::unlock() const { flock(file_.get(), LOCK_UN); }

void Ledger::change(std::int64_t bytes) {
  MutexLock lock(mutex_);
  const Moment moment(file_.get());
  const std::int64_t before = in_file();
  put(std::max<std::int64_t>(0, before + unwritten_ + bytes), before);
}

void Ledger::put(std::int64_t bytes, std::int64_t in_file) {
  const bool written = pwrite_full(file_.get(), std::as_bytes(std::span(&bytes, 1)), 0).has_value();
  unwritten_ = written ? 0 : bytes - in_file;
  if (written) last_ = bytes;
}

std::int64_t Ledger::in_file() const {
  std::int64_t number = 0;
  if (pread_full(file_.get(), std::as_writable_bytes(std::span(&number, 1)), 0)) last_ = number;
  return last_;
}

}  // namespace stsfs::cache
