#include "workbench/search/search_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/option_json.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int kVersion = 1;

std::string one_line(const ordered_json& object) {
  return object.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

ordered_json json_of(const SearchPlan& plan) {
  ordered_json flags = ordered_json::object(), ranges = ordered_json::object();
  for (const auto& [flag, value] : plan.flags) flags[flag] = value;
  for (const Range& range : plan.ranges) ranges[range.flag()] = range.text();
  return {{"lamina_search", kVersion},    {"flags", flags},    {"search", ranges},
          {"trials", plan.trials},        {"seed", plan.seed}, {"halving", plan.halving},
          {"first_rung", plan.first_rung}};
}

ordered_json json_of(const TrialPart& part) {
  const TrialState& state = part.state;
  ordered_json line = {{"trial", part.trial + 1},
                       {"rung", part.rung + 1},
                       {"epochs", state.epochs},
                       {"ended", state.ended},
                       {"best_val_acc", state.best_val_acc},
                       {"train_acc", state.train_acc},
                       {"loss", state.loss},
                       {"val_acc", state.val_acc},
                       {"parameters", state.parameters},
                       {"seconds", state.seconds},
                       {"error", state.error}};
  if (!part.net.empty()) line["net"] = part.net;
  return line;
}

/// A whole number that is not negative.
Index whole_number(const ordered_json& object, const char* key) {
  const ordered_json& value = object.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >> 63 != 0)
    fail("search", "expected ", key, " to be a whole number, found ", value.dump());
  return value.get<Index>();
}

ordered_json parse_line(const std::string& line) {
  if (nests_deeply(line)) return ordered_json::value_t::discarded;
  return ordered_json::parse(line, nullptr, false);
}

TrialPart part_of(const ordered_json& object) {
  TrialPart part;
  part.trial = whole_number(object, "trial") - 1;
  part.rung = whole_number(object, "rung") - 1;
  part.state.epochs = whole_number(object, "epochs");
  part.state.ended = object.at("ended").get<bool>();
  part.state.best_val_acc = object.at("best_val_acc").get<double>();
  part.state.train_acc = object.at("train_acc").get<double>();
  part.state.loss = object.at("loss").get<double>();
  part.state.val_acc = object.at("val_acc").get<std::vector<double>>();
  part.state.parameters = whole_number(object, "parameters");
  part.state.seconds = object.at("seconds").get<double>();
  part.state.error = object.at("error").get<std::string>();
  part.net = object.value("net", "");
  return part;
}

/// Throws where a member of a journal's first line is missing or of another kind than the command writes.
void check_plan(const fs::path& path, const ordered_json& header) {
  const auto texts = [](const ordered_json& value) {
    return value.is_object() && std::all_of(value.begin(), value.end(), [](const auto& v) { return v.is_string(); });
  };
  for (const char* key : {"flags", "search"})
    if (!header.contains(key) || !texts(header[key]))
      fail_file("search", path, "expected the plan of a search with ", key, ", found none");
  struct Number {
    const char* key;
    Index least, most;
  };
  constexpr Number kNumbers[] = {
      {"trials", 1, 100'000}, {"seed", 0, 0xffff'ffff}, {"halving", 1, 1000}, {"first_rung", 1, 0x7fff'ffff}};
  for (const Number& n : kNumbers)
    if (!header.contains(n.key) || !header[n.key].is_number_unsigned() || header[n.key] < n.least ||
        header[n.key] > n.most)
      fail_file("search", path, "expected the plan of a search with ", n.key, " of ", n.least, " to ", n.most,
                ", found another");
  for (const char* key : {"data_digest", "instruction_set"})
    if (header.contains(key) && !header[key].is_string())
      fail_file("search", path, "expected the plan of a search with a text ", key, ", found another");
}

/// Parses and checks the first line of a journal.
ordered_json header_of(const fs::path& path, const std::string& text) {
  const ordered_json header = parse_line(text.substr(0, text.find('\n')));
  if (!header.is_object() || !header.contains("lamina_search"))
    fail_file("search", path, "expected the journal of a search, found another file");
  if (header["lamina_search"] != kVersion)
    fail_file("search", path, "expected a journal of version ", kVersion, ", found ", header["lamina_search"].dump());
  check_plan(path, header);
  return header;
}

SearchPlan plan_of(const fs::path& path, const ordered_json& header) {
  SearchPlan plan;
  try {
    for (const auto& [flag, value] : header.at("flags").items()) plan.flags.emplace_back(flag, value);
    for (const auto& [flag, text] : header.at("search").items())
      plan.ranges.emplace_back(flag, text.get<std::string>());
    plan.trials = header.at("trials");
    plan.seed = header.at("seed");
    plan.halving = header.at("halving");
    plan.first_rung = header.at("first_rung");
  } catch (const std::exception& cause) {
    fail_file("search", path, "not the plan of a search: ", cause.what());
  }
  return plan;
}

/// Empty where the object has no such key.
std::string text_of(const ordered_json& object, const std::string& key) {
  if (!object.contains(key)) return "";
  return object[key].is_string() ? object[key].get<std::string>() : object[key].dump();
}

/// "with --reg 1, not 2", "with --reg 1, now without", "without --mirror, now with it".
std::string difference(const std::string& flag, const std::string& was, const std::string& is) {
  const auto value = [](const std::string& text) { return text == "true" ? "" : " " + text; };
  if (was.empty()) return "without " + flag + ", now with" + (is == "true" ? " it" : value(is));
  return "with " + flag + value(was) + (is.empty() ? ", now without" : ", not" + value(is));
}

/// Throws if a value of `now` differs from that of `then`.
void check_same(const fs::path& path, const std::string& prefix, const ordered_json& then, const ordered_json& now) {
  for (const ordered_json* side : {&then, &now})
    for (const auto& item : side->items())
      if (const std::string& key = item.key(); text_of(then, key) != text_of(now, key))
        fail_file("search", path.parent_path(), "holds a search that was started ",
                  difference(prefix + key, text_of(then, key), text_of(now, key)),
                  "; choose another --out, or replace it by --overwrite");
}

std::string number(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

}  // namespace

fs::path journal_path(const fs::path& directory) { return directory / "search.jsonl"; }
bool holds_search(const fs::path& directory) { return fs::exists(journal_path(directory)); }

SearchPlan read_plan(const fs::path& directory) {
  const fs::path path = journal_path(directory);
  if (!fs::exists(path)) fail_file("search", directory, "expected the directory of a search, found none");
  return plan_of(path, header_of(path, read_file(path)));
}

SearchJournal::SearchJournal(const fs::path& path, const SearchPlan& plan, const std::string& data_digest)
    : path_(path) {
  if (fs::exists(path))
    read(plan, data_digest);
  else
    begin(plan, data_digest);
  file_ = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) fail_file("search", path, "cannot be written: ", std::strerror(errno));
}

SearchJournal::~SearchJournal() {
  if (file_ >= 0) close(file_);
}

void SearchJournal::begin(const SearchPlan& plan, const std::string& data_digest) {
  instruction_set = kernels::target_name();
  ordered_json header = json_of(plan);
  header["data_digest"] = data_digest;
  header["instruction_set"] = instruction_set;
  write_file_atomically(path_, one_line(header));
}

void SearchJournal::read(const SearchPlan& plan, const std::string& data_digest) {
  const std::string text = read_file(path_);
  ordered_json then = header_of(path_, text);
  ordered_json now = json_of(plan);
  instruction_set = then.value("instruction_set", std::string());
  const std::string digest = then.value("data_digest", std::string());
  for (ordered_json* side : {&then, &now}) (*side)["flags"].erase("data-dir");  // the digest identifies the data
  check_same(path_, "--", then["flags"], now["flags"]);
  check_same(path_, "--search ", then["search"], now["search"]);
  const bool grown = plan.halving == 1 && then["halving"] == 1 && plan.trials > then.value("trials", Index{0});
  for (const char* key : {"flags", "search", "data_digest", "instruction_set", "lamina_search"}) {
    then.erase(key);
    now.erase(key);
  }
  if (grown) then["trials"] = plan.trials;
  check_same(path_, "--", then, now);
  if (digest != data_digest)
    fail_file("search", path_.parent_path(), "expected the data that the search started with (", digest,
              "), found others (", data_digest, "); others need a new search, with another --out");

  std::size_t at = text.find('\n') + 1;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    const bool last = end == std::string::npos || end + 1 == text.size();
    try {
      if (end == std::string::npos) throw std::invalid_argument("a line that was cut off");
      parts.push_back(part_of(parse_line(text.substr(at, end - at))));
    } catch (const std::exception& cause) {
      if (!last) fail_file("search", path_, "not the journal of a search: ", cause.what());
      break;  // an incomplete line, left when the process was killed
    }
    at = end + 1;
  }
  if (grown) {
    ordered_json header = header_of(path_, text);
    header["trials"] = plan.trials;
    const std::size_t first = text.find('\n') + 1;
    write_file_atomically(path_, one_line(header) + text.substr(first, at - first));
  } else if (at < text.size()) {
    write_file_atomically(path_, text.substr(0, at));
  }
}

void SearchJournal::append(const TrialPart& part) {
  const std::string line = one_line(json_of(part));
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t n = write(file_, line.data() + at, line.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_file("search", path_, "cannot be written: ", std::strerror(errno));
    at += static_cast<std::size_t>(n);
  }
  if (fdatasync(file_) != 0) fail_file("search", path_, "cannot be written: ", std::strerror(errno));
}

std::string trials_csv(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result) {
  std::string text = "trial,seed";
  for (const Range& range : plan.ranges) text += "," + quoted(range.flag());
  text += ",status,epochs,best_val_acc,train_acc,loss,parameters,seconds,error\n";
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const TrialState& state = result.states[i];
    text += std::to_string(i + 1) + "," + std::to_string(trials[i].seed);
    for (const std::string& value : trials[i].values) text += "," + quoted(value);
    text += "," + std::string(name_of(result.status[i])) + "," + std::to_string(state.epochs);
    const bool begun = !state.val_acc.empty();
    text += "," + (begun ? number(state.best_val_acc) : "") + "," + (begun ? number(state.train_acc) : "") + ",";
    text += begun || state.loss != 0 ? number(state.loss) : "";
    text += "," + (state.parameters > 0 ? std::to_string(state.parameters) : "") + "," +
            fmt::format("{:.3f}", state.seconds) + "," + quoted(state.error) + "\n";
  }
  return text;
}

}  // namespace lamina
