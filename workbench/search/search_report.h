// The pages of a search: report.html and a figure of the score against each searched flag.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "workbench/pages/figures.h"
#include "workbench/search/search.h"

namespace lamina {

/// Best score on validation against the values of the plan's `range`-th flag. The axis is logarithmic if the range is,
/// and has names if it is a choice. Trials that failed or have not begun are left out.
Figure range_figure(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result,
                    std::size_t range);

/// The score on validation against epoch, one line per trial.
Figure learning_figure(Score score, const SearchResult& result);

/// The page as HTML text. `directory` is used in its suggested commands.
std::string search_html(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
                        const SearchResult& result, const std::string& directory);

/// Writes report.html and FLAG.svg for each searched flag.
void write_search_pages(const std::filesystem::path& directory, const SearchPlan& plan,
                        const std::vector<SearchTrial>& trials, const Dataset& data, const SearchResult& result);

}  // namespace lamina
