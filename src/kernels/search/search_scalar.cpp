// The searches for any processor: the compiler lowers their eight lanes to what it has.
#define HEARTH_SEARCH_NAME search_scalar
#define HEARTH_SEARCH_ISA scalar
#define HEARTH_SEARCH_FN
#define HEARTH_SEARCH_HALVES 1
#include "kernels/search/compile.h"
