// The journal of a search: what was done before stays when a part is added, and is read again the same.
#include "tests/fuzz/fuzz.h"
#include "workbench/search/search_files.h"

namespace lamina::fuzz {
namespace {

constexpr const char* kDigest = "of the data";

}  // namespace

void read_input(std::string_view bytes) {
  const std::filesystem::path path = file(journal_path(directory()).filename(), bytes);
  const SearchPlan plan = read_plan(directory());
  std::vector<TrialPart> parts;
  {
    SearchJournal journal(path, plan, kDigest);
    parts = journal.parts;
    TrialPart more{1, 0, {}};
    more.state.val_acc = {0.1, 0.5};
    more.state.error = "caf\xc3\xa9 \"\n\xff";
    journal.append(more);
    parts.push_back(std::move(more));
  }
  const SearchJournal again(path, plan, kDigest);
  require(again.parts.size() == parts.size(), "another number of parts after adding one");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const TrialPart &was = parts[i], &is = again.parts[i];
    require(is.trial == was.trial && is.rung == was.rung && is.state.epochs == was.state.epochs &&
                is.state.val_acc == was.state.val_acc && is.state.loss == was.state.loss,
            "another part after adding one");
  }
}

std::vector<std::string> seeds() {
  SearchPlan plan;
  plan.flags = {{"model", "fc"}, {"epochs", "9"}, {"data-dir", "/data"}};
  plan.ranges = {Range("hidden", "choice:8|16,8"), Range("learning-rate", "log-uniform:1e-6:1e8")};
  std::vector<std::string> files;
  for (const Index halving : {3, 1}) {
    plan.halving = halving;
    const std::filesystem::path path = journal_path(directory());
    std::filesystem::remove(path);
    SearchJournal journal(path, plan, kDigest);
    TrialPart part{0, 0, {}};
    part.state.val_acc = {0.25};
    journal.append(part);
    files.push_back(bytes_of(path) + "{\"trial\":2,");
  }
  return files;
}

}  // namespace lamina::fuzz
