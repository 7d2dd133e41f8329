# Presets that build everything at once (release, asan, tsan) compile several files of a target as one (unity build): most of
# a compiler's time goes into headers, which are read once for all of them. So a name in a file's unnamed namespace is
# taken for its whole layer, or the file is named in ALONE. The presets dev and clang compile every file by itself: they
# are quicker after a change of one file, and find a file that forgot an include.
#
# stsfs_layer(name USES layers… LIBS libraries… PUBLIC_LIBS libraries… [ROOMS "room rooms-it-uses…"…] SOURCES files…
#             [ALONE files…])
#
# A static library of src/<name>/SOURCES. Only include/stsfs/<name> is exported, through a directory of its own
# under the build tree, so that an include of a layer that USES does not name is "No such file". USES is
# private: what a layer's own headers include from lower layers, its users name as well. Libraries are private
# too (no library's header stands in include/), but for the few that PUBLIC_LIBS names (tl::expected, fmt).
#
# A layer with ROOMS keeps its sources in folders, lowest first. They are one library, and its users see no rooms; a file
# includes only what lies in its own room, in those that its room names, and in src/<name> itself, which knows no
# room. tests/layering/check_includes.py reads this.
function(stsfs_layer name)
  cmake_parse_arguments(arg "" "" "USES;LIBS;PUBLIC_LIBS;ROOMS;SOURCES;ALONE" ${ARGN})
  list(TRANSFORM arg_USES PREPEND stsfs_)
  list(TRANSFORM arg_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/src/${name}/)
  list(TRANSFORM arg_ALONE PREPEND ${PROJECT_SOURCE_DIR}/src/${name}/)
  set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  add_library(stsfs_${name} STATIC ${arg_SOURCES} ${arg_ALONE})
  set(root ${CMAKE_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${root}/stsfs)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include/stsfs/${name} ${root}/stsfs/${name} SYMBOLIC)
  target_include_directories(stsfs_${name} PUBLIC ${root} PRIVATE ${PROJECT_SOURCE_DIR}/src/${name})
  target_link_libraries(stsfs_${name} PUBLIC ${arg_PUBLIC_LIBS} PRIVATE ${arg_USES} ${arg_LIBS})
endfunction()

# stsfs_program(name USES layers… LIBS libraries… SOURCES files…): an executable of src/SOURCES.
function(stsfs_program name)
  cmake_parse_arguments(arg "" "" "USES;LIBS;SOURCES" ${ARGN})
  list(TRANSFORM arg_USES PREPEND stsfs_)
  list(TRANSFORM arg_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/src/)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_USES} ${arg_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# stsfs_leaves_no_secrets(program): what it frees is wiped, and symbols are bound at the start: binding one at its first call
# saves the vector registers, with what was copied last, on the stack. The sanitizers have a free() of their own.
function(stsfs_leaves_no_secrets name)
  if(NOT CMAKE_CXX_FLAGS_DEBUG MATCHES -fsanitize)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src/base/wiping_free.cc)
  endif()
  target_link_options(${name} PRIVATE -Wl,-z,relro,-z,now)
endfunction()
