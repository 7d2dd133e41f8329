#include "stsfs/daemon/program.h"

int main(int argc, char** argv) { return stsfs::daemon::run_program(argc, argv); }
