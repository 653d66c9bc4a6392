# `cmake --install` puts the libraries, their headers, the command, a package for find_package(lamina) with the components
# lamina and datasets, and files for pkg-config. The headers go to include/lamina/lamina and include/lamina/datasets, and
# the package names include/lamina as the folder to search: so "datasets/load.h" is found, and a system's include folder
# gets one new name, lamina, not two.
include(CMakePackageConfigHelpers)
set(LAMINA_INCLUDE_DIR ${CMAKE_INSTALL_INCLUDEDIR}/lamina)
set(LAMINA_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/lamina)

# lamina_install(TARGET COMPONENT FILE_SET...)
function(lamina_install target component)
  foreach(set ${ARGN})
    list(APPEND headers FILE_SET ${set} DESTINATION ${LAMINA_INCLUDE_DIR})
  endforeach()
  install(TARGETS ${target} EXPORT ${component}Targets ${headers})
  install(EXPORT ${component}Targets NAMESPACE lamina:: FILE lamina-${component}.cmake DESTINATION ${LAMINA_PACKAGE_DIR})
endfunction()
lamina_install(lamina lamina HEADERS made)
if(TARGET lamina_datasets)
  lamina_install(lamina_datasets datasets HEADERS)
endif()
if(TARGET lamina_command)
  install(TARGETS lamina_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Shared libraries find each other, and the command finds them, wherever the installed tree is moved to.
foreach(target lamina_datasets lamina_command)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
endforeach()

get_target_property(LAMINA_LIBRARY_TYPE lamina TYPE)
configure_package_config_file(cmake/laminaConfig.cmake.in ${PROJECT_BINARY_DIR}/laminaConfig.cmake
  INSTALL_DESTINATION ${LAMINA_PACKAGE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/laminaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/laminaConfig.cmake ${PROJECT_BINARY_DIR}/laminaConfigVersion.cmake
  DESTINATION ${LAMINA_PACKAGE_DIR})

# lamina_pkg_config(NAME LIBRARY DESCRIPTION USES NEEDS): NAME.pc. It uses the packages USES in its headers; NEEDS are
# called by the library itself, so the link of a program needs them only where the library is static.
function(lamina_pkg_config LAMINA_PC_NAME LAMINA_PC_LIBRARY LAMINA_PC_DESCRIPTION LAMINA_PC_REQUIRES needs)
  if(LAMINA_LIBRARY_TYPE STREQUAL "STATIC_LIBRARY")
    list(APPEND LAMINA_PC_REQUIRES ${needs})
    set(LAMINA_PC_THREADS " ${CMAKE_THREAD_LIBS_INIT}")
  endif()
  list(JOIN LAMINA_PC_REQUIRES " " LAMINA_PC_REQUIRES)
  # From lib/pkgconfig up to the prefix, so that the installed tree can be moved.
  file(RELATIVE_PATH LAMINA_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/package.pc.in ${PROJECT_BINARY_DIR}/${LAMINA_PC_NAME}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${LAMINA_PC_NAME}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
lamina_pkg_config(lamina lamina "${PROJECT_DESCRIPTION}" "" libhwy)
if(TARGET lamina_datasets)
  set(needs "")
  if(LAMINA_DOWNLOAD)
    list(APPEND needs libcurl libcrypto)
  endif()
  if(LAMINA_IMAGES)
    list(APPEND needs spng libjpeg)
  endif()
  if(LAMINA_ARCHIVES)
    list(APPEND needs libarchive zlib)
  endif()
  lamina_pkg_config(lamina-datasets lamina_datasets "Data sets for lamina" lamina "${needs}")
endif()
