#include "readiness.h"

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "exit_codes.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

/// Runs `child` as the daemon; what the parent would exit with. In a process of its own, because
/// both sides of the fork go on from here.
std::pair<int, std::string> parent_of(const std::function<void(Readiness&)>& child) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    Readiness readiness;
    auto parent = go_into_background(readiness);
    if (!parent) _exit(99);
    if (*parent) _exit(**parent);
    child(readiness);
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof(buffer))) > 0;)
    said.append(buffer, size);
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, said};
}

TEST(Readiness, TheParentEndsWellWhenTheDaemonIsReady) {
  const auto [code, said] = parent_of([](Readiness& readiness) {
    if (!readiness.ready()) _exit(1);
  });
  EXPECT_EQ(code, kExitOk);
  EXPECT_EQ(said, "");
}

TEST(Readiness, TheParentSaysWhyNot) {
  const auto [code, said] = parent_of([](Readiness& readiness) {
    readiness.failed({Errc::kCredential, "no credential: log in\nagain", {}});
  });
  EXPECT_EQ(code, kExitFailed);
  EXPECT_EQ(said, "stsfs: no credential: log in again\n");
}

TEST(Readiness, ADaemonThatDiesIsNoticed) {
  const auto [code, said] = parent_of([](Readiness&) { _exit(7); });
  EXPECT_EQ(code, kExitInternal);
  EXPECT_NE(said.find("exit code 7"), std::string::npos) << said;
}

TEST(Readiness, OnceReadyTheTerminalIsLetGo) {
  const auto [code, said] = parent_of([](Readiness& readiness) {
    (void)readiness.ready();
    (void)!write(STDERR_FILENO, "noise", 5);
  });
  EXPECT_EQ(code, kExitOk);
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace stsfs::daemon
