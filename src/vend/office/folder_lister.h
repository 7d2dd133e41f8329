#pragma once

#include <functional>
#include <string>

#include "config/folder_config.h"
#include "stores/usage_store.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/http/engine.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::vend {

/// The same folder with a session that lists it and does nothing else; from here, wherever the
/// person may be.
FolderConfig listing_only(const FolderConfig& folder);

/// Lists one folder to its end.
///
/// Threads:  one, that may wait.
/// Lifetime: all that it is given outlives it.
class FolderLister {
 public:
  using MakeSession = std::function<Result<sts::Session>()>;

  FolderLister(const FolderConfig& folder, const std::string& prefix, http::Engine& engine,
               const Clock& clock, Interrupt& interrupt)
      : folder_(folder), prefix_(prefix), engine_(engine), clock_(clock), interrupt_(interrupt) {}

  /// The sizes of all objects; of a versioned bucket the present versions only. A session that has
  /// lived half of its life is followed by the next, so that a folder may be as large as it likes.
  ///
  /// Errors: those of `make` and of a listing; kTooLarge past 100,000,000 objects.
  Result<Usage> count(const MakeSession& make);

 private:
  /// Some pages, until all are seen or the session is half over. False: there are more.
  Result<bool> count_some(sts::Session session, std::string& token, Usage& usage);

  const FolderConfig& folder_;
  const std::string& prefix_;
  http::Engine& engine_;
  const Clock& clock_;
  Interrupt& interrupt_;
  int pages_ = 0;
};

}  // namespace stsfs::vend
