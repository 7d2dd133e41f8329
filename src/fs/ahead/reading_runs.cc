#include "reading_runs.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

/// Files in a row that show the pattern.
constexpr int kShown = 3;
constexpr std::size_t kWindowFirst = 8;
constexpr std::size_t kWindowMax = 64;
/// Files that a reader may leave out and still be in the same run.
constexpr std::size_t kGapMax = 8;
/// Names looked up one after the other without opening any: nobody reads here.
constexpr int kUnopenedMax = 2;
/// How long a reader may take between two directories.
constexpr std::chrono::seconds kAgeMax{5};
constexpr std::size_t kRunsMax = 16;
/// Directories without files that are passed over in search of the next file.
constexpr int kDirectoriesPassed = 4;

}  // namespace

bool ReadingRuns::is_first(const Place& place) {
  for (const auto& [name, entry] : listings_.after(place.directory_key, "", kGapMax))
    if (!entry.is_directory) return name == place.name;
  return false;
}

/// Moves the run on to the place if that lies ahead of it, and not far.
bool ReadingRuns::advance(Run& run, const Place& place) {
  const auto asked = std::find(run.ahead.begin(), run.ahead.end(), place);
  if (asked != run.ahead.end()) {
    const auto left_out = std::min<std::ptrdiff_t>(asked - run.ahead.begin(), 16);
    run.ahead.erase(run.ahead.begin(), asked + 1);
    run.window = std::max<std::size_t>(run.window >> left_out, 1);
    run.last = place;
    ++run.read;
    return true;
  }
  if (run.last.directory_key != place.directory_key) return false;
  std::size_t left_out = 0;
  for (const auto& [name, entry] :
       listings_.after(place.directory_key, run.last.name, 2 * kGapMax)) {
    if (name == place.name) {
      run.read = left_out == 0 ? run.read + 1 : 1;
      if (left_out > 0) run.window = 0;
      run.ahead.clear();
      run.last = run.asked_to = place;
      return true;
    }
    if (!entry.is_directory && ++left_out > kGapMax) return false;
  }
  return false;
}

/// The run that comes to this place; the end of the list when none does.
ReadingRuns::RunPosition ReadingRuns::run_to(const Place& place, pid_t process, SteadyTime now) {
  auto run = runs_.begin();
  while (run != runs_.end() && !(run->last == place) && !advance(*run, place)) ++run;
  if (run == runs_.end() && is_first(place)) {
    run = std::find_if(runs_.begin(), runs_.end(), [&](const Run& one) {
      return one.process == process && one.window > 0 && now - one.when < kAgeMax;
    });
    if (run != runs_.end()) {
      run->ahead.clear();
      run->last = run->asked_to = place;
    }
  }
  if (run == runs_.end()) return run;
  run->process = process;
  run->when = now;
  runs_.splice(runs_.begin(), runs_, run);
  return run;
}

bool ReadingRuns::looked_up(const std::string& directory_key, const std::string& name,
                            pid_t process, SteadyTime now, std::vector<File>& due_now) {
  MutexLock lock(mutex_);
  if (runs_.empty()) return false;
  const auto run = run_to({directory_key, name}, process, now);
  if (run == runs_.end()) return false;
  if (++run->unopened > (run->window > 0 ? kUnopenedMax : 1)) {
    run->window = 0;
    run->read = 0;
    run->ahead.clear();
    return false;
  }
  due_now = due(*run);
  return true;
}

std::vector<ReadingRuns::File> ReadingRuns::opened(const std::string& directory_key,
                                                   const std::string& name, pid_t process,
                                                   SteadyTime now) {
  const Place place{directory_key, name};
  MutexLock lock(mutex_);
  auto run = run_to(place, process, now);
  if (run == runs_.end()) {
    runs_.push_front(
        {.last = place, .process = process, .read = 1, .asked_to = place, .when = now});
    if (runs_.size() > kRunsMax) runs_.pop_back();
    return {};
  }
  run->unopened = 0;
  if (run->window == 0 && run->read >= kShown) run->window = kWindowFirst;
  return due(*run);
}

/// The directory that a reader who goes through the tree comes to next; empty when that is not
/// known.
std::string ReadingRuns::directory_behind(const std::string& directory_key) {
  if (directory_key.size() < 2) return {};
  const auto slash = directory_key.rfind('/', directory_key.size() - 2);
  const std::size_t from = slash == std::string::npos ? 0 : slash + 1;
  const std::string above = directory_key.substr(0, from);
  const std::string name = directory_key.substr(from, directory_key.size() - 1 - from);
  for (const auto& [next, entry] : listings_.after(above, name, kGapMax))
    if (entry.is_directory) return above + next + "/";
  return {};
}

std::vector<ReadingRuns::File> ReadingRuns::due(Run& run) {
  std::vector<File> out;
  // Several at a time, and not one with each file that is opened.
  if (run.window == 0 || run.ahead.size() > run.window - run.window / 4) return out;
  int passed = 0;
  while (run.ahead.size() < run.window) {
    const std::size_t wanted = run.window - run.ahead.size();
    auto next = listings_.after(run.asked_to.directory_key, run.asked_to.name, wanted);
    for (auto& [name, entry] : next) {
      run.asked_to.name = name;
      if (entry.is_directory) continue;
      run.ahead.push_back(run.asked_to);
      out.push_back({run.asked_to.directory_key, std::move(name), std::move(entry)});
    }
    if (next.size() == wanted) continue;
    if (++passed > kDirectoriesPassed) break;
    const std::string behind = directory_behind(run.asked_to.directory_key);
    if (behind.empty() || listings_.after(behind, "", 1).empty()) break;
    run.asked_to = {behind, ""};
  }
  return out;
}

// --- how it went ---

void ReadingRuns::waited(const std::string& directory_key, SteadyTime asked, SteadyTime now) {
  MutexLock lock(mutex_);
  for (Run& run : runs_) {
    if (run.last.directory_key != directory_key) continue;
    // Only what was asked for with this window shows that it is too small.
    if (run.window == 0 || asked < run.grown) return;
    run.window = std::min(2 * run.window, kWindowMax);
    run.grown = now;
    return;
  }
}

void ReadingRuns::came_late(const std::string& directory_key) {
  MutexLock lock(mutex_);
  for (Run& run : runs_) {
    if (run.last.directory_key != directory_key || run.window == 0) continue;
    run.window = std::max<std::size_t>(run.window / 2, 1);
    run.ahead.clear();
    run.asked_to = run.last;
    return;
  }
}

void ReadingRuns::refused(const File& file) {
  const Place place{file.directory_key, file.name};
  MutexLock lock(mutex_);
  for (Run& run : runs_) {
    const auto first = std::find(run.ahead.begin(), run.ahead.end(), place);
    if (first == run.ahead.end()) continue;
    run.ahead.erase(first, run.ahead.end());
    run.asked_to = run.ahead.empty() ? run.last : run.ahead.back();
    return;
  }
}

}  // namespace stsfs::fs
