// The commands: each adds itself to the application and says what main is to run.
#pragma once

#include <vector>

#include "workbench/cli/flags.h"

namespace lamina::cli {

Command add_train(CLI::App& app);
Command add_eval(CLI::App& app);
Command add_predict(CLI::App& app);
Command add_summary(CLI::App& app);
Command add_gradcheck(CLI::App& app);
Command add_reproduce(CLI::App& app);
Command add_search(CLI::App& app);
std::vector<Command> add_data(CLI::App& app);  // data info, data fetch

}  // namespace lamina::cli
