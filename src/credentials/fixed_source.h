#pragma once

#include <memory>
#include <string>

#include "stsfs/credentials/source.h"

namespace stsfs::credentials {

/// A credential that is what it is. `remedy` is what a person can do when OSS refuses it.
std::unique_ptr<Source> fixed_source(Credential credential, std::string name, std::string remedy);

}  // namespace stsfs::credentials
