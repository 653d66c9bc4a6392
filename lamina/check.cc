#include "lamina/check.h"

#include <sstream>
#include <stdexcept>

namespace lamina {

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.to_string(); }

namespace detail {

std::ostream& operator<<(std::ostream& out, const Part& part) {
  switch (part.kind_) {
    case Part::Kind::text:
      return out << std::string_view(part.text_, part.length_);
    case Part::Kind::character:
      return out << static_cast<char>(part.integer_);
    case Part::Kind::integer:
      return out << part.integer_;
    case Part::Kind::natural:
      return out << part.natural_;
    case Part::Kind::real:
      return out << part.real_;
    case Part::Kind::shape:
      return out << *part.shape_;
  }
  return out;
}

std::string written(std::string_view where, std::initializer_list<Part> parts) {
  std::ostringstream text;
  text << '[' << where << "] ";
  for (const Part& part : parts) text << part;
  std::string line = text.str();
  // The parts may quote a file's bytes. Control characters become spaces, so that a message is one line and cannot send
  // commands to a terminal.
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  return line;
}

void throw_mistake(std::string_view where, std::initializer_list<Part> parts) {
  throw std::invalid_argument(written(where, parts));
}

void throw_bad_file(std::string_view where, Part path, std::initializer_list<Part> parts) {
  std::ostringstream text;
  text << path << ": ";
  for (const Part& part : parts) text << part;
  throw std::runtime_error(written(where, {text.str()}));
}

}  // namespace detail

void check_shape(std::string_view where, std::string_view name, const Shape& got, const Shape& expected,
                 std::string_view what) {
  if (!(got == expected)) fail(where, "expected ", name, " of shape ", expected, " to match ", what, ", got ", got);
}

}  // namespace lamina
