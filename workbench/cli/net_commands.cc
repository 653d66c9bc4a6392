// lamina summary and lamina gradcheck: the model flags without any data.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "lamina/check.h"
#include "lamina/nets/net_gradient_check.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/run_flags.h"
#include "workbench/runs/run_config.h"

namespace lamina::cli {
namespace {

struct NetFlags {
  std::string dtype = "float32", input;
  Index classes = 10, batch_size = 100, slots = 1, entries = 30;
  std::uint32_t seed = 231;
  CLI::Option* classes_option = nullptr;
};

constexpr const char* kInputWanted = "expected channels, height and width such as 3,32,32, each 1 to 4096";

/// "3,32,32"; a shape of rank 0 where the text is none of that kind.
Shape parse_input(const std::string& text) {
  std::array<Index, 3> lengths{};
  int used = 0;
  long long c = 0, h = 0, w = 0;
  if (std::sscanf(text.c_str(), "%5lld,%5lld,%5lld%n", &c, &h, &w, &used) != 3 ||
      static_cast<std::size_t>(used) != text.size())
    return {};
  lengths = {c, h, w};
  for (const Index length : lengths)
    if (length < 1 || length > 4096) return {};
  return Shape(std::span<const Index>(lengths));
}

/// Of a net by its text: as many as its last block has scores, whatever the images.
Index classes_of(const NetFlags& flags, const NetConfig& net) {
  if (net.net.empty() || flags.classes_option->count() > 0) return flags.classes;
  const Shape input = flags.input.empty() ? net.input_dim : parse_input(flags.input);
  return score_count(input, parse_net(net.net));
}

void add_input(CLI::App& app, NetFlags& flags, const std::string& description, const std::string& shown_default) {
  app.add_option("--input", flags.input, description + " [" + shown_default + "]")
      ->type_name("C,H,W")
      ->check(CLI::Validator(
          [](std::string& text) {
            return parse_input(text).rank() == 3 ? std::string() : fmt::format("{}, got '{}'", kInputWanted, text);
          },
          ""));
  flags.classes_option = app.add_option("--classes", flags.classes, "Number of classes; of a --net: its scores")
                             ->type_name("N")
                             ->check(whole_number(1, 100'000))
                             ->capture_default_str();
}

template <class T>
void print_summary(const NetConfig& net, Index batch_size, Index slots) {
  RandomState random(0);
  fmt::print("{}", make_net<T>(net, random)->summary().to_string(batch_size, slots));
}

int run_summary(const NetFlags& flags, const CLI::App& app) {
  NetConfig net = net_config_of(net_flags().given(app));
  check_precision(net, flags.dtype);
  net.num_classes = classes_of(flags, net);
  if (!flags.input.empty()) net.input_dim = parse_input(flags.input);
  check_fits_memory(net, flags.dtype == "float32" ? 4 : 8);
  if (flags.dtype == "float32")
    print_summary<float>(net, flags.batch_size, flags.slots);
  else
    print_summary<double>(net, flags.batch_size, flags.slots);
  if (net.net.empty()) fmt::print("\nThe same layers as text: --net '{}'\n", to_text(blocks_of(net)));
  return 0;
}

/// The first of 8, 16 and 32 pixels a side that the net can work on.
NetConfig with_small_input(NetConfig net) {
  for (const Index side : {8, 16, 32}) {
    net.input_dim = {3, side, side};
    try {
      parameter_layout(net);
      return net;
    } catch (const std::invalid_argument&) {
      if (side == 32) throw;
    }
  }
  return net;
}

std::string outcome(const ParameterCheck& check) {
  if (!check.passed) return "FAILED";
  if (check.corners > 0) return fmt::format("ok, cannot be told at {}", check.corners);
  return check.small == check.checked ? "ok, all near 0" : "ok";
}

int run_gradcheck(const NetFlags& flags, const CLI::App& app) {
  NetConfig net = net_config_of(net_flags().given(app));
  net.num_classes = classes_of(flags, net);
  if (!net.weight_scale) net.weight_scale = 5e-2;
  if (flags.input.empty())
    net = with_small_input(net);
  else
    net.input_dim = parse_input(flags.input);
  check_fits_memory(net, 8);
  const auto checks = check_net_gradients(net, flags.seed, flags.batch_size, flags.entries);
  fmt::print("{} on {} random images of {}, float64, seed {}\n", net.model, flags.batch_size, net.input_dim.to_string(),
             flags.seed);
  fmt::print("{:<10} {:<18} {:>8} {:>15} {:>15}\n", "parameter", "shape", "checked", "relative error",
             "absolute error");
  std::string failed;
  for (const ParameterCheck& check : checks) {
    fmt::print("{:<10} {:<18} {:>8} {:>15} {:>15}  {}\n", check.name, check.shape.to_string(), check.checked,
               check.small < check.checked ? fmt::format("{:.2e}", check.relative_error) : "-",
               check.small > 0 ? fmt::format("{:.2e}", check.absolute_error) : "-", outcome(check));
    if (!check.passed) failed += (failed.empty() ? "" : ", ") + check.name;
  }
  if (!failed.empty()) throw std::runtime_error("the gradient is wrong for " + failed);
  const bool corners = std::any_of(checks.begin(), checks.end(), [](const auto& check) { return check.corners > 0; });
  if (corners)
    fmt::print(
        "Where it cannot be told, the loss has a corner, as a ReLU has whose input is 0 or nearly so: there its slope\n"
        "is not the gradient. For parameters that differ by about 1e-3 the gradient is right.\n");
  // The bias of a layer before a normalization has no effect; weights should have one.
  const auto says_little = [](const auto& check) {
    return check.name.starts_with('W') && check.small == check.checked;
  };
  if (std::any_of(checks.begin(), checks.end(), says_little))
    fmt::print(
        "Weights whose gradients are all near 0 are hardly checked: try a larger --weight-scale or --batch-size.\n");
  fmt::print(
      "All gradients agree: relative errors are below 1e-4 where |g| > 1e-6 max |g|,\n"
      "absolute errors below 1e-9 elsewhere.\n");
  return 0;
}

}  // namespace

Command add_summary(CLI::App& app) {
  CLI::App* summary = app.add_subcommand("summary", "Layers, shapes, parameters, arithmetic and memory of a net");
  auto flags = std::make_shared<NetFlags>();
  net_flags().add_to(*summary);
  add_input(*summary, *flags, "Shape of an image: channels, height and width in pixels", "3,32,32");
  summary->add_option("--dtype", flags->dtype, "float32 or float64")
      ->type_name("NAME")
      ->check(one_of({"float32", "float64"}))
      ->capture_default_str();
  summary->add_option("--batch-size", flags->batch_size, "Images a training step, for arithmetic and memory")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  summary->add_option("--slots", flags->slots, "Parts in which a step is computed, for its memory")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  summary->footer("Example: lamina summary --model convnet --num-filters 16,32,64 --filter-sizes 7,7,3");
  return {summary, [flags, summary] { return run_summary(*flags, *summary); }};
}

Command add_gradcheck(CLI::App& app) {
  CLI::App* gradcheck = app.add_subcommand(
      "gradcheck", "Compare a net's gradients with numerical ones, parameter by parameter, in float64");
  auto flags = std::make_shared<NetFlags>();
  flags->batch_size = 4;
  net_flags().add_to(*gradcheck);
  gradcheck->get_option("--weight-scale")->description("Standard deviation of the first weights [5e-2]");
  add_input(*gradcheck, *flags, "Shape of a random image: channels, height and width in pixels",
            "3,8,8, or 3,16,16 or 3,32,32 where the net needs it");
  gradcheck->add_option("--batch-size", flags->batch_size, "Random images")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  gradcheck->add_option("--entries", flags->entries, "Entries of each parameter to look at, drawn at random")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  gradcheck->add_option("--seed", flags->seed, "Seed of all random draws, 0 to 4294967295")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<std::uint32_t>::max()))
      ->capture_default_str();
  gradcheck->footer(
      "The relative error is |a - n| / (|a| + |n|); the exit code is 1 where one is 1e-4 or more.\n"
      "Example: lamina gradcheck --model fc --hidden 20,30 --normalization batchnorm --reg 3.14");
  return {gradcheck, [flags, gradcheck] { return run_gradcheck(*flags, *gradcheck); }};
}

}  // namespace lamina::cli
