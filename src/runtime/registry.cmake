# Samplers are the files of the folder.
hearth_generate_registry(runtime samplers sampler SamplerRow "runtime/sampler.h" generated)
list(APPEND sources ${generated})
