// How --help is laid out: 80 columns, the default behind each description.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace lamina::cli {

std::shared_ptr<CLI::FormatterBase> help_layout();

}  // namespace lamina::cli
