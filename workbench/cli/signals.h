// Stopping a long command by Ctrl-C or SIGTERM so that it can be resumed.
#pragma once

namespace lamina::cli {

/// From now on the first SIGINT or SIGTERM asks the command to stop; a second one ends the process as usual.
void catch_signals();
/// Whether one has arrived. Any thread may ask.
bool stop_requested();
/// The exit code of a command that stopped: 128 and the signal's number, as shells report a process that a signal
/// ended, so 130 after Ctrl-C and 143 after SIGTERM.
int exit_code_of_stop();

}  // namespace lamina::cli
