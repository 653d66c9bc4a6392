// From flags to the trials of a search: which flags are fixed, which are searched, and what lamina train makes of each
// trial's draws.
#pragma once

#include <string>
#include <vector>

#include "workbench/cli/flags.h"
#include "workbench/search/search.h"

namespace lamina::cli {

/// The ranges of "FLAG=RANGE" texts, added to `ranges`. Throws UsageError for another form or a flag named twice.
void read_search_flags(const std::vector<std::string>& texts, SearchTable& ranges);

/// Ranges sorted by their flags. A name in braces in the text of the net, as in "conv {width} 3x3", counts as a flag,
/// whose value replaces it. Throws UsageError for flags that lamina train does not have or that are not a matter of
/// training, for ranges whose ends the flag does not take, and for a name in braces without a range.
std::vector<Range> make_ranges(const SearchTable& ranges, const std::string& net);

/// The plan's trials, each with what lamina train makes of its flags, but for the data. Throws UsageError that names
/// the first trial whose flags do not fit each other.
std::vector<SearchTrial> make_trials(const SearchPlan& plan);

/// The call of lamina train that trains the same.
std::string train_command(const SearchPlan& plan, const SearchTrial& trial);

}  // namespace lamina::cli
