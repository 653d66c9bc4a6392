# lamina_embed(TARGET NAME FILE): the text of FILE becomes the constant lamina::detail::NAME of TARGET, so that a
# program needs no file beside it.
function(lamina_embed target LAMINA_EMBEDDED_NAME LAMINA_EMBEDDED_FILE)
  cmake_path(ABSOLUTE_PATH LAMINA_EMBEDDED_FILE BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE path)
  file(READ ${path} LAMINA_EMBEDDED_TEXT)
  set(source ${PROJECT_BINARY_DIR}/embedded/${LAMINA_EMBEDDED_NAME}.cc)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/embedded.cc.in ${source} @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  target_sources(${target} PRIVATE ${source})
endfunction()
