// The pages of a search: report.html and a figure of accuracy against each searched flag.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "workbench/pages/figures.h"
#include "workbench/search/search.h"

namespace lamina {

/// Best validation accuracy against the values of the plan's `range`-th flag: a logarithmic axis where the range is
/// logarithmic, names where it is a choice. Trials that failed or did not begin are left out.
Figure range_figure(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result,
                    std::size_t range);

/// Validation accuracy against epoch, a line a trial.
Figure learning_figure(const SearchResult& result);

/// The page as HTML text. `directory` is named in its commands.
std::string search_html(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
                        const SearchResult& result, const std::string& directory);

/// Writes report.html and FLAG.svg for each searched flag.
void write_search_pages(const std::filesystem::path& directory, const SearchPlan& plan,
                        const std::vector<SearchTrial>& trials, const Dataset& data, const SearchResult& result);

}  // namespace lamina
