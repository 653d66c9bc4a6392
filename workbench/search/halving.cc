#include "workbench/search/halving.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/check.h"

namespace lamina {

std::vector<Rung> halving_rungs(Index trials, Index epochs, Index factor, Index first_epochs) {
  if (trials < 1 || epochs < 1 || factor < 1 || first_epochs < 1)
    fail("halving_rungs", "expected 1 or more of trials, epochs, factor and first epochs, got ", trials, ", ", epochs,
         ", ", factor, " and ", first_epochs);
  std::vector<Rung> rungs = {{epochs, trials}};
  if (factor > 1)
    while (rungs.back().epochs / factor >= first_epochs) rungs.push_back({rungs.back().epochs / factor, trials});
  std::reverse(rungs.begin(), rungs.end());
  for (std::size_t k = 1; k < rungs.size(); ++k) rungs[k].members = (rungs[k - 1].members + factor - 1) / factor;
  return rungs;
}

std::vector<Index> best_of(const std::vector<double>& scores, Index count) {
  std::vector<Index> places(scores.size());
  std::iota(places.begin(), places.end(), Index{0});
  const auto score = [&](Index i) { return scores[static_cast<std::size_t>(i)]; };
  std::erase_if(places, [&](Index i) { return std::isnan(score(i)); });
  std::stable_sort(places.begin(), places.end(), [&](Index a, Index b) { return score(a) > score(b); });
  places.resize(std::min(places.size(), static_cast<std::size_t>(std::max<Index>(0, count))));
  std::sort(places.begin(), places.end());
  return places;
}

}  // namespace lamina
