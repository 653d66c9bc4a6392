// report.html: what a reproduction of the notebooks found, on one page that needs no network and no other file.
#pragma once

#include <filesystem>
#include <string>

#include "notebooks/results.h"

namespace lamina {

/// The page as HTML text; pictures are taken from `directory`, where results.json lies. One that is missing is said.
std::string notebook_page(const ReproduceResults& results, const std::filesystem::path& directory);
/// Writes directory/report.html, atomically. Throws std::runtime_error with one line where that cannot be.
void write_notebook_page(const ReproduceResults& results, const std::filesystem::path& directory);

}  // namespace lamina
