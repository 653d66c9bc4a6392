// The configuration of a run in JSON: what is read, written and read again is the same.
#include "workbench/runs/run_config.h"

#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  const RunConfig config = run_config_from_json(std::string(bytes));
  const std::string json = to_json(config);
  const std::string again = to_json(run_config_from_json(json));
  require(again == json, "another run after reading " + json + ": " + again);
  (void)num_iterations(config, 1000);
  check_fits_memory(config.net, 4);
}

std::vector<std::string> seeds() {
  RunConfig convnet, fc, blocks;
  fc.net.model = "fc";
  fc.net.fc.hidden_dims = {7, 5};
  fc.num_train = 100;
  blocks.net.model = kNetOfBlocks;
  blocks.net.net = "conv 4 3x3 | relu | affine 10";
  return {to_json(convnet), to_json(fc), to_json(blocks)};
}

}  // namespace lamina::fuzz
