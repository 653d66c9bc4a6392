// The command `lamina`: reads the command line, runs one command, makes every failure one line on stderr.
// Exit codes: 0 success, 1 failure, 2 a call that does not make sense, 130 stopped by Ctrl-C, 143 by SIGTERM.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "lamina/kernels/machine/target.h"
#include "lamina/threads.h"
#include "lamina/version.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/help.h"

namespace lamina::cli {
namespace {

std::string version() {
  const int threads = num_threads();
  return fmt::format("lamina {}, {}, {} thread{}", LAMINA_VERSION, kernels::target_name(), threads,
                     threads == 1 ? "" : "s");
}

/// The application or command that the words of the command line lead to.
CLI::App* deepest(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

std::string full_name(const CLI::App* app) {
  return app->get_parent() == nullptr ? "lamina" : full_name(app->get_parent()) + " " + app->get_name();
}

int report(const CLI::App* app, const std::vector<std::string>& words, const std::string& text, int code) {
  std::string line = in_typed_names(*app, words, on_one_line(without_tag(text)));
  const std::string name = full_name(app);
  if (code == 2) line += fmt::format(" (see {} --help)", name);
  tell(fmt::format("{}: {}", name, line));
  return code;
}

/// `lamina help COMMAND` as `lamina COMMAND --help`, and `lamina version` as `lamina --version`.
std::vector<std::string> help_as_flag(const CLI::App& app, std::vector<std::string> words) {
  if (words.size() == 1 && words[0] == "version") return {"--version"};
  if (words[0] != "help") return words;
  words.erase(words.begin());
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    const auto commands = at->get_subcommands({});
    const auto found =
        std::find_if(commands.begin(), commands.end(), [&](const auto* c) { return c->get_name() == word; });
    if (found == commands.end()) throw UsageError(unknown_word(*at, word));
    at = *found;
  }
  words.emplace_back("--help");
  return words;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Trains neural networks on the CPU: fully connected and convolutional nets on CIFAR-10, MNIST,\n"
      "Fashion-MNIST or a directory of one's own."};
  app.name("lamina");
  app.set_version_flag("-v,-V,--version", version, "Version, instruction set and threads");
  app.set_help_flag("-h,--help", "This help");
  app.formatter(help_layout());
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.failure_message([](const CLI::App*, const CLI::Error&) { return std::string(); });
  app.footer(
      "Start with: lamina train --data auto\n"
      "Exit codes: 0 success, 1 failure, 2 a call that does not make sense, 130 stopped by Ctrl-C,\n"
      "143 by SIGTERM.");

  std::vector<Command> commands = {add_train(app),     add_eval(app),      add_predict(app), add_summary(app),
                                   add_gradcheck(app), add_reproduce(app), add_search(app)};
  for (Command& command : add_data(app)) commands.push_back(std::move(command));

  check_values(app);
  if (argc <= 1) {
    std::cout << app.help();
    return 0;
  }
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    const std::vector<std::string> asked = help_as_flag(app, words);
    app.parse(std::vector<std::string>(asked.rbegin(), asked.rend()));
    for (const Command& command : commands)
      if (command.app->parsed()) return command.run();
    throw UsageError("expected a command");
  } catch (const CLI::Success& answer) {  // --help, --version
    return app.exit(answer);
  } catch (const CLI::ParseError& error) {
    const CLI::App* at = deepest(&app);
    return report(at, words, one_line(*at, error), 2);
  } catch (const UsageError& error) {
    return report(deepest(&app), words, error.what(), 2);
  } catch (const std::invalid_argument& error) {
    return report(deepest(&app), words, error.what(), 2);
  } catch (const std::bad_alloc&) {
    return report(deepest(&app), words, "out of memory", 1);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(
        deepest(&app), words,
        fmt::format("{}: expected a place that can be used, got: {}", error.path1().string(), error.code().message()),
        1);
  } catch (const std::exception& error) {
    return report(deepest(&app), words, error.what(), 1);
  }
}

/// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed. A file of ours would get its number
/// otherwise, and what is meant for the console would be written into the file.
void open_standard_streams() {
  for (int descriptor; (descriptor = ::open("/dev/null", O_RDWR)) >= 0;)
    if (descriptor > 2) return static_cast<void>(::close(descriptor));
}

/// The exit code, which is not 0 where what was printed got nowhere: a full disk, say.
int finished(int code) {
  errno = 0;
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written) return code;
  tell(fmt::format("lamina: expected an output that can be written to, got: {}",
                   errno != 0 ? std::generic_category().message(errno) : "an error while writing"));
  return code == 0 ? 1 : code;
}

}  // namespace

}  // namespace lamina::cli

int main(int argc, char** argv) {
  lamina::cli::open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows beyond the limit is then an error of writing like any other
  return lamina::cli::finished(lamina::cli::run(argc, argv));
}
