#pragma once

#include <sys/types.h>

#include <string>

#include "support/temporary_directory.h"

namespace stsfs::testing {

/// A PostgreSQL of the test's own: Debian's programs, a data directory and a Unix socket in a
/// temporary directory, no network. It refuses to run as root, so that root starts it as
/// `postgres`.
class PostgresServer {
 public:
  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// Empty, with the reason, when there is none on this machine or it does not come up.
  const std::string& conninfo() const { return conninfo_; }
  const std::string& trouble() const { return trouble_; }

  /// As a crash of the machine would.
  void kill_now();
  bool start();

 private:
  void launch();
  bool run(const std::string& program, const std::string& arguments) const;

  TemporaryDirectory directory_;
  std::string programs_;
  std::string conninfo_;
  std::string trouble_;
  pid_t pid_ = -1;
};

/// One for all tests of the program, made when it is first asked for: it takes a second to come up.
PostgresServer& shared_postgres();

}  // namespace stsfs::testing
