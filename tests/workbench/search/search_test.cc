// A search's result depends on its plan alone: not on threads, on the order of ends, or on being interrupted.
#include "workbench/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "lamina/data/synthetic.h"
#include "lamina/io/atomic_file.h"
#include "lamina/solver/model_file.h"
#include "lamina/threads.h"
#include "workbench/runs/run_data.h"
#include "workbench/runs/run_output.h"
#include "workbench/runs/sweep.h"
#include "workbench/search/search_files.h"
#include "workbench/search/search_report.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

class SearchRun : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "lamina-search-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    base_ = name;
  }
  void TearDown() override {
    set_num_threads(before_);
    fs::remove_all(base_);
  }

  // Nine trials over learning rates and hidden sizes, in rungs of 1, 3 and 9 epochs.
  static SearchPlan plan() {
    SearchPlan made;
    made.flags = {{"model", "fc"}, {"epochs", "9"}};
    made.ranges = {Range("hidden", "choice:8|12,6"), Range("learning-rate", "log-uniform:1e-5:1e-1")};
    made.trials = 9;
    return made;
  }

  std::vector<SearchTrial> trials(const SearchPlan& plan) const {
    std::vector<SearchTrial> made;
    for (const Draw& draw : draw_trials(plan.ranges, plan.trials, plan.seed)) {
      SearchTrial trial;
      trial.seed = draw.seed;
      trial.values = draw.values;
      trial.command = "lamina train";
      RunConfig& config = trial.config;
      config.net.model = "fc";
      config.net.input_dim = data_.example_shape();
      config.net.fc.hidden_dims = draw.values[0] == "8" ? std::vector<Index>{8} : std::vector<Index>{12, 6};
      config.net.fc.dropout = 0.9;
      config.solver.optim_config.learning_rate = std::stod(draw.values[1]);
      config.solver.update_rule = UpdateRule::adam;
      config.seed = draw.seed;
      config.solver.num_epochs = 9;
      config.num_train = 60;
      config.solver.batch_size = 20;
      config.data = "synthetic";
      config.data_digest = "1234";
      made.push_back(trial);
    }
    return made;
  }

  SearchResult search(const std::string& name, const SearchPlan& plan, const std::vector<SearchTrial>& made,
                      const SearchWatcher& watcher = {}) {
    return run_search(plan, made, data_, base_ / name, watcher);
  }

  // trials.csv without its seconds.
  std::string table(const SearchPlan& plan, const std::vector<SearchTrial>& made, SearchResult result) const {
    for (TrialState& state : result.states) state.seconds = 0;
    return trials_csv(plan, made, result);
  }

  fs::path base_;
  const Dataset data_ = synthetic_dataset(3, 1100, 10);
  int before_ = num_threads();
};

TEST_F(SearchRun, EachFinishedTrialIsTheTrainingAlone) {
  set_num_threads(2);
  const SearchPlan made = plan();
  const auto all = trials(made);
  const SearchResult result = search("one", made, all);
  ASSERT_TRUE(result.finished);
  std::vector<RunConfig> configs;
  for (const SearchTrial& trial : all) configs.push_back(trial.config);
  const auto alone = run_sweep(configs, data_);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::vector<double>& whole = alone[i].history.val_acc_history;  // the first entry is iteration 1's
    const std::vector<double>& part = result.states[i].val_acc;
    ASSERT_EQ(static_cast<Index>(part.size()), result.states[i].epochs);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 1)) << i;
    if (result.status[i] == TrialStatus::finished) {
      EXPECT_EQ(result.states[i].best_val_acc, alone[i].history.best_val_acc);
      EXPECT_EQ(result.states[i].parameters, alone[i].parameters);
    }
  }
  EXPECT_EQ(std::count(result.status.begin(), result.status.end(), TrialStatus::finished), 1);
  EXPECT_EQ(std::count(result.status.begin(), result.status.end(), TrialStatus::stopped), 8);

  // The best one's run directory.
  const auto best = static_cast<std::size_t>(result.best());
  const RunRecord record = read_history(base_ / "one" / "best" / "history.json");
  EXPECT_EQ(record.history.loss_history, alone[best].history.loss_history);
  EXPECT_EQ(load_model(model_path(base_ / "one" / "best")).info.config.fc.hidden_dims,
            all[best].config.net.fc.hidden_dims);
  EXPECT_FALSE(fs::exists(base_ / "one" / "trials"));
  EXPECT_TRUE(fs::exists(base_ / "one" / "learning-rate.svg"));
}

TEST_F(SearchRun, DoesNotDependOnThreads) {
  const SearchPlan made = plan();
  const auto all = trials(made);
  set_num_threads(1);
  const std::string one = table(made, all, search("t1", made, all));
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    EXPECT_EQ(table(made, all, search("t" + std::to_string(threads), made, all)), one);
  }
}

TEST_F(SearchRun, GoesOnWhereItWasStopped) {
  set_num_threads(2);
  const SearchPlan made = plan();
  const auto all = trials(made);
  const std::string whole = table(made, all, search("whole", made, all));
  SearchResult result;
  Index most = 0;
  int starts = 0;
  for (; !result.finished && starts < 200; ++starts) {
    std::atomic<int> asked{0};
    SearchWatcher watcher;
    watcher.on_start = [&](const SearchResult&, Index done) {
      EXPECT_GE(done, most);
      most = done;
    };
    watcher.should_stop = [&] { return ++asked > 7; };
    result = search("parts", made, all, watcher);
    EXPECT_TRUE(result.finished || fs::exists(base_ / "parts" / "report.html"));
  }
  EXPECT_TRUE(result.finished);
  EXPECT_GT(starts, 5);
  EXPECT_EQ(table(made, all, result), whole);
  // Once more: nothing is trained.
  Index parts = 0;
  SearchWatcher watcher;
  watcher.on_part = [&](Index, const TrialState&) { ++parts; };
  EXPECT_EQ(table(made, all, search("parts", made, all, watcher)), whole);
  EXPECT_EQ(parts, 0);
}

TEST_F(SearchRun, ALineThatWasCutOffIsTrainedAgain) {
  const SearchPlan made = plan();
  const auto all = trials(made);
  const std::string whole = table(made, all, search("cut", made, all));
  const fs::path path = journal_path(base_ / "cut");
  const std::string text = read_file(path);
  for (const std::size_t kept : {text.size() - 1, text.size() - 30, text.find('\n') + 40}) {
    std::ofstream(path, std::ios::binary) << text.substr(0, kept);
    EXPECT_EQ(table(made, all, search("cut", made, all)), whole);
    // What was trained again stands in the journal, line by line.
    const std::string again = read_file(path);
    EXPECT_EQ(std::count(again.begin(), again.end(), '\n'), std::count(text.begin(), text.end(), '\n'));
    EXPECT_EQ(again.find("}{"), std::string::npos);
    Index parts = 0;
    SearchWatcher watcher;
    watcher.on_part = [&](Index, const TrialState&) { ++parts; };
    EXPECT_EQ(table(made, all, search("cut", made, all, watcher)), whole);
    EXPECT_EQ(parts, 0);
  }
}

// Killed after a part's checkpoint and before its line: the part is there already.
TEST_F(SearchRun, APartThatIsInTheCheckpointIsNotTrained) {
  const RunConfig config = trials(plan())[0].config;
  const fs::path checkpoint = base_ / "trial" / "checkpoint";
  Index steps = 0;
  bool stopped = false;
  TrialWatcher watcher;
  watcher.on_iteration = [&](const IterationEvent&) { ++steps; };
  for (const Index until : {1, 1, 3, 9, 9}) {
    const TrialState state = train_trial(config, data_, checkpoint, until, watcher, stopped);
    EXPECT_FALSE(stopped);
    EXPECT_EQ(state.epochs, until);
    EXPECT_EQ(static_cast<Index>(state.val_acc.size()), until);
    EXPECT_EQ(state.ended, until == 9);
    EXPECT_EQ(steps, 3 * until);
  }
}

TEST_F(SearchRun, AFailedTrialIsARowAndTheSearchGoesOn) {
  set_num_threads(2);
  const SearchPlan made = plan();
  auto all = trials(made);
  all[2].config.net.model = "deep";
  all[4].config.solver.optim_config.learning_rate = 1e30;
  all[4].config.solver.update_rule = UpdateRule::sgd;
  const SearchResult result = search("failed", made, all);
  ASSERT_TRUE(result.finished);
  EXPECT_EQ(result.status[2], TrialStatus::failed);
  EXPECT_THAT(result.states[2].error, ::testing::HasSubstr("'deep'"));
  EXPECT_EQ(result.status[4], TrialStatus::failed);
  EXPECT_THAT(result.states[4].error, ::testing::StartsWith("expected a finite loss, got "));
  EXPECT_EQ(std::count(result.status.begin(), result.status.end(), TrialStatus::finished), 1);
  EXPECT_THAT(trials_csv(made, all, result), ::testing::HasSubstr("failed"));
  EXPECT_THAT(search_html(made, all, data_, result, "d"), ::testing::HasSubstr("expected a finite loss"));

  EXPECT_THAT(search_html(made, all, data_, result, "d"), ::testing::HasSubstr("lamina eval d/best --split test"));
  Dataset untested = data_;
  untested.test = {};
  const std::string page = search_html(made, all, untested, result, "d");
  EXPECT_THAT(page, ::testing::HasSubstr("lamina eval d/best --split val"));
  EXPECT_THAT(page, ::testing::Not(::testing::HasSubstr("--split test")));
}

// The survivor of the first rung fails later on: the best of those that were stopped is kept.
TEST_F(SearchRun, TheBestStoppedTrialStandsInForAFailedOne) {
  SearchPlan made = plan();
  made.trials = 3;
  auto all = trials(made);
  for (std::size_t i = 0; i < 3; ++i) {
    all[i].config.net.fc.hidden_dims = {12};
    all[i].config.solver.optim_config.learning_rate = i == 1 ? 1e-3 : 1e-12;
  }
  all[1].config.solver.update_rule = UpdateRule::sgd;
  all[1].config.solver.lr_decay = 1e30;
  const SearchResult result = search("standin", made, all);
  ASSERT_TRUE(result.finished);
  ASSERT_EQ(result.status[1], TrialStatus::failed) << "expected the best after the first epoch to fail in the second";
  ASSERT_GE(result.best(), 0);
  const auto best = static_cast<std::size_t>(result.best());
  EXPECT_EQ(result.status[best], TrialStatus::stopped);
  EXPECT_EQ(read_history(base_ / "standin" / "best" / "history.json").history.best_val_acc,
            result.states[best].best_val_acc);
}

TEST_F(SearchRun, GrowsWhereNothingIsHalved) {
  SearchPlan made = plan();
  made.halving = 1;
  made.trials = 6;
  const auto six = trials(made);
  const std::string whole = table(made, six, search("six", made, six));
  SearchPlan small = made;
  small.trials = 2;
  search("grown", small, trials(small));
  EXPECT_EQ(table(made, six, search("grown", made, six)), whole);
  EXPECT_EQ(read_plan(base_ / "grown").trials, 6);
  EXPECT_EQ(read_history(base_ / "grown" / "best" / "history.json").history.loss_history,
            read_history(base_ / "six" / "best" / "history.json").history.loss_history);
}

TEST_F(SearchRun, AnotherPlanIsRefused) {
  const SearchPlan made = plan();
  const auto all = trials(made);
  search("one", made, all);
  const auto error = [&](const SearchPlan& other, const std::vector<SearchTrial>& its) -> std::string {
    try {
      search("one", other, its);
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return "none";
  };
  SearchPlan other = made;
  other.trials = 12;
  EXPECT_THAT(error(other, trials(other)), ::testing::HasSubstr("was started with --trials 9, not 12"));
  other = made;
  other.flags[1].second = "5";
  EXPECT_THAT(error(other, all), ::testing::HasSubstr("was started with --epochs 9, not 5"));
  other = made;
  other.ranges[1] = Range("learning-rate", "uniform:1:2");
  EXPECT_THAT(error(other, all), ::testing::HasSubstr("--search learning-rate log-uniform:1e-5:1e-1, not uniform:1:2"));
  auto others = all;
  for (SearchTrial& trial : others) trial.config.data_digest = "5678";
  EXPECT_THAT(error(made, others), ::testing::HasSubstr("expected the data that the search started with (1234)"));
}

TEST_F(SearchRun, AJournalThatMakesNoSenseIsOneLine) {
  const fs::path path = journal_path(base_);
  const SearchPlan made = plan();
  const auto error_of = [&](const std::string& journal) -> std::string {
    write_file_atomically(path, journal);
    try {
      read_plan(base_);
      const SearchJournal again(path, made, "1234");
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return "none";
  };
  {
    SearchJournal journal(path, made, "1234");
    journal.append({0, 0, {}});
    journal.append({1, 0, {}});
  }
  const std::string whole = read_file(path);
  ASSERT_EQ(error_of(whole), "none");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const auto& [was, is] :
       std::vector<std::pair<std::string, std::string>>{{"\"trials\":9", "\"trials\":1e300"},
                                                        {"\"trials\":9", "\"trials\":1000000000000"},
                                                        {"\"trials\":9", "\"trials\":-9"},
                                                        {"\"halving\":3", "\"halving\":0"},
                                                        {"\"first_rung\":1", "\"first_rung\":0"},
                                                        {"\"seed\":231", "\"seed\":4294967296"},
                                                        {"\"seed\":231", "\"seed\":\"231\""},
                                                        {"\"model\":\"fc\"", "\"model\":1"},
                                                        {"\"lamina_search\":1", "\"lamina_search\":" + deep},
                                                        {"\"flags\":{", "\"flags\":[],\"more\":{"},
                                                        {"\"search\":{", "\"search\":3,\"more\":{"},
                                                        {"\"data_digest\":\"1234\"", "\"data_digest\":1234"},
                                                        {"\"instruction_set\":\"", "\"instruction_set\":1,\"more\":\""},
                                                        {"\"trial\":1,", "\"trial\":-9223372036854775808,"},
                                                        {"\"trial\":1,", "\"trial\":1.5,"},
                                                        {"\"epochs\":0,", "\"epochs\":1e300,"},
                                                        {"\"parameters\":0,", "\"parameters\":18446744073709551615,"},
                                                        {"\"val_acc\":[]", "\"val_acc\":" + deep}}) {
    std::string changed = whole;
    ASSERT_NE(changed.find(was), std::string::npos) << was;
    changed.replace(changed.find(was), was.size(), is);
    const std::string error = error_of(changed);
    EXPECT_THAT(error, ::testing::StartsWith("[search] " + path.string() + ": ")) << is.substr(0, 60);
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST_F(SearchRun, FiguresHaveTheRangesAxes) {
  const SearchPlan made = plan();
  const auto all = trials(made);
  const SearchResult result = search("figures", made, all);
  const Figure names = range_figure(made, all, result, 0), logs = range_figure(made, all, result, 1);
  EXPECT_THAT(names.x_names, ::testing::ElementsAre("8", "12,6"));
  EXPECT_TRUE(logs.log_x);
  std::size_t points = 0;
  for (const Series& s : logs.series) {
    points += s.x.size();
    for (std::size_t i = 0; i < s.x.size(); ++i)
      EXPECT_EQ(s.x[i], std::stod(all[static_cast<std::size_t>(s.keys[i] - 1)].values[1]));
  }
  EXPECT_EQ(points, 9U);
  const std::string svg = to_svg(logs);
  EXPECT_THAT(svg, ::testing::HasSubstr(">0.001<"));
  EXPECT_THAT(to_svg(names), ::testing::HasSubstr(">12,6<"));
}

}  // namespace
}  // namespace lamina
