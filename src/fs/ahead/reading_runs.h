#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/mutex.h"
#include "tree/listings.h"

namespace stsfs::fs {

/// Sees the files of a directory being opened one after the other in the order of its listing, as
/// `cp -r` and `grep -r` do, and says which are worth asking for ahead of the reader. Decides only.
///
/// How many ahead is the run's window. It begins when the pattern shows, doubles when the reader
/// had to wait for what was asked for ahead, is halved for each file that the reader leaves out and
/// when answers grew old before it came to them. It goes on into the next directory when the
/// listing of that is known, and with the reader, when it is the same process that begins another
/// directory at its first file.
///
/// Threads: every call at once on any thread.
class ReadingRuns {
 public:
  explicit ReadingRuns(Listings& listings) : listings_(listings) {}

  struct File {
    std::string directory_key;
    std::string name;
    cache::KnownEntry entry;
  };

  /// `name` is looked up by `process`. Whether a run comes to it, were it of one file so far, so
  /// that it may well be opened next; then the files to ask for after it are in `due`.
  bool looked_up(const std::string& directory_key, const std::string& name, pid_t process,
                 SteadyTime now, std::vector<File>& due) STSFS_EXCLUDES(mutex_);
  /// `name` is opened for reading. Returns the files to ask for now, in their order.
  std::vector<File> opened(const std::string& directory_key, const std::string& name, pid_t process,
                           SteadyTime now) STSFS_EXCLUDES(mutex_);

  /// The reader of this file had to wait for an answer that was asked for at `asked`.
  void waited(const std::string& directory_key, SteadyTime asked, SteadyTime now)
      STSFS_EXCLUDES(mutex_);
  /// It came so late that the answer was too old.
  void came_late(const std::string& directory_key) STSFS_EXCLUDES(mutex_);
  /// This one could not be asked for, nor what is behind it.
  void refused(const File& file) STSFS_EXCLUDES(mutex_);

 private:
  struct Place {
    std::string directory_key;
    std::string name;
    bool operator==(const Place& other) const {
      return name == other.name && directory_key == other.directory_key;
    }
  };
  struct Run {
    Place last;  // where the reader is
    pid_t process = 0;
    int read = 0;      // files in a row
    int unopened = 0;  // looked up since one was opened
    std::size_t window = 0;
    std::deque<Place> ahead;  // asked for and not come to, in their order
    Place asked_to;           // the last of them, or where the reader is
    SteadyTime when{};
    SteadyTime grown{};
  };
  using RunPosition = std::list<Run>::iterator;

  RunPosition run_to(const Place& place, pid_t process, SteadyTime now) STSFS_REQUIRES(mutex_);
  bool advance(Run& run, const Place& place) STSFS_REQUIRES(mutex_);
  bool is_first(const Place& place) STSFS_REQUIRES(mutex_);
  std::string directory_behind(const std::string& directory_key) STSFS_REQUIRES(mutex_);
  std::vector<File> due(Run& run) STSFS_REQUIRES(mutex_);

  Listings& listings_;
  Mutex mutex_;                                   // before that of Listings
  std::list<Run> runs_ STSFS_GUARDED_BY(mutex_);  // most recent first
};

}  // namespace stsfs::fs
