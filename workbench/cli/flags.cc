#include "workbench/cli/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "datasets/load.h"

namespace lamina::cli {
namespace {

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

template <class Number>
bool parse(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

Index edit_distance(const std::string& a, const std::string& b) {
  std::vector<Index> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<Index>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    Index diagonal = row[0];
    row[0] = static_cast<Index>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const Index change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

/// A flag of comma-separated whole numbers of 1 .. most; given twice, the last one counts.
CLI::Option* add_list(CLI::App& app, const std::string& flag, std::vector<Index>& list, Index most,
                      const std::string& description) {
  const auto read = [most](const std::string& text, std::vector<Index>& numbers) {
    numbers.clear();
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      Index value = 0;
      if (!parse(text.substr(at, comma - at), value) || value < 1 || value > most || numbers.size() == 1000)
        return false;
      numbers.push_back(value);
      at = comma + 1;
    }
    return true;
  };
  return app
      .add_option_function<std::string>(
          flag, [&list, read](const std::string& text) { read(text, list); }, description)
      ->type_name("N,N,...")
      ->check(CLI::Validator(
          [most, read](std::string& text) {
            std::vector<Index> numbers;
            return read(text, numbers)
                       ? std::string()
                       : fmt::format("expected whole numbers of 1 to {}, comma-separated, got '{}'", most, text);
          },
          ""));
}

}  // namespace

CLI::Validator whole_number(Index least, Index most) {
  return CLI::Validator(
      [least, most](std::string& text) -> std::string {
        Index value = 0;
        const bool whole = parse(text, value);
        if (whole && value >= least && value <= most) return {};
        return most == std::numeric_limits<std::int32_t>::max() && !(whole && value > most)
                   ? fmt::format("expected a whole number from {} on, got '{}'", least, text)
                   : fmt::format("expected a whole number of {} to {}, got '{}'", least, most, text);
      },
      "");
}

CLI::Validator number(const std::string& wanted, std::function<bool(double)> fits) {
  return CLI::Validator(
      [wanted, fits = std::move(fits)](std::string& text) -> std::string {
        double value = 0;
        if (parse(text, value) && std::isfinite(value) && fits(value)) return {};
        return fmt::format("expected {}, got '{}'", wanted, text);
      },
      "");
}

CLI::Validator positive_number() {
  return number("a number above 0", [](double x) { return x > 0; });
}

CLI::Validator number_from_zero() {
  return number("a number from 0 on", [](double x) { return x >= 0; });
}

CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::Validator(
      [words = std::move(words)](std::string& text) -> std::string {
        if (contains(words, text)) return {};
        return fmt::format("expected one of {}, got '{}'", fmt::join(words, ", "), text);
      },
      "");
}

std::vector<std::string> nearest(const std::string& word, const std::vector<std::string>& known, std::size_t count) {
  std::vector<std::pair<Index, std::string>> ranked;
  for (const std::string& candidate : known) {
    const bool part = word.size() >= 3 && candidate.find(word) != std::string::npos;
    ranked.emplace_back(part ? 1 : edit_distance(word, candidate), candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> result;
  for (const auto& [distance, candidate] : ranked)
    if (result.size() < count && distance <= std::max<Index>(2, static_cast<Index>(word.size()) / 2))
      result.push_back(candidate);
  return result;
}

void ModelFlags::add_to(CLI::App& app) {
  const std::string group = "The net";
  const auto add = [&](CLI::Option* option, std::vector<std::string> models = {}) {
    option->group(group);
    flags_.push_back({option, std::move(models)});
    return option;
  };
  net_text_ =
      add(app.add_option("--net", net_.net,
                         "A net of any blocks, from the images on, in place of --model: 'conv 32 3x3 | batchnorm | "
                         "relu | max_pool 2 | affine 10'")
              ->type_name("TEXT"));
  model_ = add(
      app.add_option("--model", net_.model,
                     "two-layer (affine - relu - affine), fc (any depth), convnet ([conv - batch norm - relu] x M - "
                     "pool - affine) or three-layer-convnet (conv - relu - pool - affine - relu - affine)")
          ->type_name("NAME")
          ->check(one_of({"two-layer", "fc", "convnet", "three-layer-convnet"}))
          ->capture_default_str());
  hidden_ = add(add_list(app, "--hidden", net_.hidden, 1'000'000,
                         "Sizes of the hidden layers, comma-separated; two-layer and three-layer-convnet have one")
                    ->default_str("100"),
                {"two-layer", "fc", "three-layer-convnet"});
  add(app.add_option("--normalization", normalization_,
                     "none, batchnorm or layernorm after each hidden affine layer (fc)")
          ->type_name("NAME")
          ->check(one_of({"none", "batchnorm", "layernorm"}))
          ->capture_default_str(),
      {"fc"});
  add(app.add_option("--dropout", net_.dropout, "Probability of KEEPING a hidden activation; 1: no dropout (fc)")
          ->type_name("KEEP")
          ->check(number("a probability above 0 and up to 1", [](double p) { return p > 0 && p <= 1; }))
          ->capture_default_str(),
      {"fc"});
  num_filters_ = add(add_list(app, "--num-filters", net_.num_filters, 100'000,
                              "Filters of each convolution, comma-separated; three-layer-convnet has one: 32")
                         ->default_str("32,32"),
                     {"convnet", "three-layer-convnet"});
  filter_sizes_ = add(add_list(app, "--filter-sizes", net_.filter_sizes, 1023,
                               "Side of each convolution's filters in pixels, odd, as many as --num-filters; "
                               "three-layer-convnet has one: 7")
                          ->default_str("7,3"),
                      {"convnet", "three-layer-convnet"});
  add(add_list(app, "--conv-stride", strides_, 1024,
               "Step of the convolutions in pixels, one for all or one each (convnet)")
          ->default_str("1"),
      {"convnet"});
  add(add_list(app, "--pool", net_.pools, 1024,
               "Side and step of the max pooling after each convolution, 1 for none (convnet) [2 after the last one]"),
      {"convnet"});
  add(app.add_flag("--global-average", net_.global_average,
                   "The affine layer takes the mean of each channel instead of all its pixels (convnet)"),
      {"convnet"});
  add(app.add_flag("--no-batch-norm", no_batch_norm_, "No batch normalisation after the convolutions (convnet)"),
      {"convnet"});
  init_option_ =
      add(app.add_option("--init", init_,
                         "First weights: normal (of deviation --weight-scale) or he (of deviation sqrt(2 / inputs))")
              ->type_name("NAME")
              ->check(one_of({"normal", "he"}))
              ->capture_default_str());
  scale_option_ = add(
      app.add_option("--weight-scale", net_.weight_scale, "Standard deviation of the first weights [1e-3; fc: 1e-2]")
          ->type_name("X")
          ->check(positive_number()));
  add(app.add_option("--label-smoothing", net_.label_smoothing,
                     "Share of the loss's target that is spread over all classes")
          ->type_name("X")
          ->check(number("a share from 0 to below 1", [](double x) { return x >= 0 && x < 1; }))
          ->capture_default_str());
  add(app.add_option("--reg", net_.reg, "Strength of L2 regularisation: the loss has 0.5 reg sum(W^2)")
          ->type_name("X")
          ->check(number_from_zero())
          ->capture_default_str());
}

// A net by its text. What says how a model of the course is made has no meaning for it.
NetConfig ModelFlags::net_of_text() const {
  for (const auto& [option, models] : flags_)
    if (option->count() > 0 &&
        (option == model_ || option == init_option_ || option == scale_option_ || !models.empty()))
      throw UsageError(fmt::format("{} does not belong to --net, whose text says all of that", option->get_name()));
  NetConfig net = net_;
  net.model = kNetOfBlocks;
  try {
    parse_net(net.net);
  } catch (const std::invalid_argument& error) {
    throw UsageError("--net: " + without_tag(error.what()));
  }
  return net;
}

NetConfig ModelFlags::net_config() const {
  if (net_text_->count() > 0) return net_of_text();
  for (const auto& [option, models] : flags_) {
    if (option->count() == 0 || models.empty() || contains(models, net_.model)) continue;
    std::vector<std::string> own;
    for (const auto& other : flags_)
      if (contains(other.models, net_.model)) own.push_back(other.option->get_name());
    throw UsageError(fmt::format("{} does not belong to --model {}, which has {}", option->get_name(), net_.model,
                                 fmt::join(own, ", ")));
  }
  NetConfig net = net_;
  net.normalization = normalization_ == "batchnorm"   ? Normalization::batchnorm
                      : normalization_ == "layernorm" ? Normalization::layernorm
                                                      : Normalization::none;
  net.use_batch_norm = !no_batch_norm_;
  net.he_init = init_ == "he";
  if (net.he_init && net.weight_scale != 0) throw UsageError("--weight-scale belongs to --init normal, got he");
  if (strides_.size() == 1)
    net.conv_stride = strides_[0];
  else
    net.conv_strides = strides_;
  if (net.model == "three-layer-convnet") {
    if (num_filters_->count() == 0) net.num_filters = {32};
    if (filter_sizes_->count() == 0) net.filter_sizes = {7};
    if (net.num_filters.size() != 1 || net.filter_sizes.size() != 1)
      throw UsageError(
          "--model three-layer-convnet has one convolution: expected one --num-filters and one "
          "--filter-sizes");
  }
  if (net.model != "fc" && net.model != "convnet" && net.hidden.size() != 1)
    throw UsageError(fmt::format("--model {} has one hidden layer: expected one --hidden, got {}", net.model,
                                 fmt::join(net.hidden, ",")));
  if (net.model == "convnet" || net.model == "three-layer-convnet") {
    if (net.num_filters.size() != net.filter_sizes.size())
      throw UsageError(fmt::format("expected as many --filter-sizes as --num-filters, got {} for {}",
                                   fmt::join(net.filter_sizes, ","), fmt::join(net.num_filters, ",")));
    for (const auto& [name, list] : {std::pair("--conv-stride", &net.conv_strides), std::pair("--pool", &net.pools)})
      if (!list->empty() && list->size() != net.num_filters.size())
        throw UsageError(fmt::format("{}: expected one for each of --num-filters {}, got {}", name,
                                     fmt::join(net.num_filters, ","), fmt::join(*list, ",")));
    for (const Index k : net.filter_sizes)
      if (k % 2 == 0) throw UsageError(fmt::format("--filter-sizes: expected odd numbers, got {}", k));
  }
  return net;
}

CLI::Option* add_image_size(CLI::App& app, Index& height, Index& width) {
  const auto read = [](const std::string& text, Index& h, Index& w) {
    const std::size_t cross = text.find('x');
    const std::string first = text.substr(0, cross),
                      second = cross == std::string::npos ? first : text.substr(cross + 1);
    return parse(first, h) && parse(second, w) && h >= 1 && h <= 4096 && w >= 1 && w <= 4096;
  };
  return app
      .add_option_function<std::string>(
          "--image-size", [&height, &width, read](const std::string& text) { read(text, height, width); },
          "Height and width in pixels that images in folders are cropped and resized to")
      ->type_name("H[xW]")
      ->default_str("32")
      ->check(CLI::Validator(
          [read](std::string& text) {
            Index h = 0, w = 0;
            return read(text, h, w)
                       ? std::string()
                       : fmt::format("expected a height and a width of 1 to 4096, such as 32 or 48x64, got '{}'", text);
          },
          ""));
}

void add_data_dir(CLI::App& app, std::filesystem::path& data_dir) {
  app.add_option("--data-dir", data_dir,
                 "Where data sets lie and downloads go [$LAMINA_DATA, or ~/.cache/lamina where it is not set]")
      ->type_name("DIR");
}

CLI::Option* add_split_seed(CLI::App& app, std::uint32_t& seed) {
  return app
      .add_option("--split-seed", seed,
                  "Seed that says which images in folders are for validation and testing, 0 to 4294967295")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<std::uint32_t>::max()))
      ->capture_default_str();
}

void check_folder_flags(const CLI::App& app, const std::string& data) {
  for (const char* flag : {"--image-size", "--split-seed", "--val-fraction", "--test-fraction"}) {
    const CLI::Option* option = app.get_option_no_throw(flag);
    if (option != nullptr && option->count() > 0 && has_own_splits(data))
      throw UsageError(fmt::format("{} belongs to a directory with one folder of images a class, got {}", flag, data));
  }
}

CLI::Option* add_precision(CLI::App& app, std::string& precision) {
  return app
      .add_option("--precision", precision,
                  "Of the products: full, which is --dtype, or bf16: operands rounded to bfloat16, sums in float32")
      ->type_name("NAME")
      ->check(one_of({"full", "bf16"}))
      ->capture_default_str();
}

Precision precision_of(const std::string& precision, const std::string& dtype) {
  if (precision != "bf16") return Precision::full;
  if (dtype != "float32") throw UsageError(fmt::format("--precision bf16 belongs to --dtype float32, got {}", dtype));
  return Precision::bf16;
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads,
                 "Threads; 0: $LAMINA_NUM_THREADS, else one a processor. The results do not depend on it")
      ->type_name("N")
      ->check(whole_number(0, 1024))
      ->capture_default_str();
}

std::string without_tag(const std::string& text) {
  const std::size_t end = text.find("] ");
  return text.starts_with('[') && end != std::string::npos ? text.substr(end + 2) : text;
}

void check_values(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) {
      option->disable_flag_override();
    } else {
      option->check(CLI::Validator(
          [](std::string& text) { return text.empty() ? "expected a value, got an empty text" : ""; }, ""));
    }
  }
  for (CLI::App* sub : app.get_subcommands({})) check_values(*sub);
}

std::string on_one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  return text;
}

std::string one_line(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string name = text.substr(0, text.find_first_of(": "));
    if (text.find("flag override") != std::string::npos)
      text = fmt::format("--{}: expected no value, since it is a switch, got one", name);
    else if (text.find(" required ") != std::string::npos && text.ends_with(" missing"))
      text = fmt::format("{}: expected a value, got none", name);
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !app.get_subcommands({}).empty()) {
    std::vector<std::string> known;
    for (const CLI::App* sub : app.get_subcommands({})) known.push_back(sub->get_name());
    text = fmt::format("expected one of the commands {}, got none", fmt::join(known, ", "));
  }
  if (const auto* extras = dynamic_cast<const CLI::ExtrasError*>(&error); extras != nullptr) {
    // A flag among what nothing took, or the first word of it, and what it may have meant.
    std::istringstream words(text.substr(std::min(text.find(": ") + 2, text.size())));
    std::string first;
    for (std::string word; words >> word;)
      if (first.empty() || (word.starts_with("-") && !first.starts_with("-"))) first = word;
    first = first.substr(0, first.find('='));
    const bool is_flag = first.starts_with("-");
    std::vector<std::string> known;
    if (is_flag)
      for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    else
      for (const CLI::App* sub : app.get_subcommands({})) known.push_back(sub->get_name());
    const auto near = nearest(first, known, 2);
    text = fmt::format("unknown {} '{}'", is_flag ? "flag" : "argument", first);
    if (!near.empty()) text += fmt::format("; did you mean {}?", fmt::join(near, " or "));
  }
  return on_one_line(text);
}

}  // namespace lamina::cli
