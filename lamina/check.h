// Errors at the public door, worded once: "[conv_forward] expected w of shape (F, 3, HH, WW) to match
// x (32, 3, 32, 32), got (16, 1, 7, 7)". Nothing is formatted or allocated unless a check fails.
#pragma once

#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina {

inline std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.to_string(); }

namespace detail {
template <class... Parts>
std::string message(std::string_view where, const Parts&... parts) {
  std::ostringstream text;
  text << '[' << where << "] ";
  (text << ... << parts);
  return text.str();
}
}  // namespace detail

/// A caller's mistake in the call named `where`: throws std::invalid_argument with one line made of the parts,
/// which name what was expected and what was found.
template <class... Parts>
[[noreturn]] void fail(std::string_view where, const Parts&... parts) {
  throw std::invalid_argument(detail::message(where, parts...));
}

/// A file that cannot be used: throws std::runtime_error with one line "[where] path: parts".
template <class... Parts>
[[noreturn]] void fail_file(std::string_view where, const std::filesystem::path& path, const Parts&... parts) {
  throw std::runtime_error(detail::message(where, path.string(), ": ", parts...));
}

/// Throws unless `got` is `expected`: "[where] expected name of shape (3,) to match what, got (4,)".
inline void check_shape(std::string_view where, std::string_view name, const Shape& got, const Shape& expected,
                        std::string_view what) {
  if (!(got == expected)) fail(where, "expected ", name, " of shape ", expected, " to match ", what, ", got ", got);
}

}  // namespace lamina
