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

#include "lamina/nets/net_config.h"

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
/// Accepts finite numbers for which `fits` holds; `wanted` words it: "a number above 0".
CLI::Validator number(const std::string& wanted, std::function<bool(double)> fits);
CLI::Validator positive_number();
CLI::Validator number_from_zero();
/// Accepts one of the given words.
CLI::Validator one_of(std::vector<std::string> words);

/// A flag of an image's height and width: "48" or "48x64".
CLI::Option* add_image_size(CLI::App& app, Index& height, Index& width);
/// --split-seed, which says where images in folders go.
CLI::Option* add_split_seed(CLI::App& app, std::uint32_t& seed);

/// --net, or --model and the flags that describe one of the course's nets.
class ModelFlags {
 public:
  void add_to(CLI::App& app);
  /// The net that the flags describe; input and classes are the caller's to fill in. Throws UsageError where a
  /// flag does not belong to the model or two do not fit each other.
  NetConfig net_config() const;

 private:
  NetConfig net_of_text() const;

  struct Belongs {
    CLI::Option* option;
    std::vector<std::string> models;  // empty: all
  };
  NetConfig net_;
  std::string normalization_ = "none", init_ = "normal";
  std::vector<Index> strides_ = {1};
  bool no_batch_norm_ = false;
  std::vector<Belongs> flags_;
  CLI::Option *net_text_ = nullptr, *model_ = nullptr, *init_option_ = nullptr, *scale_option_ = nullptr;
  CLI::Option *hidden_ = nullptr, *num_filters_ = nullptr, *filter_sizes_ = nullptr;
};

/// Throws UsageError where one of the flags that are for images in folders alone is given with other data.
void check_folder_flags(const CLI::App& app, const std::string& data);

/// --precision, and what it says; throws UsageError where it does not go with --dtype.
CLI::Option* add_precision(CLI::App& app, std::string& precision);
Precision precision_of(const std::string& precision, const std::string& dtype);

/// --data-dir and --threads.
void add_data_dir(CLI::App& app, std::filesystem::path& data_dir);
void add_threads(CLI::App& app, int& threads);

/// Gives `app` the options of a TOML file whose keys are its long flags, where the command line has not set them.
/// Throws UsageError that names file and key for unknown keys (with the nearest known ones) and values that do
/// not fit. The table [search], flags and their ranges, goes to `search`; null: it does not belong there.
using SearchTable = std::map<std::string, std::string>;
void read_config_file(CLI::App& app, const std::filesystem::path& path, SearchTable* search = nullptr);

/// The words of `known` nearest to `word`, at most `count`, the nearest first.
std::vector<std::string> nearest(const std::string& word, const std::vector<std::string>& known, std::size_t count);

/// Makes the options of `app` and its commands refuse what CLI11 lets pass: an empty text, as of a variable that is not
/// set, and a value after a flag that takes none.
void check_values(CLI::App& app);

/// The text with a space for each control character.
std::string on_one_line(std::string text);

/// An error's text without the name of the library's function before it: "[conv_forward] ...".
std::string without_tag(const std::string& text);

/// What of a CLI11 error fits into one line.
std::string one_line(const CLI::App& app, const CLI::ParseError& error);

}  // namespace lamina::cli
