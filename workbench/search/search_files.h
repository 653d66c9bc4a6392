// The files of a search: its journal and its table.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "workbench/search/search.h"

namespace lamina {

/// A part of a trial: its training up to a rung.
struct TrialPart {
  Index trial;  ///< 0 for the first
  Index rung;
  TrialState state;
  std::string net = {};  ///< the text of the trial's net, if it was given as text
};

/// search.jsonl: a line of JSON for the plan, then one for each part of a trial, in the order in which they end.
class SearchJournal {
 public:
  /// Begins a journal if there is none. Otherwise reads it: `parts` are those done before, and an incomplete last line
  /// is removed. Throws std::runtime_error with one line if the plan or the data were others.
  SearchJournal(const std::filesystem::path& path, const SearchPlan& plan, const std::string& data_digest);
  SearchJournal(const SearchJournal&) = delete;
  SearchJournal& operator=(const SearchJournal&) = delete;
  ~SearchJournal();

  std::vector<TrialPart> parts;
  std::string instruction_set;  ///< of the process that began it

  /// Adds a line, which is on the disk when the call returns.
  void append(const TrialPart& part);

 private:
  void begin(const SearchPlan& plan, const std::string& data_digest);
  void read(const SearchPlan& plan, const std::string& data_digest);
  std::filesystem::path path_;
  int file_ = -1;
};

std::filesystem::path journal_path(const std::filesystem::path& directory);

/// trials.csv as text: trial (1 for the first), seed, the searched flags, status, epochs, best_val_acc, train_acc,
/// loss, parameters, seconds, error. Texts with commas are quoted (RFC 4180).
std::string trials_csv(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result);

}  // namespace lamina
