#pragma once

#include <openssl/evp.h>

#include "stsfs/base/handle.h"

namespace stsfs::sign {

using EvpDigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;

}  // namespace stsfs::sign
