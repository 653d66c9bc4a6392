// history.json: what is read, written and read again is the same.
#include "tests/fuzz/fuzz.h"
#include "workbench/pages/run_files.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  const RunRecord record = read_history(file("input.json", bytes));
  const std::string json = history_json(record);
  require(history_json(read_history(file("written.json", json))) == json, "another history after writing " + json);
  require(metrics_csv(record).ends_with('\n'), "metrics without an end");
}

std::vector<std::string> seeds() {
  RunRecord record;
  record.history = {{2.3, 1.0 / 3, 0.1, 5e-324}, {0.1, 0.2, 0.3}, {0, 0.5, 1}, 1};
  record.iterations_per_epoch = 2;
  record.seconds = 1.5;
  record.config = "{\"seed\": 1, \"list\": [1, \"a\\nb\", null]}";
  return {history_json(record), history_json({})};
}

}  // namespace lamina::fuzz
