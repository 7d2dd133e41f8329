#include "caller_signals.h"

#include <fmt/core.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

namespace stsfs::fuse {
namespace {

using Set = unsigned long long;

constexpr Set bit(int signal) { return Set{1} << (signal - 1); }

struct Signals {
  Set pending = 0, pending_for_process = 0, blocked = 0, ignored = 0, handled = 0;
  unsigned flags = 0x400000;
};

// As the kernel writes them, with a name that tries to look like something else.
bool ends(const Signals& signals) {
  const std::string status = fmt::format(
      "Name:\ta SigPnd:\t0000000000000100\nState:\tS (sleeping)\nThreads:\t1\nSigQ:\t0/95946\n"
      "SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n"
      "CapInh:\t0000000000000000\n",
      signals.pending, signals.pending_for_process, signals.blocked, signals.ignored,
      signals.handled);
  const std::string stat =
      fmt::format("12 (a) 1 2 3 4 5 6 7) S 1 2 3 0 -1 {} 95 0 0 0\n", signals.flags);
  return asks_to_end(status, stat);
}

TEST(CallerSignals, WhatEndsTheProcessEndsTheWait) {
  EXPECT_TRUE(ends({.pending = bit(SIGKILL)}));
  EXPECT_TRUE(ends({.pending_for_process = bit(SIGTERM)}));
  EXPECT_TRUE(ends({.pending = bit(SIGALRM)}));
  EXPECT_TRUE(ends({.pending = bit(SIGRTMIN + 3)}));
  EXPECT_TRUE(ends({.flags = 0x400044}));  // already exiting
}

TEST(CallerSignals, WhatItHandlesOrNeverSeesDoesNot) {
  EXPECT_FALSE(ends({}));
  EXPECT_FALSE(ends({.pending = bit(SIGALRM), .handled = bit(SIGALRM)}));
  EXPECT_FALSE(ends({.pending_for_process = bit(SIGTERM), .handled = bit(SIGTERM)}));
  EXPECT_FALSE(ends({.pending = bit(SIGTERM), .blocked = bit(SIGTERM)}));
  EXPECT_FALSE(ends({.pending_for_process = bit(SIGHUP), .ignored = bit(SIGHUP)}));
  for (const int harmless : {SIGCHLD, SIGWINCH, SIGURG, SIGCONT, SIGTSTP})
    EXPECT_FALSE(ends({.pending_for_process = bit(harmless)})) << harmless;
}

TEST(CallerSignals, APersonAtTheKeyboardIsHeard) {
  EXPECT_TRUE(ends({.pending_for_process = bit(SIGINT), .handled = bit(SIGINT)}));
  EXPECT_TRUE(ends({.pending = bit(SIGQUIT), .handled = bit(SIGQUIT) | bit(SIGALRM)}));
  EXPECT_FALSE(ends({.pending = bit(SIGALRM), .handled = bit(SIGINT) | bit(SIGALRM)}));
}

TEST(CallerSignals, WhatCannotBeReadIsNoReason) {
  EXPECT_FALSE(asks_to_end("", ""));
  EXPECT_FALSE(asks_to_end("SigPnd:", "1 (x"));
  EXPECT_FALSE(asks_to_end("SigPnd:\tnumber\nShdPnd:\t", "1 (x) S"));
  EXPECT_FALSE(asks_to_end(0));
  EXPECT_FALSE(asks_to_end(getpid()));
}

}  // namespace
}  // namespace stsfs::fuse
