#include "stsfs/oss/object_store.h"

int layering_probe() { return stsfs::oss::kPartsMax; }
