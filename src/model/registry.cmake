# The table of architectures is generated from the files of arch/.
hearth_generate_registry(model arch arch ArchSpec model/spec.h arch_registry_source)
list(APPEND sources ${arch_registry_source})
