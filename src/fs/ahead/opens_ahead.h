#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "files_ahead.h"
#include "mount_state.h"
#include "reading_runs.h"
#include "stsfs/base/clock.h"
#include "stsfs/cache/attribute_store.h"

namespace stsfs::fs {

/// Files that somebody who reads one after the other is about to open: ReadingRuns says which,
/// FilesAhead asks, and this is how their answers are used.
///
/// What an answer says of a file confirms it by the rule for everything that is remembered: it
/// counts from the moment in which it was asked for, and for no longer than `open_fresh`; with none
/// nothing is asked ahead. Bytes belong to their version, so they are good whenever that is.
///
/// Threads:  every call at once on any thread; those that return a Result wait.
/// Lifetime: what it is made of outlives it. `stop` before what ReadSurroundings names goes.
class OpensAhead {
 public:
  /// How to ask for a file of a listing. Nothing when all is known that an open needs, or when the
  /// listing is behind what is known here.
  using WayToAsk = std::function<std::optional<FilesAhead::Way>(const ReadingRuns::File&)>;

  OpensAhead(const ReadSurroundings& around, Listings& listings, cache::AttributeStore& metas,
             const MountState& state, std::chrono::milliseconds open_fresh, WayToAsk way_to_ask);

  /// What an answer told of the file, and when that was asked.
  struct Told {
    oss::ObjectMeta meta;
    SteadyTime asked;
    FilesAhead::QuestionPointer question;
  };

  /// The file's attributes are wanted: what is known because it was asked for ahead, or is asked
  /// for now with its bytes, since somebody reads through the directory. Nothing: a HEAD is the
  /// better question.
  Result<std::optional<Told>> looked_up(const Context& context, const std::string& file_path,
                                        const std::string& key, const cache::KnownEntry& entry);
  /// The same for a file that is about to be opened: only what was asked for already. The metadata
  /// may come from the local disk, without a server's time; then it shows nothing.
  Result<std::optional<Told>> about_to_open(const Context& context, const std::string& key,
                                            const std::string& etag);
  /// The reader that has its bytes, once; null when none were asked for.
  std::shared_ptr<BaseReader> take_reader(const Told& told);
  /// It was opened for reading: asks for what its reader comes to next.
  void opened(const Context& context, const std::string& key, const std::string& name);

  /// How a file of this size is asked for: a small one whole.
  static FilesAhead::Way way_for(std::uint64_t size_bytes);

  /// As FilesAhead has them.
  void spoil(const std::string& key) { files_.spoil(key); }
  void spoil_below(const std::string& prefix) { files_.spoil_below(prefix); }
  void forget_all() { files_.forget_all(); }
  void stop() { files_.stop(); }

 private:
  void ask(const std::vector<ReadingRuns::File>& files);
  Result<Told> wait_for(const Context& context, const FilesAhead::QuestionPointer& question,
                        const std::string& directory_key);

  const Clock& clock_;
  cache::AttributeStore& metas_;
  const MountState& state_;
  const std::chrono::milliseconds open_fresh_;
  const WayToAsk way_to_ask_;
  ReadingRuns runs_;
  FilesAhead files_;
};

}  // namespace stsfs::fs
