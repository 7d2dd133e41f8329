#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::contract {

/// A store to hold to the contract, with everything that it stands on. One per test.
class World {
 public:
  virtual ~World() = default;
  virtual oss::ObjectStore& store() = 0;
  virtual const Clock& clock() = 0;
  /// Where the test may do as it likes; ends in `/`.
  virtual std::string prefix() { return "users/contract/"; }
};

/// A way to make one; the name is part of the test's.
struct WorldKind {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};
inline void PrintTo(const WorldKind& kind, std::ostream* out) { *out << kind.name; }

}  // namespace stsfs::contract
