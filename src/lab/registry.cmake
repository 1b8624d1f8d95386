# Tests of this module use the runtime's random models and its interpreter in double.
list(APPEND tests ${CMAKE_SOURCE_DIR}/src/runtime/test_model_test.cpp)
