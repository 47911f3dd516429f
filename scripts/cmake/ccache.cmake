# SPDX-License-Identifier: GPL-2.0-or-later
#
# A second build, or one in another clone, takes from ccache's cache what it would make anew.
# For that the objects must not depend on where the clone lies: paths are made relative to it.
find_program(HAWSER_CCACHE ccache)
if(HAWSER_CCACHE)
  get_filename_component(top ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_BASEDIR=${top} CCACHE_NOHASHDIR=true ${HAWSER_CCACHE})
  endforeach()
  add_compile_options(-ffile-prefix-map=${top}=.)
endif()
