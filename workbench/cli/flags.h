// Flags that several commands share, and the checks of their values.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "lamina/nearest.h"
#include "lamina/options.h"
#include "lamina/tensor.h"

namespace lamina::cli {

/// A call that does not make sense: one line on stderr, exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What main runs once the command line is read: the exit code.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};

/// Accepts whole numbers of least .. most; the error line says so.
CLI::Validator whole_number(Index least, Index most = std::numeric_limits<std::int32_t>::max());
/// Accepts one of the given words.
CLI::Validator one_of(std::vector<std::string> words);

/// --data-dir and --threads.
void add_data_dir(CLI::App& app, std::filesystem::path& data_dir);
void add_threads(CLI::App& app, int& threads);

/// Gives `app` the options of a TOML file whose keys are its long flags, where the command line has not set them.
/// Throws UsageError that names file and key for unknown keys (with the nearest known ones) and values that do
/// not fit. The table [search], flags and their ranges, goes to `search`; null: it does not belong there.
using SearchTable = std::map<std::string, std::string>;
void read_config_file(CLI::App& app, const std::filesystem::path& path, SearchTable* search = nullptr);

/// Makes the options of `app` and its commands refuse what CLI11 lets pass: an empty text, as of a variable that is not
/// set, and a value after a flag that takes none.
void check_values(CLI::App& app);

/// runs/NAME-DATE-TIME, with a number behind it where that is taken.
std::filesystem::path default_directory(const std::string& name);
/// A word as a shell takes it: in quotes where it would otherwise be split or expanded.
std::string shown(const std::filesystem::path& path);

/// Writes a line to standard error. A standard error that is closed or full is no reason to fail.
void tell(const std::string& line);

/// The text with a space for each control character and each mark that turns the direction of a text (U+202E, ...), and
/// U+FFFD for each byte that is not UTF-8: one line that cannot send commands to a terminal.
std::string on_one_line(const std::string& text);

/// "wine.csv: 142 train, 18 val and 18 test rows of 13 numbers"; "images of (3, 32, 32)" where examples are images.
std::string splits_line(const std::string& name, Index train, Index val, Index test, const Shape& example);

/// "3 classes: ant, bee, cat" or, where there are no classes, "2 targets: height, width"; of many the first ones and
/// the last, in one line of about 100 characters.
std::string outputs_line(const std::vector<std::string>& classes, const std::vector<std::string>& targets);

/// An error's text without the name of the library's function before it: "[conv_forward] ...".
std::string without_tag(const std::string& text);

/// "unknown flag '--epoch'; did you mean --epochs?", of a word that `app` does not know: a flag or one of its commands.
std::string unknown_word(const CLI::App& app, const std::string& word);

/// An error's line with flags as they were `typed`: --lr instead of --learning-rate, say.
std::string in_typed_names(const CLI::App& app, const std::vector<std::string>& typed, std::string line);

/// What of a CLI11 error fits into one line.
std::string one_line(const CLI::App& app, const CLI::ParseError& error);

}  // namespace lamina::cli
