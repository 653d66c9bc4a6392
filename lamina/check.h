// Errors at the public door, worded once: "[conv_forward] expected w of shape (F, 3, HH, WW) to match x
// (32, 3, 32, 32), got (16, 1, 7, 7)". Nothing is formatted or allocated unless a check fails. A call packs the parts
// of its message into an array, and check.cc alone writes them: some 400 calls would otherwise each compile streams.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina {

std::ostream& operator<<(std::ostream& out, const Shape& shape);

namespace detail {

/// A part of a message: text, a path, a character, a number or a shape. Text and shapes are referred to, not copied.
class Part {
 public:
  Part(std::string_view text) : kind_(Kind::text), text_(text.data()), length_(text.size()) {}
  Part(const char* text) : Part(std::string_view(text)) {}
  Part(const std::string& text) : Part(std::string_view(text)) {}
  /// A std::filesystem::path, whose header is large and stays out of here.
  template <class Path>
  requires requires(const Path& path) {
    { path.native() } -> std::same_as<const std::string&>;
  }
  Part(const Path& path) : Part(std::string_view(path.native())) {}
  Part(char c) : kind_(Kind::character), integer_(c) {}
  template <std::signed_integral T>
  Part(T number) : kind_(Kind::integer), integer_(number) {}
  template <std::unsigned_integral T>
  Part(T number) : kind_(Kind::natural), natural_(number) {}
  template <std::floating_point T>
  Part(T number) : kind_(Kind::real), real_(static_cast<double>(number)) {}
  Part(const Shape& shape) : kind_(Kind::shape), shape_(&shape) {}

 private:
  enum class Kind : std::uint8_t { text, character, integer, natural, real, shape };

  friend std::ostream& operator<<(std::ostream& out, const Part& part);

  Kind kind_;
  union {
    const char* text_;
    std::int64_t integer_;
    std::uint64_t natural_;
    double real_;
    const Shape* shape_;
  };
  std::size_t length_ = 0;
};

std::string written(std::string_view where, std::initializer_list<Part> parts);
[[noreturn, gnu::cold]] void throw_mistake(std::string_view where, std::initializer_list<Part> parts);
[[noreturn, gnu::cold]] void throw_bad_file(std::string_view where, Part path, std::initializer_list<Part> parts);

/// "[where] parts", for exceptions of other types.
template <class... Parts>
std::string message(std::string_view where, const Parts&... parts) {
  return written(where, {parts...});
}

}  // namespace detail

/// A caller's mistake in the call named `where`: throws std::invalid_argument with one line made of the parts,
/// which name what was expected and what was found.
template <class... Parts>
[[noreturn]] void fail(std::string_view where, const Parts&... parts) {
  detail::throw_mistake(where, {parts...});
}

/// A file that cannot be used: throws std::runtime_error with one line "[where] path: parts".
template <class... Parts>
[[noreturn]] void fail_file(std::string_view where, detail::Part path, const Parts&... parts) {
  detail::throw_bad_file(where, path, {parts...});
}

/// Throws unless `got` is `expected`: "[where] expected name of shape (3,) to match what, got (4,)".
void check_shape(std::string_view where, std::string_view name, const Shape& got, const Shape& expected,
                 std::string_view what);

}  // namespace lamina
