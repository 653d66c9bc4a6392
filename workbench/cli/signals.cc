#include "workbench/cli/signals.h"

#include <atomic>
#include <csignal>

namespace lamina::cli {
namespace {

// The number of the signal that arrived first; 0 before that. Lock-free, so that a handler may set it.
std::atomic<int> arrived{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void request_stop(int number) {
  int none = 0;
  arrived.compare_exchange_strong(none, number);
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() { return arrived.load() != 0; }

int exit_code_of_stop() { return 128 + arrived.load(); }

}  // namespace lamina::cli
