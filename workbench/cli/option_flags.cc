#include "workbench/cli/option_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lamina/nets/net_config.h"
#include "workbench/cli/flags.h"

namespace lamina::cli {
namespace {

std::string type_of(const Option& option, const OptionValue& value) {
  if (!option.type.empty()) return std::string(option.type);
  if (std::holds_alternative<Choice>(value)) return "NAME";
  if (std::holds_alternative<std::string*>(value)) return "TEXT";
  if (std::holds_alternative<std::filesystem::path*>(value)) return "DIR";
  if (std::holds_alternative<std::vector<Index>*>(value)) return "N,N,...";
  if (std::holds_alternative<ImageSize*>(value)) return "H[xW]";
  const bool real = std::holds_alternative<double*>(value) || std::holds_alternative<std::optional<double>*>(value);
  return real ? "X" : "N";
}

// A switch may turn off what is on by default: --no-batch-norm.
bool turns_off(const std::string& flag, const Option& option) {
  return flag.starts_with("no-") && !option.name.starts_with("no_");
}

void read_value(const std::string& flag, const Option& option, const OptionValue& value, const std::string& text) {
  read_text(option, value, text);
  if (bool* const* on = std::get_if<bool*>(&value); on && turns_off(flag, option)) **on = !**on;
}

}  // namespace

OptionFlags::OptionFlags(VisitOptions visit_all) : visit_all_(std::move(visit_all)) {
  visit_all_([&](const Option& option, const OptionValue& value) {
    const std::string name = flag_of(option);
    if (name.empty()) return;
    const std::string model(option.model);
    const bool is_switch = std::holds_alternative<bool*>(value);
    const std::string text = is_switch ? std::string() : text_of(value);
    std::string help(option.help);
    if (!option.needs.empty()) help += fmt::format(" ({} {})", option.needs, option.needs_value);
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const auto& flag) { return flag.name == name; });
    if (found == flags_.end()) {
      flags_.push_back({name, std::string(option.alias), help, type_of(option, value), std::string(option.group), text,
                        model.empty() ? std::vector<std::string>() : std::vector{model}, is_switch});
      return;
    }
    found->models.push_back(model);
    if (std::holds_alternative<std::vector<Index>*>(value)) {  // the help of whoever takes the most
      found->help = help;
      found->type = type_of(option, value);
    }
    if (found->default_text != text) found->default_text += fmt::format("; {}: {}", model, text);
  });
  for (OptionFlag& flag : flags_)
    if (!flag.models.empty()) flag.help += fmt::format(" ({})", fmt::join(flag.models, ", "));
}

const OptionFlag* OptionFlags::find(const std::string& name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const auto& flag) {
    return flag.name == name || (!flag.alias.empty() && flag.alias == name);
  });
  return found == flags_.end() ? nullptr : &*found;
}

void OptionFlags::add_to(CLI::App& app) const {
  for (const OptionFlag& flag : flags_) {
    CLI::Option* option = add_one(app, flag);
    if (!flag.group.empty()) option->group(flag.group);  // an option of the group "" would be hidden, its name too
  }
}

void OptionFlags::add_to(CLI::App& app, const std::vector<std::string>& names) const {
  for (const std::string& name : names) add_one(app, *find(name));
}

CLI::Option* OptionFlags::add_one(CLI::App& app, const OptionFlag& flag) const {
  const std::string name = "--" + flag.name + (flag.alias.empty() ? "" : ",--" + flag.alias);
  if (flag.is_switch) return app.add_flag(name, flag.help);
  CLI::Option* option = app.add_option_function<std::string>(
      name, [](const std::string&) {}, flag.help);
  option->type_name(flag.type);
  if (!flag.default_text.empty()) option->default_str(flag.default_text);
  return option->check(CLI::Validator([this, name = flag.name](std::string& text) { return wrong(name, text); }, ""));
}

FlagValues OptionFlags::given(const CLI::App& app) const {
  FlagValues values;
  for (const OptionFlag& flag : flags_) {
    const CLI::Option* option = app.get_option_no_throw("--" + flag.name);
    if (option != nullptr && option->count() > 0)
      values.emplace_back(flag.name, flag.is_switch ? "true" : option->results().back());
  }
  return values;
}

std::string OptionFlags::wrong(const std::string& name, const std::string& value) const {
  std::string wrong;
  bool fits = false;
  visit_all_([&](const Option& option, const OptionValue& to) {
    if (flag_of(option) != name || fits) return;
    try {
      read_value(name, option, to, value);
      fits = true;
    } catch (const std::invalid_argument& error) {
      if (wrong.empty() || std::holds_alternative<std::vector<Index>*>(to)) wrong = error.what();  // takes the most
    }
  });
  return fits ? std::string() : wrong;
}

void OptionFlags::does_not_belong(const OptionFlag& flag, const std::string& model) const {
  if (model == kNetOfBlocks)
    throw UsageError(fmt::format("--{} does not belong to --net, whose text says all of that", flag.name));
  std::vector<std::string> own;
  for (const OptionFlag& other : flags_)
    if (std::find(other.models.begin(), other.models.end(), model) != other.models.end())
      own.push_back("--" + other.name);
  throw UsageError(
      fmt::format("--{} does not belong to --model {}, which has {}", flag.name, model, fmt::join(own, ", ")));
}

void OptionFlags::set(const FlagValues& values, const VisitOptions& visit_own) const {
  const auto set_one = [&](const std::string& flag, const std::string& text) {
    bool found = false;
    visit_own([&](const Option& option, const OptionValue& value) {
      if (found || flag_of(option) != flag) return;
      found = true;
      try {
        read_value(flag, option, value, text);
      } catch (const std::invalid_argument& error) {
        throw UsageError(fmt::format("--{}: {}", flag, error.what()));
      }
    });
    return found;
  };
  std::string model;
  if (const std::string* net = value_of(values, "net")) {
    if (value_of(values, "model")) does_not_belong(*find("model"), kNetOfBlocks);
    set_one("net", *net);
    set_one("model", kNetOfBlocks);
  } else if (const std::string* name = value_of(values, "model")) {
    set_one("model", *name);
  }
  visit_own([&](const Option& option, const OptionValue& value) {
    if (option.name == "model") model = text_of(value);
  });
  for (const auto& [flag, text] : values)
    if (flag != "net" && flag != "model" && !set_one(flag, text)) does_not_belong(*find(flag), model);

  visit_own([&](const Option& option, const OptionValue&) {
    if (option.needs.empty() || !value_of(values, flag_of(option))) return;
    visit_own([&](const Option& other, const OptionValue& needed) {
      if (other.name == option.needs && text_of(needed) != option.needs_value)
        throw UsageError(fmt::format("--{} belongs to --{} {}, got {}", flag_of(option), flag_of(other),
                                     option.needs_value, text_of(needed)));
    });
  });
}

const std::string* value_of(const FlagValues& values, const std::string& name) {
  const auto found = std::find_if(values.rbegin(), values.rend(), [&](const auto& each) { return each.first == name; });
  return found == values.rend() ? nullptr : &found->second;
}

}  // namespace lamina::cli
