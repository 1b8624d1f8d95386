# The verb table is the folder of verbs.
hearth_generate_registry(cli verbs verb Verb "cli/verb.h" generated)
list(APPEND sources ${generated})
