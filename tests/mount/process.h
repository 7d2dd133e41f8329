#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace stsfs::mount_tests {

using Variables = std::map<std::string, std::string>;

struct Outcome {
  int code = -1;     ///< The exit code, or 128 + the signal.
  std::string said;  ///< stdout and stderr together.
};

/// Runs a program to its end, killed after `limit`.
Outcome run(const std::vector<std::string>& command, const Variables& variables = {},
            const std::string& input = {}, std::chrono::seconds limit = std::chrono::seconds(60));

/// A server of a test: ended with the object, whatever happens.
class Process {
 public:
  Process(const std::vector<std::string>& command, const std::string& output_file);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// What follows `name=` in its output, waited for; empty when it has ended or 20 s are over.
  std::string value_of(const std::string& name) const;
  pid_t pid() const { return pid_; }
  void kill_now();

 private:
  pid_t pid_ = -1;
  std::string output_file_;
};

/// Waits until `process`, anybody's, has ended (a zombie has).
bool wait_gone(pid_t process, std::chrono::seconds limit);

}  // namespace stsfs::mount_tests
