// report.html: a run on one page that needs no network and no other file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/solver/diagnostics.h"
#include "workbench/pages/figures.h"
#include "workbench/pages/run_files.h"

namespace lamina {

struct ReportInput {
  std::string title;                 ///< "ConvNet on CIFAR-10"
  std::string data_name;             ///< "CIFAR-10"
  Shape example = {};                ///< the shape of an example; empty: unknown
  Index num_train = 0, num_val = 0;  ///< examples
  bool has_test = true;              ///< whether the data have test examples
  Index num_epochs = 0;              ///< the number that was requested; 0: unknown
  std::optional<Index> patience;     ///< so many checks without a better accuracy ended the run early
  RunRecord record;
  /// The iteration that ended the run because its loss was NaN or infinite; the record ends before it.
  std::optional<Index> not_finite;
  Diagnostics diagnostics;  ///< `every` is 0 if the run did not measure its net
  std::optional<NetSummary> net;
  std::optional<double> test_acc;   ///< or the test score, if that is not the accuracy
  Index batch_size = 0, slots = 1;  ///< for the memory of a step; a batch_size of 0: unknown
  std::vector<Figure> predictions;  ///< on validation; none where nothing is shown of them
  std::string confusion;            ///< confusion_table() of the validation examples; empty: none
  Tensor<std::uint8_t> filters;     ///< picture (H, W, 3) of the first layer's filters; empty: none
  std::string run_directory;        ///< as in the suggested commands
  std::string started;              ///< "2026-01-31 14:05"; empty: unknown
};

/// The page as HTML text.
std::string report_html(const ReportInput& input);
/// Writes it to `path`, atomically.
void write_report(const std::filesystem::path& path, const ReportInput& input);

}  // namespace lamina
