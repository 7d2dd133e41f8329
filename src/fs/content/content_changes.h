#pragma once

#include <algorithm>
#include <cstdint>

namespace stsfs::fs {

/// The changes of one file, counted from 1: which of them somebody asked to keep (by a close, a
/// sync, a change of attributes), and which of them OSS has. Those behind the last close are of
/// somebody who is still writing.
///
/// Threads:  any; one at a time.
class ContentChanges {
 public:
  /// As an earlier daemon left it: there are some, and all were closed.
  static ContentChanges closed() {
    ContentChanges out;
    out.written();
    out.close();
    return out;
  }

  std::uint64_t last() const { return last_; }
  std::uint64_t in_store() const { return in_store_; }
  bool are_in_store() const { return last_ == in_store_; }
  /// Nobody has written since.
  bool are_closed() const { return last_ == closed_; }
  bool are_closed(std::uint64_t change) const { return closed_ >= change; }
  /// OSS lacks some of what was closed.
  bool are_owed() const { return closed_ > in_store_; }
  /// Some of what was closed is not here any more: what is goes nowhere before its own close.
  bool have_cut() const { return cut_; }
  /// Somebody is writing, and a note that tells of those up to `change` has all that was closed.
  bool are_noted_as_closed(std::uint64_t change) const {
    return !are_closed() && change >= closed_;
  }

  void written() { ++last_; }
  void cut() { cut_ = true; }
  /// They go along with what OSS lacks, and are as much to be kept as that. `sending`: it is on its
  /// way, without them. Returns whether OSS lacked anything before.
  bool attributes_changed(bool sending) {
    const bool owed = !are_in_store();
    const bool closed = are_closed();
    if (sending || !owed) ++last_;
    if (closed) closed_ = last_;
    return owed;
  }
  void close() { close(last_); }
  /// Those up to `change`; who has written since is still writing.
  void close(std::uint64_t change) {
    closed_ = std::max(closed_, change);
    if (are_closed()) cut_ = false;
  }
  /// Those up to `change`, and whoever the content is of knows it.
  void came_to_store(std::uint64_t change) { in_store_ = std::max(in_store_, change); }
  /// None of them is to come there any more.
  void drop() { in_store_ = last_; }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t closed_ = 0;
  std::uint64_t in_store_ = 0;
  bool cut_ = false;
};

}  // namespace stsfs::fs
