#pragma once

#include <string>
#include <vector>

#include "mount_state.h"
#include "pending/fresh_links.h"
#include "pending/name_gate.h"
#include "tree/tree.h"

namespace stsfs::fs {

/// Waits until OSS has names that only this mount and its journal know (FreshLinks), and goes into
/// the NameGate when it does.
///
/// Threads:  every call at once on any thread; all wait, and none with a pass of the gate: no other
///           may wait for that meanwhile.
/// Lifetime: what it is made of outlives it.
/// Errors:   of what makes the names in OSS; kInterrupted.
class LinkGate {
 public:
  LinkGate(FreshLinks& links, NameGate& gate, const MountState& state, const Clock& clock)
      : links_(links), gate_(gate), state_(state), clock_(clock) {}

  /// Of a file whose second name OSS does not have: whoever wants more than to take one of the two
  /// away has it made first.
  Result<void> settle_links_of(const Context& context, const InodePointer& inode);
  /// One that an earlier daemon left is not in the tree: it is made before anybody is told of its
  /// names. While that fails the new name cannot be used; everything else can. May be called with a
  /// pass. `key` is a file's, or a directory's for all below it.
  ///
  /// Errors: kWouldWait as well.
  Result<void> settle_links_left_at(const Context& context, const std::string& key);

  /// In the gate when OSS has all names of these files.
  Result<NameGate::Pass> enter_with_all_names(const Context& context,
                                              const std::vector<InodePointer>& files);
  /// Alone in the gate when OSS has all names of files that are below one of two directories.
  Result<NameGate::Pass> enter_without_fresh_links(const Context& context, const std::string& one,
                                                   const std::string& other);

 private:
  FreshLinks& links_;
  NameGate& gate_;
  const MountState& state_;
  const Clock& clock_;
};

}  // namespace stsfs::fs
