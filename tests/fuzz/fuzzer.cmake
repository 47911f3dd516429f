# SPDX-License-Identifier: GPL-2.0-or-later
#
# hawser_fuzzer(NAME
#   [SOURCES file...] of the repository, besides NAME_fuzz.cc
#   LIBS lib...       what it is linked with
#   COVERS file...)   of the repository: its corpus reaches 90 % of the lines of each, or as many
#                     percent as FILE=PERCENT says
#
# In the build with clang it makes the program fuzz_NAME. In the tree it adds three tests, all
# under the label `fuzz`:
#   fuzz/NAME                        searches from corpus/NAME for a minute, or for
#                                    HAWSER_FUZZ_SECONDS (environment); a finding fails
#   fuzz/NAME finds a planted bug    with HAWSER_PLANT in the environment, see input.h
#   fuzz/NAME reaches its code       what the corpus alone covers
function(hawser_fuzzer name)
  cmake_parse_arguments(FUZZER "" "" "SOURCES;LIBS;COVERS" ${ARGN})
  if(NOT HAWSER_FUZZERS_ARE_TESTS)
    list(TRANSFORM FUZZER_SOURCES PREPEND ${root}/)
    add_executable(fuzz_${name} ${name}_fuzz.cc ${FUZZER_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE ${FUZZER_LIBS})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
    return()
  endif()

  set(here ${CMAKE_CURRENT_SOURCE_DIR})
  set(program ${CMAKE_CURRENT_BINARY_DIR}/build/fuzz_${name})
  set(corpus ${here}/corpus/${name})
  add_test(NAME fuzz/${name} COMMAND
    ${here}/search ${program} ${corpus} ${CMAKE_CURRENT_BINARY_DIR}/found/${name} 60)
  add_test(NAME "fuzz/${name} finds a planted bug" COMMAND
    ${here}/expect-crash ${program} ${corpus})
  add_test(NAME "fuzz/${name} reaches its code" COMMAND
    ${here}/coverage ${HAWSER_PROFDATA} ${HAWSER_COV} ${program} ${corpus} ${FUZZER_COVERS})
  set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 100000)
  set_tests_properties("fuzz/${name} finds a planted bug" "fuzz/${name} reaches its code"
    PROPERTIES LABELS fuzz TIMEOUT 1200)
endfunction()
