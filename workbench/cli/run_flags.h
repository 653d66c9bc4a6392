// The flags that decide a net or a run: lamina train and search take all of them, summary and gradcheck those of a net.
#pragma once

#include "workbench/cli/option_flags.h"
#include "workbench/runs/run_config.h"

namespace lamina::cli {

const OptionFlags& net_flags();
const OptionFlags& run_flags();

/// The net that the flags describe; input and classes are the caller's to fill in. Throws UsageError where a flag does
/// not belong to the model, or two do not fit each other.
NetConfig net_config_of(const FlagValues& values);
/// The run that the flags describe. Errors as net_config_of's.
RunConfig run_config_of(const FlagValues& values);
/// Throws UsageError where the precision of a net's products does not go with --dtype.
void check_precision(const NetConfig& net, const std::string& dtype);
/// Throws UsageError where one of the flags that are for images in folders or for tables is given with other data.
void check_data_flags(const FlagValues& values, const std::string& data);

}  // namespace lamina::cli
