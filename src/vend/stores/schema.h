#pragma once

#include "sql.h"

namespace stsfs::vend {

/// Makes the tables, or brings those of an older version up to date. Several processes may try at
/// once.
Result<void> prepare_schema(SqlDatabase& database);

}  // namespace stsfs::vend
