#include "workbench/pages/run_files.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "tests/io/io_checks.h"

namespace lamina {
namespace {

using testing_io::error_of;
using testing_io::expect_clear;

class RunFiles : public testing_io::InDirectory {};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

RunRecord five_iterations() {
  RunRecord record;
  record.history.loss_history = {2.5, 0.1, 1.0 / 3, 4, 1e-300};
  record.history.train_acc_history = {0.125, 0.5, 0.75};
  record.history.val_acc_history = {0.25, 0.5, 1};
  record.history.best_val_acc = 1;
  record.config = R"({"model":"fc","hidden":[100,100]})";
  record.seconds = 1.5;
  record.images_per_second = 2000;
  record.iterations_per_epoch = 2;
  return record;
}

TEST_F(RunFiles, ChecksFallOnTheFirstIterationAndEachEpochsLast) {
  EXPECT_EQ(default_check_iterations(6, 2), (std::vector<Index>{1, 2, 4, 6}));
  EXPECT_EQ(default_check_iterations(5, 2), (std::vector<Index>{1, 2, 4}));
  EXPECT_EQ(default_check_iterations(3, 1), (std::vector<Index>{1, 2, 3}));
  EXPECT_EQ(default_check_iterations(1, 9), (std::vector<Index>{1}));
  EXPECT_EQ(default_check_iterations(0, 9), (std::vector<Index>{}));
}

TEST_F(RunFiles, MetricsHaveARowAnIteration) {
  EXPECT_EQ(metrics_csv(five_iterations()),
            "iteration,epoch,loss,train_acc,val_acc\n"
            "1,0,2.5,0.125,0.25\n"
            "2,1,0.1,0.5,0.5\n"
            "3,1,0.3333333333333333,,\n"
            "4,2,4,0.75,1\n"
            "5,2,1e-300,,\n");
  RunRecord record = five_iterations();
  record.check_iterations = {1, 3, 5};
  EXPECT_NE(metrics_csv(record).find("\n2,1,0.1,,\n3,1,0.3333333333333333,0.5,0.5\n"), std::string::npos);
}

TEST_F(RunFiles, HistoryReadsBackByTheBit) {
  const RunRecord record = five_iterations();
  write_run_files(dir_, record);
  const RunRecord got = read_history(dir_ / "history.json");
  EXPECT_EQ(got.history.loss_history, record.history.loss_history);
  EXPECT_EQ(got.history.train_acc_history, record.history.train_acc_history);
  EXPECT_EQ(got.history.val_acc_history, record.history.val_acc_history);
  EXPECT_EQ(got.history.best_val_acc, 1);
  EXPECT_EQ(got.seconds, 1.5);
  EXPECT_EQ(got.images_per_second, 2000);
  EXPECT_EQ(got.iterations_per_epoch, 2);
  EXPECT_EQ(got.check_iterations, (std::vector<Index>{1, 2, 4}));
  EXPECT_EQ(got.config, record.config);
  EXPECT_EQ(history_json(got), history_json(record));
}

TEST_F(RunFiles, HistoryNamesTheScore) {
  RunRecord record = five_iterations();
  for (const Score score : {Score::accuracy, Score::f1, Score::r2}) {
    record.score = score;
    write_run_files(dir_, record);
    EXPECT_EQ(read_history(dir_ / "history.json").score, score);
  }
  std::string text = history_json(record);
  const std::string line = ",\n  \"score\": \"R^2\"";
  ASSERT_NE(text.find(line), std::string::npos) << text;
  text.erase(text.find(line), line.size());
  std::ofstream(dir_ / "history.json") << text;
  EXPECT_EQ(read_history(dir_ / "history.json").score, Score::accuracy) << "of an earlier version";
  text.replace(text.find("{"), 1, "{\"score\": 3,");
  std::ofstream(dir_ / "history.json") << text;
  EXPECT_THROW(read_history(dir_ / "history.json"), std::runtime_error);
}

TEST_F(RunFiles, PythonReadsThem) {
  write_run_files(dir_, five_iterations());
  EXPECT_TRUE(python(R"(
import csv, json
h = json.load(open('history.json'))
assert h['loss_history'] == [2.5, 0.1, 1.0 / 3, 4, 1e-300] and h['config']['hidden'] == [100, 100]
assert h['train_acc_history'] == [0.125, 0.5, 0.75] and h['val_acc_history'] == [0.25, 0.5, 1]
assert h['best_val_acc'] == 1 and h['seconds'] == 1.5 and h['images_per_second'] == 2000
rows = list(csv.DictReader(open('metrics.csv')))
assert [float(r['loss']) for r in rows] == h['loss_history']
assert [float(r['val_acc']) for r in rows if r['val_acc']] == h['val_acc_history']
)"));
}

TEST_F(RunFiles, NumbersThatAreNotFiniteAreNullAndNan) {
  RunRecord record = five_iterations();
  record.history.loss_history = {1, 2, kNan, kInf, -kInf};
  record.history.best_val_acc = kNan;
  record.history.val_acc_history[2] = kNan;
  EXPECT_NE(metrics_csv(record).find("\n3,1,nan,,\n4,2,inf,0.75,nan\n5,2,-inf,,\n"), std::string::npos);
  const std::string json = history_json(record);
  EXPECT_NE(json.find("\"loss_history\": [1.0,2.0,null,null,null]"), std::string::npos) << json;
  write_run_files(dir_, record);
  const RunRecord got = read_history(dir_ / "history.json");
  EXPECT_TRUE(std::isnan(got.history.loss_history[4]));
  EXPECT_TRUE(std::isnan(got.history.best_val_acc));
}

TEST_F(RunFiles, ARunMayStopBeforeTheCheckOfItsLastIteration) {
  RunRecord record;
  record.history.loss_history = {kNan};
  record.iterations_per_epoch = 10;
  EXPECT_EQ(metrics_csv(record), "iteration,epoch,loss,train_acc,val_acc\n1,0,nan,,\n");
  EXPECT_EQ(metrics_csv(RunRecord{}), "iteration,epoch,loss,train_acc,val_acc\n");
  write_run_files(dir_, RunRecord{});
  EXPECT_TRUE(read_history(dir_ / "history.json").history.loss_history.empty());
}

TEST_F(RunFiles, RefusesRecordsThatDoNotFit) {
  RunRecord record = five_iterations();
  record.config = "{";
  EXPECT_THROW(history_json(record), std::invalid_argument);
  record = five_iterations();
  record.check_iterations = {1, 2};
  EXPECT_THROW(metrics_csv(record), std::invalid_argument);
  record.check_iterations = {1, 2, 6};
  EXPECT_THROW(metrics_csv(record), std::invalid_argument);
  record.check_iterations = {1, 3, 3};
  EXPECT_THROW(metrics_csv(record), std::invalid_argument);
  record = five_iterations();
  record.history.val_acc_history.pop_back();
  EXPECT_THROW(metrics_csv(record), std::invalid_argument);
  record = five_iterations();
  record.iterations_per_epoch = 0;
  EXPECT_THROW(metrics_csv(record), std::invalid_argument);
}

TEST_F(RunFiles, DamagedHistoriesAreReadOrRefused) {
  const auto path = dir_ / "history.json";
  const std::string whole = history_json(five_iterations());
  const auto error_with = [&](const std::string& text) {
    std::filesystem::remove(path);  // some file systems sync a file that is emptied and written again
    std::ofstream(path, std::ios::binary) << text;
    return error_of([&] { read_history(path); });
  };
  EXPECT_EQ(error_with(whole), "");
  for (std::size_t n = 0; n + 2 < whole.size(); ++n) expect_clear(error_with(whole.substr(0, n)));
  expect_clear(error_with("[1]"));
  expect_clear(error_with(std::string(1000000, '[')));
  expect_clear(error_with("{\"config\":" + std::string(100000, '[') + std::string(100000, ']') + "}"));
  std::mt19937 random(5);
  for (int i = 0; i < 1000; ++i) {
    const std::string error = error_with(testing_io::mutated(whole, random));
    if (!error.empty()) expect_clear(error);
  }
}

}  // namespace
}  // namespace lamina
