// The message of an error that a test provokes.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace lamina {

/// What call() throws, which is to be an Error of one line; "no error" if it throws none.
template <class Error = std::invalid_argument, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "no error";
}

}  // namespace lamina
