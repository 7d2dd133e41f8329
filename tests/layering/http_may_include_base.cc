#include "stsfs/base/result.h"

stsfs::Result<int> layering_probe() { return 1; }
