#include "support/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace stsfs::testing {
namespace {

/// `/usr/lib/postgresql/15/bin`: Debian keeps each version's programs apart.
std::string find_programs() {
  std::error_code ignored;
  std::string found;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored))
    if (std::filesystem::exists(version.path() / "bin/postgres")) found = version.path() / "bin";
  return found;
}

/// In the child: what is not root's any more, and quiet.
void become_unprivileged(const std::string& log) {
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  const passwd* user = geteuid() == 0 ? getpwnam("postgres") : nullptr;
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
    _exit(126);
}

}  // namespace

bool PostgresServer::run(const std::string& program, const std::string& arguments) const {
  const pid_t child = fork();
  if (child == 0) {
    become_unprivileged(directory_ / "log");
    const std::string command = programs_ + "/" + program + " " + arguments;
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

PostgresServer::PostgresServer() : programs_(find_programs()) {
  if (programs_.empty()) {
    trouble_ = "there is no PostgreSQL on this machine";
    return;
  }
  const passwd* user = geteuid() == 0 ? getpwnam("postgres") : nullptr;
  if (user != nullptr && chown(directory_.path().c_str(), user->pw_uid, user->pw_gid) != 0) return;
  if (!run("initdb",
           "-D " + directory_ / "data" + " -U stsfs -A trust --no-sync --no-instructions") ||
      !start())
    trouble_ = "PostgreSQL did not come up";
  else
    conninfo_ = "host=" + directory_.path() + " dbname=postgres user=stsfs";
}

void PostgresServer::launch() {
  pid_ = fork();
  if (pid_ == 0) {
    setpgid(0, 0);
    become_unprivileged(directory_ / "log");
    const std::string data = directory_ / "data";
    const std::string& sockets = directory_.path();
    execl((programs_ + "/postgres").c_str(), "postgres", "-D", data.c_str(), "-k", sockets.c_str(),
          "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c",
          "max_connections=40", nullptr);
    _exit(127);
  }
}

bool PostgresServer::start() {
  launch();
  for (int i = 0; i < 300; ++i) {
    // It ends at once while a process of the one before still holds the shared memory.
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) launch();
    if (run("pg_isready", "-q -h " + directory_.path())) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

void PostgresServer::kill_now() {
  if (pid_ <= 0) return;
  kill(-pid_, SIGKILL);  // its helpers as well: they would hold the data directory
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

PostgresServer::~PostgresServer() {
  if (pid_ <= 0) return;
  kill(pid_, SIGQUIT);
  waitpid(pid_, nullptr, 0);
}

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

}  // namespace stsfs::testing
