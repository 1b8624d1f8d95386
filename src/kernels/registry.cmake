# Generated lists of weight formats and compute tiles, and how the files of this module's numeric core are compiled:
# without contraction of a*b+c, so that every compiler and optimisation level gives the same bits, and the tail of a row
# the same as its whole vectors.
hearth_generate_registry(kernels formats format Format "kernels/format.h" formats_registry)
hearth_generate_registry(kernels tiles tile Tile "kernels/tiles/tile.h" tiles_registry)
list(APPEND sources ${formats_registry} ${tiles_registry})
set(contraction_off ${sources})
list(FILTER contraction_off INCLUDE REGEX "/kernels/(attention|formats|gemm|ops|search|tiles)/|/kernels/[a-z_]+\\.cpp$")
set_source_files_properties(${contraction_off} PROPERTIES COMPILE_OPTIONS -ffp-contract=off)
