// TOML files of the command's flags: the run that a file describes is the one that its JSON describes.
#include "tests/fuzz/fuzz.h"
#include "workbench/cli/flags.h"
#include "workbench/cli/run_flags.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  try {
    CLI::App app;
    cli::run_flags().add_to(app);
    cli::SearchTable ranges;
    cli::read_config_file(app, file("input.toml", bytes), &ranges);
    const std::string json = to_json(cli::run_config_of(cli::run_flags().given(app)));
    const std::string again = to_json(run_config_from_json(json));
    require(again == json, "another run after reading " + json + ": " + again);
  } catch (const cli::UsageError& error) {
    throw std::runtime_error(cli::on_one_line(error.what()));
  }
}

std::vector<std::string> seeds() {
  return {"learning-rate = 1e-3\nnum-filters = [16, 32]\nfilter-sizes = [3, 3]\nno-batch-norm = true\n",
          "model = 'fc'\nhidden = 10\nupdate_rule = \"adam\"\ndropout = 0.5\nmirror = true\nepochs = 2\n",
          "net = '''conv 4 3x3 | relu |\n affine 10'''\ndata = 'x'\nimage-size = '8x9'\nseed = 0x10\n"
          "[search]\nlearning-rate = 'log-uniform:1e-4:1e-2'\nhidden = [8, \"16,8\", true]\n"};
}

}  // namespace lamina::fuzz
